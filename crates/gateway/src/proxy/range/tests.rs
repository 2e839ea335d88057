use super::*;

fn asked(method: &Method, fields: &[(&'static str, &'static str)]) -> (RequestedPart, HeaderMap) {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
    }
    (RequestedPart::take(method, &mut headers), headers)
}

fn bytes(span: Span) -> RequestedPart {
    RequestedPart::Bytes(RANGE, span)
}

fn answer(
    asked: &RequestedPart,
    status: u16,
    fields: &[(HeaderName, &'static str)],
) -> (Result<Part, CallError>, Head) {
    let mut head = Response::new(()).into_parts().0;
    head.status = StatusCode::from_u16(status).unwrap();
    for (name, value) in fields {
        head.headers.append(name.clone(), HeaderValue::from_static(value));
    }
    (asked.answered(&Method::GET, &mut head, || 10), head)
}

#[test]
fn one_range_of_bytes_is_asked_for_with_more_on_both_sides() {
    for (value, span, widened) in [
        ("bytes=100-199", Span::From(100, Some(199)), "bytes=90-209"),
        ("Bytes=5-5", Span::From(5, Some(5)), "bytes=0-15"),
        ("bytes=100-", Span::From(100, None), "bytes=90-"),
        ("bytes=-7", Span::Last(7), "bytes=-17"),
        ("bytes=0-18446744073709551615", Span::From(0, Some(u64::MAX)), "bytes=0-18446744073709551615"),
    ] {
        let (asked, mut headers) = asked(&Method::GET, &[("range", value), ("if-range", "\"v1\"")]);
        assert_eq!(asked, bytes(span), "{value}");
        assert!(headers.contains_key(IF_RANGE) && !headers.contains_key(RANGE), "{value}");
        asked.ask(&mut headers, || 10);
        assert_eq!(headers[RANGE], widened, "{value}");
    }
    let (asked, mut headers) = asked(&Method::GET, &[("x-ms-range", "bytes=100-199")]);
    asked.ask(&mut headers, || 10);
    assert_eq!((headers.len(), &headers["x-ms-range"]), (1, &HeaderValue::from_static("bytes=90-209")));
}

#[test]
fn several_ranges_and_unclear_ones_stay_behind() {
    for fields in [
        &[("range", "bytes=1-2,4-5")][..],
        &[("range", "bytes=1-2"), ("range", "bytes=4-5")],
        &[("range", "bytes=1-2"), ("x-ms-range", "bytes=4-5")],
        &[("range", "bytes = 1-2")],
        &[("range", "bytes=1 -2")],
        &[("range", "bytes=+1-2")],
        &[("range", "bytes=2-1")],
        &[("range", "bytes=-0")],
        &[("range", "bytes=-")],
        &[("range", "bytes=1-99999999999999999999")],
        &[("range", "x;bytes=1-2")],
        &[("range", "bytes 1-2")],
    ] {
        let with = [fields, &[("if-range", "\"v1\"")]].concat();
        let (asked, headers) = asked(&Method::GET, &with);
        assert_eq!((asked, headers.len()), (RequestedPart::Whole, 0), "{fields:?}");
    }
    let (other, headers) = asked(&Method::GET, &[("range", "id ..; max=10")]);
    assert_eq!((other, headers.len()), (RequestedPart::Other, 1));
    let (head, headers) = asked(&Method::HEAD, &[("range", "bytes=1-2,4-5")]);
    assert_eq!((head, headers.len()), (RequestedPart::Whole, 1), "an answer to HEAD has no body");
}

#[test]
fn the_part_that_was_asked_for_is_cut_out() {
    let from = |first, last| bytes(Span::From(first, last));
    for (asked, range, skip, keep, said) in [
        (from(100, Some(199)), "bytes 90-209/1000", 10, 100, "bytes 100-199/1000"),
        (from(100, Some(199)), "bytes 90-149/150", 10, 50, "bytes 100-149/150"),
        (from(5, Some(9)), "bytes 0-19/1000", 5, 5, "bytes 5-9/1000"),
        (from(100, None), "bytes 90-999/1000", 10, 900, "bytes 100-999/1000"),
        (from(100, Some(199)), "bytes 0-299/*", 100, 100, "bytes 100-199/*"),
        (bytes(Span::Last(7)), "bytes 983-999/1000", 10, 7, "bytes 993-999/1000"),
        (bytes(Span::Last(7)), "bytes 0-3/4", 0, 4, "bytes 0-3/4"),
        // The provider sends less than it was asked for: so does the gateway.
        (from(100, Some(199)), "bytes 90-179/1000", 10, 70, "bytes 100-169/1000"),
    ] {
        let (part, head) = answer(&asked, 206, &[(CONTENT_RANGE, range)]);
        assert_eq!(part, Ok(Part::Within(Window { skip, keep })), "{range}");
        assert_eq!(head.headers[CONTENT_RANGE], said);
    }
    let (part, head) =
        answer(&from(100, None), 206, &[(CONTENT_RANGE, "bytes 90-95/96"), (CONTENT_LENGTH, "6")]);
    assert_eq!((part, head.status), (Ok(Part::Behind), StatusCode::RANGE_NOT_SATISFIABLE));
    assert_eq!(
        (head.headers.len(), &head.headers[CONTENT_RANGE]),
        (1, &HeaderValue::from_static("bytes */96"))
    );
}

#[test]
fn tm_o16_parts_that_cannot_be_placed_are_refused() {
    let asked = bytes(Span::From(100, Some(199)));
    let refused: &[&[(HeaderName, &'static str)]] = &[
        &[],
        &[(CONTENT_RANGE, "bytes 100-199/1000")],
        &[(CONTENT_RANGE, "bytes 95-209/1000")],
        &[(CONTENT_RANGE, "bytes 90-105/1000")],
        &[(CONTENT_RANGE, "bytes 209-90/1000")],
        &[(CONTENT_RANGE, "bytes 90-209/200")],
        &[(CONTENT_RANGE, "x 90-209/1000")],
        &[(CONTENT_RANGE, "bytes 90-209/1000"), (CONTENT_RANGE, "bytes 0-119/1000")],
        &[(CONTENT_RANGE, "bytes 90-209/1000"), (CONTENT_LENGTH, "7")],
        &[(CONTENT_RANGE, "bytes 90-209/1000"), (CONTENT_TYPE, "Multipart/ByteRanges; boundary=b")],
    ];
    for fields in refused {
        assert_eq!(answer(&asked, 206, fields).0, Err(CallError::UninspectablePart), "{fields:?}");
    }
    // A part in bytes that was not asked for, whatever its status says.
    for (asked, status) in [
        (RequestedPart::Whole, 206),
        (RequestedPart::Whole, 200),
        (RequestedPart::Other, 206),
        (asked.clone(), 200),
    ] {
        let part = answer(&asked, status, &[(CONTENT_RANGE, "bytes 100-199/1000")]).0;
        assert_eq!(part, Err(CallError::UninspectablePart), "{asked:?} {status}");
    }
    assert!(answer(&RequestedPart::Other, 206, &[]).0.is_err());
    let parts = [(CONTENT_TYPE, "multipart/x-byteranges; boundary=b")];
    assert!(answer(&RequestedPart::Whole, 200, &parts).0.is_err());
    for (asked, status, fields) in [
        (&asked, 200, &[][..]),
        (&asked, 416, &[(CONTENT_RANGE, "bytes */50")]),
        (&asked, 200, &[(CONTENT_RANGE, "bytes 0-99/100")]),
        // Microsoft Graph: some of what was searched did not answer.
        (&RequestedPart::Whole, 206, &[]),
        (&RequestedPart::Whole, 206, &[(CONTENT_RANGE, "bytes 0-99/100")]),
        (&RequestedPart::Other, 206, &[(CONTENT_RANGE, "id a..b")]),
    ] {
        assert_eq!(answer(asked, status, fields).0, Ok(Part::Whole), "{asked:?} {status} {fields:?}");
    }
}

#[tokio::test]
async fn a_body_is_cut_wherever_its_frames_end() {
    for size in 1..12 {
        let frames: Vec<_> =
            b"0123456789".chunks(size).map(|frame| Ok(Frame::data(Bytes::from(frame)))).collect();
        let inner = http_body_util::StreamBody::new(futures_util::stream::iter(frames));
        let cut = Part::Within(Window { skip: 3, keep: 4 }).cut(Response::new(inner.boxed_unsync()));
        assert_eq!(http_body::Body::size_hint(cut.body()).exact(), Some(4));
        assert_eq!(cut.into_body().collect().await.unwrap().to_bytes(), "3456");
    }
    let short = Part::Within(Window { skip: 3, keep: 8 }).cut(Response::new(body::full("0123456789")));
    assert!(short.into_body().collect().await.is_err(), "a part that ends early is no whole one");
}
