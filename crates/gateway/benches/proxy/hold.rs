//! Clients that begin something and do not go on: bodies that are not sent, answers that are not read.

use std::io::Read as _;

use serde::Deserialize;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// What to hold, as a file of JSON.
#[derive(Deserialize)]
struct Settings {
    address: String,
    /// What each of them sends.
    text: String,
    count: usize,
    /// Whether each of them waits for the beginning of an answer.
    waits: bool,
}

/// Opens the connections, says how many there are, and holds them until its standard input ends.
pub(super) async fn run(file: &str) {
    let settings: Settings = serde_json::from_slice(&std::fs::read(file).unwrap()).unwrap();
    let mut held = Vec::new();
    for _ in 0..settings.count {
        let mut stream = TcpStream::connect(&settings.address).await.unwrap();
        stream.write_all(settings.text.as_bytes()).await.unwrap();
        held.push(stream);
    }
    if settings.waits {
        for stream in &mut held {
            stream.read_exact(&mut [0; 12]).await.unwrap();
        }
    }
    println!("{}", held.len());
    let _ = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await;
}
