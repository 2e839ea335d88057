use http_body_util::{BodyExt, StreamBody};

use super::*;

fn chunks(parts: &[&'static str]) -> Body {
    let frames: Vec<Result<Frame<Bytes>, BoxError>> =
        parts.iter().map(|part| Ok(Frame::data(Bytes::from_static(part.as_bytes())))).collect();
    StreamBody::new(futures_util::stream::iter(frames)).boxed_unsync()
}

async fn text(body: Body) -> String {
    String::from_utf8(body.collect().await.unwrap().to_bytes().to_vec()).unwrap()
}

#[tokio::test]
async fn short_declared_bodies_can_be_sent_again() {
    let progress = Progress::new();
    let mut payload = Payload::prepare(body::full("hello"), 5).await.unwrap();
    for _ in 0..2 {
        assert!(payload.is_replayable());
        assert_eq!(text(payload.body(&progress).unwrap()).await, "hello");
    }
}

#[tokio::test]
async fn streamed_bodies_can_be_sent_again_once_they_have_passed_whole() {
    let progress = Progress::new();
    let mut payload = Payload::prepare(chunks(&["ab", "cd"]), 4).await.unwrap();
    assert_eq!(text(payload.body(&progress).unwrap()).await, "abcd");
    assert!(payload.is_replayable());
    assert_eq!(text(payload.body(&progress).unwrap()).await, "abcd");
}

#[tokio::test]
async fn long_or_unfinished_bodies_cannot_be_sent_again() {
    let progress = Progress::new();
    let mut payload = Payload::prepare(chunks(&["ab", "cd"]), 3).await.unwrap();
    assert_eq!(text(payload.body(&progress).unwrap()).await, "abcd");
    assert!(!payload.is_replayable() && payload.body(&progress).is_none());
    let mut payload = Payload::prepare(chunks(&["ab", "cd"]), 9).await.unwrap();
    let mut half = payload.body(&progress).unwrap();
    half.frame().await.unwrap().unwrap();
    assert!(!payload.is_replayable());
    let mut payload = Payload::prepare(body::full("hello!"), 5).await.unwrap();
    assert_eq!(text(payload.body(&progress).unwrap()).await, "hello!");
    assert!(!payload.is_replayable());
}

#[tokio::test]
async fn reading_ahead_loses_nothing() {
    match read_ahead(chunks(&["ab", "cd", "ef"]), 3).await.unwrap() {
        Read::Partial(first, rest) => {
            assert_eq!(&first[..], b"abcd");
            assert_eq!(text(Prefixed::body(first, rest)).await, "abcdef");
        }
        Read::Whole(_) => panic!("there is more"),
    }
    assert!(matches!(read_ahead(chunks(&["ab"]), 3).await.unwrap(), Read::Whole(all) if &all[..] == b"ab"));
}

#[tokio::test(start_paused = true)]
async fn a_provider_that_pauses_too_long_is_given_up() {
    let (sender, receiver) = tokio::sync::mpsc::channel::<Bytes>(1);
    let stream = futures_util::stream::unfold(
        receiver,
        |mut receiver: tokio::sync::mpsc::Receiver<Bytes>| async move {
            receiver.recv().await.map(|bytes| (Ok::<_, BoxError>(Frame::data(bytes)), receiver))
        },
    );
    let mut body = Timed::new(Box::pin(StreamBody::new(stream)), Duration::from_secs(5));
    sender.send(Bytes::from_static(b"a")).await.unwrap();
    assert!(body.frame().await.unwrap().is_ok());
    let error = body.frame().await.unwrap().unwrap_err();
    assert!(error.is::<UpstreamIdle>());
}
