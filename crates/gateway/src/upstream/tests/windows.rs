//! What a provider may send ahead.

use super::*;

/// The identifier of SETTINGS_INITIAL_WINDOW_SIZE (RFC 9113, section 6.5.2).
const INITIAL_WINDOW_SIZE: [u8; 2] = [0, 4];

#[tokio::test]
async fn tm_a11_a_provider_may_send_one_window_ahead_on_each_stream() {
    let (send, mut receive) = tokio::sync::mpsc::unbounded_channel();
    let (client, addr) = provider(LONG, move |mut stream| {
        let send = send.clone();
        async move {
            // The preface, and the head of the SETTINGS that follow it.
            let mut head = [0; 24 + 9];
            stream.read_exact(&mut head).await.unwrap();
            let mut settings = vec![0; usize::from(head[25]) << 8 | usize::from(head[26])];
            stream.read_exact(&mut settings).await.unwrap();
            send.send(settings).unwrap();
        }
    })
    .await;
    let ended = answered(&client, call(addr, "GET"), &Progress::new()).await;
    assert!(ended.is_err(), "the provider hangs up");
    let settings = receive.recv().await.unwrap();
    let windows = settings.chunks(6).filter(|setting| setting[..2] == INITIAL_WINDOW_SIZE);
    let windows: Vec<&[u8]> = windows.map(|setting| &setting[2..]).collect();
    assert_eq!(windows, [STREAM_WINDOW.to_be_bytes()]);
}
