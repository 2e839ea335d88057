//! Which protocol a fresh connection speaks.

use bytes::BytesMut;
use std::time::Duration;
use tokio::{
    io::{AsyncRead, AsyncReadExt},
    time::timeout,
};

/// What a client with prior knowledge sends first (RFC 9113, 3.4).
const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";

/// The protocol of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Protocol {
    Http1,
    Http2,
}

/// Reads until the first bytes tell, and hands back what was read. `None`: the peer left or said nothing in time.
pub(crate) async fn sniff<IO: AsyncRead + Unpin>(
    io: &mut IO,
    limit: Duration,
) -> Option<(Protocol, BytesMut)> {
    let mut read = BytesMut::with_capacity(2048);
    let decided = timeout(limit, async {
        loop {
            let common = read.len().min(PREFACE.len());
            if read[..common] != PREFACE[..common] {
                return Some(Protocol::Http1);
            }
            if common == PREFACE.len() {
                return Some(Protocol::Http2);
            }
            match io.read_buf(&mut read).await {
                Ok(0) if read.is_empty() => return None,
                Ok(0) => return Some(Protocol::Http1),
                Ok(_) => {}
                Err(_) => return None,
            }
        }
    })
    .await;
    match decided {
        Ok(protocol) => protocol.map(|protocol| (protocol, read)),
        // Half a preface is answered like half a head.
        Err(_) if !read.is_empty() => Some((Protocol::Http1, read)),
        Err(_) => None,
    }
}
