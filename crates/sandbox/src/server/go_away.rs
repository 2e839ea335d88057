//! An HTTP/2 connection that ends below its first stream (RFC 9113, section 6.8).

use std::io;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// The length of the client's connection preface (RFC 9113, section 3.4).
const PREFACE: usize = 24;
const HEADERS: u8 = 1;
/// A `SETTINGS` frame without settings: length 0, type 4, no flags, stream 0.
const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
/// `GOAWAY` with last stream 0 and `NO_ERROR`: length 8, type 7, no flags, stream 0.
const GO_AWAY: [u8; 17] = [0, 0, 8, 7, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

/// Waits for the first request, answers it with `GOAWAY`, and closes the connection.
pub(super) async fn go_away<S: AsyncRead + AsyncWrite + Unpin>(mut stream: S) -> io::Result<()> {
    let mut preface = [0; PREFACE];
    stream.read_exact(&mut preface).await?;
    if !preface.starts_with(b"PRI * HTTP/2.0") {
        return Ok(());
    }
    stream.write_all(&SETTINGS).await?;
    stream.flush().await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [high, middle, low, kind, ..] = head;
        let length = u64::from(high) << 16 | u64::from(middle) << 8 | u64::from(low);
        tokio::io::copy(&mut (&mut stream).take(length), &mut tokio::io::sink()).await?;
        if kind == HEADERS {
            break;
        }
    }
    stream.write_all(&GO_AWAY).await?;
    stream.shutdown().await?;
    // Reading to the end keeps the system from resetting the connection before the frame is read.
    tokio::io::copy(&mut stream, &mut tokio::io::sink()).await?;
    Ok(())
}
