//! Heads that are not complete, of many connections at once, and what comes out of the guard.

use std::sync::Arc;
use std::time::Duration;

use bytes::BytesMut;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream, duplex};

use super::{Fault, head::HeadRules, http1};
use crate::room::Room;
use crate::server::connection_state::ConnState;

struct Peer {
    client: DuplexStream,
    guard: http1::Guard<DuplexStream>,
    state: Arc<ConnState>,
}

fn connected(room: &Room) -> Peer {
    let (client, server) = duplex(64 * 1024);
    let rules = HeadRules { uri: 8 * 1024, headers: 32 * 1024, header_count: 100, host_may_lack: false };
    let second = Duration::from_secs(1);
    let options = http1::GuardOptions { rules, header: 10 * second, idle: 10 * second };
    let state = Arc::new(ConnState::default());
    let guard = http1::Guard::new(server, BytesMut::new(), options, Arc::clone(&state), room.share());
    Peer { client, guard, state }
}

/// Whether a request comes out of the guard: the one that was sent, or the one that stands in for a refused head.
async fn comes_out(peer: &mut Peer) -> bool {
    let mut out = [0; 1];
    tokio::time::timeout(Duration::from_millis(1), peer.guard.read(&mut out)).await.is_ok()
}

async fn begin(peer: &mut Peer, length: usize) -> bool {
    let head = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "x".repeat(length));
    peer.client.write_all(head.as_bytes()).await.unwrap();
    comes_out(peer).await
}

#[tokio::test(start_paused = true)]
async fn tm_a13_heads_that_are_not_complete_share_a_bounded_room() {
    let room = Room::new(8 * 1024);
    let (mut first, mut second, mut short) = (connected(&room), connected(&room), connected(&room));
    assert!(!begin(&mut first, 10_000).await);
    assert!(begin(&mut second, 10_000).await);
    assert_eq!(second.state.next().map(|refused| refused.fault), Some(Fault::Crowded));
    assert!(!begin(&mut short, 3_000).await, "usual heads need no room");
    // While there is little left, a long head has a second.
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert!(comes_out(&mut first).await);
    assert_eq!(first.state.next().map(|refused| refused.fault), Some(Fault::Timeout));
    let mut third = connected(&room);
    assert!(!begin(&mut third, 10_000).await);
    third.client.write_all(b"\r\n\r\n").await.unwrap();
    assert!(comes_out(&mut third).await);
    assert!(third.state.next().is_none());
    assert!(room.share().grow(8 * 1024), "a complete head holds nothing");
}

#[tokio::test]
async fn one_whole_and_valid_head_comes_out_at_a_time_and_nothing_of_another() {
    const HEAD: &str = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";
    const POST: &str = "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";
    let stand_in = "GET / HTTP/1.1\r\nhost: refused.invalid\r\nconnection: close\r\n\r\n";
    let room = Room::new(8 * 1024);
    for (sent, expected) in [
        (HEAD.to_owned(), HEAD),
        (format!("\r\n{HEAD}"), HEAD),
        (format!("{HEAD}{HEAD}"), HEAD),
        (format!("{POST}ab{HEAD}"), POST),
        ("GET /a HTTP/1.1\r\nhost: a\r\nx : y\r\n\r\n".to_owned(), stand_in),
        (format!("GET /a HTTP/1.1\r\nhost: a\r\nx: \0\r\n\r\n{HEAD}"), stand_in),
    ] {
        let mut peer = connected(&room);
        peer.client.write_all(sent.as_bytes()).await.unwrap();
        let mut out = [0; 512];
        let length = peer.guard.read(&mut out).await.unwrap();
        assert_eq!(str::from_utf8(&out[..length]).unwrap(), expected, "{sent:?}");
    }
}

#[tokio::test]
async fn a_whole_head_takes_no_room_whatever_comes_behind_it() {
    const HEAD: &str = "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 6000\r\n\r\n";
    let room = Room::new(8 * 1024);
    let mut others = room.share();
    assert!(others.grow(8 * 1024));
    let mut peer = connected(&room);
    peer.client.write_all(format!("{HEAD}{}", "b".repeat(6_000)).as_bytes()).await.unwrap();
    let mut out = [0; 8 * 1024];
    let length = peer.guard.read(&mut out).await.unwrap();
    assert_eq!(str::from_utf8(&out[..length]).unwrap(), HEAD);
    assert!(peer.state.next().is_none());
}

#[tokio::test]
async fn a_head_for_which_there_is_no_room_is_refused_by_its_method() {
    let room = Room::new(8 * 1024);
    let mut others = room.share();
    assert!(others.grow(8 * 1024));
    let mut peer = connected(&room);
    let head = format!("HEAD /a HTTP/1.1\r\nhost: a\r\nx: {}", "x".repeat(5_000));
    peer.client.write_all(head.as_bytes()).await.unwrap();
    let mut out = [0; 8 * 1024];
    let length = peer.guard.read(&mut out).await.unwrap();
    assert!(str::from_utf8(&out[..length]).unwrap().starts_with("HEAD "), "its answer has no body");
    assert_eq!(peer.state.next().map(|refused| refused.fault), Some(Fault::Crowded));
}

#[tokio::test(start_paused = true)]
async fn tm_a13_a_head_that_is_not_complete_takes_room_also_where_it_came_behind_something() {
    const GET: &str = "GET /a HTTP/1.1\r\nhost: a\r\n\r\n";
    const POST: &str = "POST /a HTTP/1.1\r\nhost: a\r\ncontent-length: 2\r\n\r\n";
    let begun = format!("GET / HTTP/1.1\r\nhost: a\r\nx: {}", "x".repeat(10_000));
    for (first, then) in [(String::new(), GET), (POST.to_owned(), "ab")] {
        let room = Room::new(8 * 1024);
        let mut peer = connected(&room);
        let mut out = [0; 16 * 1024];
        if !first.is_empty() {
            peer.client.write_all(first.as_bytes()).await.unwrap();
            assert_eq!(peer.guard.read(&mut out).await.unwrap(), first.len());
        }
        peer.client.write_all(format!("{then}{begun}").as_bytes()).await.unwrap();
        assert_eq!(peer.guard.read(&mut out).await.unwrap(), then.len());
        assert!(!comes_out(&mut peer).await);
        assert!(!room.share().grow(8 * 1024), "behind {then:?}");
    }
}
