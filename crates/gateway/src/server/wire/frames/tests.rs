use super::*;

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    let len = u8::try_from(payload.len()).expect("short");
    [&[0, 0, len, kind, flags, 0, 0, 0, 1], payload].concat()
}

#[tokio::test(start_paused = true)]
async fn tm_f09_floods_are_seen_at_any_split() {
    for kind in [2_u8, 4, 6, 3] {
        let flood = frame(kind, 0, &[0; 8]).repeat(600);
        for step in [1, 7, 17, 4096] {
            let mut meter = Meter::new(100);
            let seen = flood
                .chunks(step)
                .any(|part| meter.advance(part, &mut OpenStreams::default()) != Verdict::Fine);
            assert!(seen, "frame type {kind} in steps of {step}");
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_busy_but_honest_connection_is_left_alone() {
    let mut meter = Meter::new(100);
    for _ in 0..100 {
        let second = [
            frame(6, 0, &[0; 8]).repeat(50),
            frame(0, 0, &[1; 99]).repeat(500),
            frame(8, 0, &[0; 4]).repeat(1000),
        ]
        .concat();
        assert_eq!(meter.advance(&second, &mut OpenStreams::default()), Verdict::Fine);
        tokio::time::advance(Duration::from_secs(1)).await;
    }
}

#[tokio::test(start_paused = true)]
async fn an_open_header_block_is_timed() {
    let mut meter = Meter::new(100);
    meter.advance(&frame(HEADERS, 0, b"x"), &mut OpenStreams::default());
    tokio::time::advance(Duration::from_secs(3)).await;
    meter.advance(&frame(CONTINUATION, 0, b"x"), &mut OpenStreams::default());
    assert_eq!(meter.block_open_for(), Some(Duration::from_secs(3)));
    meter.advance(&frame(CONTINUATION, END_HEADERS, b"x"), &mut OpenStreams::default());
    assert_eq!(meter.block_open_for(), None);
}

#[test]
fn streams_are_open_until_they_are_answered_or_reset_on_either_side() {
    let of = |kind, flags, stream| FrameHead { kind, flags, stream, payload: 0 };
    let mut streams = OpenStreams::default();
    (0..4).for_each(|number| streams.received(of(HEADERS, 0, number * 2 + 1)));
    streams.received(of(HEADERS, END_STREAM, 1));
    assert_eq!(streams.count(), 4, "trailers open nothing");
    streams.sent(of(HEADERS, 0, 1));
    streams.sent(of(DATA, END_STREAM, 1));
    streams.sent(of(HEADERS, END_STREAM, 3));
    streams.received(of(RST_STREAM, 0, 5));
    streams.received(of(RST_STREAM, 0, 5));
    assert_eq!(streams.count(), 1);
    streams.sent(of(RST_STREAM, 0, 7));
    assert_eq!(streams.count(), 0);
}

/// After a GOAWAY no side answers or resets them.
#[test]
fn tm_f09_streams_that_are_never_finished_take_bounded_memory() {
    let of = |kind, stream| FrameHead { kind, flags: 0, stream, payload: 1 };
    let mut streams = OpenStreams::default();
    (0..200_000).for_each(|number| streams.received(of(HEADERS, number * 2 + 1)));
    assert_eq!(streams.count(), MOST_STREAMS);
    (0..200_000).for_each(|number| streams.sent(of(RST_STREAM, number * 2 + 1)));
    assert_eq!(streams.count(), 0);
}

#[test]
fn the_heads_of_frames_are_found_at_any_split() {
    let bytes =
        [frame(DATA, 0, &[7; 40]), frame(HEADERS, END_STREAM, b""), frame(DATA, END_STREAM, b"x")].concat();
    for step in 1..bytes.len() {
        let (mut frames, mut seen) = (Frames::default(), Vec::new());
        bytes
            .chunks(step)
            .for_each(|part| frames.heads(part, |head| seen.push((head.kind, head.flags, head.payload))));
        assert_eq!(seen, [(DATA, 0, 40), (HEADERS, END_STREAM, 0), (DATA, END_STREAM, 1)], "steps of {step}");
    }
}
