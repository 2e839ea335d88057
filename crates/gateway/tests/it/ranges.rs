//! Parts of answers (`Range`), of a provider that repeats the token.

use axum::Router;
use axum::body::Body;
use axum::http::{HeaderMap, Response, StatusCode};
use http::Method;

use crate::harness::{Answer, BEN, Rig};

/// Repeats the token within other text, whole or in part, as `http.ServeContent` of Go and the file servers of others do.
async fn echo(headers: HeaderMap) -> Response<Body> {
    let field = |name: &str| headers.get(name).map_or("", |value| value.to_str().unwrap());
    let token = field("authorization").split(' ').next_back().unwrap();
    let text = format!("{}your token is {token}.{}", "begin ".repeat(300), " end".repeat(300)).into_bytes();
    let ranges = field("range").strip_prefix("bytes=").unwrap_or_default();
    let spans: Vec<_> = ranges.split(',').filter_map(|range| span(range, text.len())).collect();
    let answer = Response::builder().header("content-type", "text/plain").header("accept-ranges", "bytes");
    let said = |(first, last)| format!("bytes {first}-{last}/{}", text.len());
    match spans[..] {
        [] if ranges.is_empty() => answer.body(text.into()).unwrap(),
        [] => {
            let range = format!("bytes */{}", text.len());
            answer
                .status(StatusCode::RANGE_NOT_SATISFIABLE)
                .header("content-range", range)
                .body(Body::empty())
                .unwrap()
        }
        [(first, last)] => answer
            .status(StatusCode::PARTIAL_CONTENT)
            .header("content-range", said((first, last)))
            .body(text[first..=last].to_vec().into())
            .unwrap(),
        _ => {
            let part = |&(first, last): &(usize, usize)| {
                let head = format!("--B\r\nContent-Range: {}\r\n\r\n", said((first, last)));
                [head.as_bytes(), &text[first..=last], b"\r\n"].concat()
            };
            Response::builder()
                .status(StatusCode::PARTIAL_CONTENT)
                .header("content-type", "multipart/byteranges; boundary=B")
                .body(spans.iter().flat_map(part).collect::<Vec<u8>>().into())
                .unwrap()
        }
    }
}

fn span(range: &str, length: usize) -> Option<(usize, usize)> {
    let (first, last) = range.split_once('-')?;
    let (first, last) = match (first.parse().ok(), last.parse().ok()) {
        (None, Some(count)) => (length.saturating_sub(count), length - 1),
        (first, last) => (first?, last.unwrap_or(length - 1).min(length - 1)),
    };
    (first <= last).then_some((first, last))
}

/// A rig whose providers all repeat tokens.
async fn rig() -> Rig {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let at = listener.local_addr().unwrap();
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(echo)).await });
    let section = |name| format!("[providers.{name}]\nbase_url = \"http://{at}\"\naccess = \"full\"\n");
    Rig::start(&["google", "microsoft", "bitbucket"].map(section).concat()).await
}

async fn part(rig: &Rig, method: Method, provider: &str, range: &str) -> Answer {
    let request = rig.request(method, &format!("/proxy/{provider}/v1.0/echo"), BEN);
    rig.send(request.header("range", range)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn tm_o16_no_range_shows_a_part_of_a_token() {
    let rig = rig().await;
    for provider in ["google", "microsoft", "bitbucket"] {
        let whole = rig.get(&format!("/proxy/{provider}/v1.0/echo"), BEN).await.body;
        let length = whole.len();
        let stars = memchr::memchr(b'*', &whole).unwrap();
        assert!(whole[stars..].starts_with(b"********"), "{provider}");
        for at in (stars.saturating_sub(40)..stars + 80).step_by(9) {
            for (range, first, last) in [
                (format!("bytes={at}-{}", at + 8), at, at + 8),
                (format!("bytes={at}-"), at, length - 1),
                (format!("bytes=-{}", length - at), at, length - 1),
                (format!("bytes=0-{at}"), 0, at),
            ] {
                let answer = part(&rig, Method::GET, provider, &range).await;
                assert_eq!(answer.outcome(), (206, "ok".into()), "{provider} {range}");
                assert_eq!(answer.header("content-range"), format!("bytes {first}-{last}/{length}"));
                assert_eq!(answer.header("content-length"), (last - first + 1).to_string());
                assert_eq!(answer.body, whole[first..=last], "{provider} {range}");
            }
        }
        for several in
            [format!("bytes={}-{},{}-{length}", stars, stars + 9, stars + 10), "bytes=x-".to_owned()]
        {
            let answer = part(&rig, Method::GET, provider, &several).await;
            assert_eq!((answer.status.as_u16(), answer.body), (200, whole.clone()), "{provider} {several}");
        }
    }
    rig.finish();
}

#[tokio::test(flavor = "multi_thread")]
async fn ranges_behind_the_end_are_refused_as_the_provider_would() {
    let rig = rig().await;
    let length = rig.get("/proxy/google/v1.0/echo", BEN).await.body.len();
    for behind in [length, length + 1_000_000] {
        let answer = part(&rig, Method::GET, "google", &format!("bytes={behind}-")).await;
        assert_eq!(answer.outcome(), (416, "provider-rejected".into()));
        assert_eq!(answer.header("content-range"), format!("bytes */{length}"));
        assert!(answer.body.is_empty());
    }
    let answer = part(&rig, Method::HEAD, "google", "bytes=0-9").await;
    assert_eq!((answer.status.as_u16(), answer.header("content-length")), (206, "10"));
    rig.finish();
}
