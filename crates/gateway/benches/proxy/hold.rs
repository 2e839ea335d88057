//! Clients that begin something and do not go on: bodies that are not sent, answers that are not read.

use std::io::Read as _;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What to hold, as a file of JSON.
#[derive(Deserialize)]
struct Settings {
    address: String,
    /// What they send, one after the other.
    texts: Vec<String>,
    count: usize,
    /// What each of them waits for.
    waits_for: Option<String>,
}

/// Opens the connections, says how many there are, and holds them until its standard input ends.
pub(super) async fn run(file: &str) {
    let settings: Settings = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut held = Vec::new();
    for text in settings.texts.iter().cycle().take(settings.count) {
        let mut stream = TcpStream::connect(&settings.address).await.unwrap();
        stream.write_all(text.as_bytes()).await.unwrap();
        held.push(stream);
    }
    if let Some(beginning) = settings.waits_for {
        let mut read = vec![0; beginning.len()];
        for stream in &mut held {
            stream.read_exact(&mut read).await.unwrap();
            assert_eq!(String::from_utf8_lossy(&read), beginning);
        }
    }
    println!("{}", held.len());
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}
