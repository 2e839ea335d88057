use super::*;

const RULES: HeadRules = HeadRules { uri: 100, headers: 400, header_count: 10, host_may_lack: false };

/// The answer for the whole text at once, checked to be the same byte by byte.
fn scan(text: &[u8]) -> Result<Option<Head>, Fault> {
    let whole = Scanner::default().scan(text, RULES);
    let mut slow = Scanner::default();
    let mut answer = Ok(None);
    for end in 1..=text.len() {
        answer = slow.scan(&text[..end], RULES);
        if !matches!(answer, Ok(None)) {
            break;
        }
    }
    assert_eq!(whole.is_err(), answer.is_err(), "{}", text.escape_ascii());
    if let (Ok(whole), Ok(slow)) = (whole, answer) {
        assert_eq!(whole, slow);
    }
    whole
}

fn framing(text: &str) -> Framing {
    scan(text.as_bytes()).expect("no fault").expect("complete").framing
}

#[test]
fn plain_heads_pass() {
    assert_eq!(framing("GET / HTTP/1.1\r\nHost: a\r\n\r\n"), Framing::Empty);
    assert_eq!(framing("POST /x?y=1 HTTP/1.1\r\nhost:a:80\r\nContent-Length: 7\r\n\r\n"), Framing::Length(7));
    assert_eq!(framing("PUT / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked \r\n\r\n"), Framing::Chunked);
    assert_eq!(framing("GET http://A/x HTTP/1.1\r\nHost: a\r\n\r\n"), Framing::Empty);
    assert_eq!(framing("GET / HTTP/1.0\r\nHost: a\r\n\r\n"), Framing::Empty);
    assert_eq!(
        framing("GET / HTTP/1.1\r\nHost: a\r\nX: \u{fc}\r\nExpect: 100-Continue\r\n\r\n"),
        Framing::Empty
    );
}

#[test]
fn http_1_0_needs_no_host_where_the_listener_says_so() {
    let probes = HeadRules { host_may_lack: true, ..RULES };
    let passes = |text: &str, rules| Scanner::default().scan(text.as_bytes(), rules).is_ok();
    assert!(passes("GET /readyz HTTP/1.0\r\n\r\n", probes));
    assert!(!passes("GET /readyz HTTP/1.0\r\n\r\n", RULES));
    assert!(!passes("GET /readyz HTTP/1.1\r\n\r\n", probes));
    assert!(!passes("GET http://a/readyz HTTP/1.0\r\n\r\n", probes));
    assert!(!passes("GET /readyz HTTP/1.0\r\nHost: a\r\nHost: b\r\n\r\n", probes));
}

#[test]
fn the_length_counts_this_head_alone() {
    let head = scan(b"\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\nGET /next").expect("no fault").expect("complete");
    assert_eq!((head.skip, head.len), (2, 27));
}

#[test]
fn limits_have_their_own_codes_and_fire_before_the_end() {
    let long = format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", "x".repeat(100));
    assert_eq!(scan(long.as_bytes()), Err(Fault::UriTooLong));
    assert_eq!(scan(format!("GET /{}", "x".repeat(200)).as_bytes()), Err(Fault::UriTooLong));
    let many = format!("GET / HTTP/1.1\r\nHost: a\r\n{}\r\n", "A: b\r\n".repeat(10));
    assert_eq!(scan(many.as_bytes()), Err(Fault::HeadersTooLarge));
    let large = format!("GET / HTTP/1.1\r\nHost: a\r\nA: {}", "b".repeat(500));
    assert_eq!(scan(large.as_bytes()), Err(Fault::HeadersTooLarge));
}

proptest::proptest! {
    /// Whatever passes here is read by hyper's parser as one request with the same framing fields.
    #[test]
    fn accepted_heads_mean_the_same_to_the_http_crate(
        method in "[A-Z]{1,8}", path in "/[!-~]{0,20}", name in "[!-~]{1,12}", value in "[ -~]{0,12}",
    ) {
        let text = format!("{method} {path} HTTP/1.1\r\nHost: a\r\n{name}: {value}\r\n\r\n");
        if let Ok(Some(head)) = scan(text.as_bytes()) {
            proptest::prop_assert_eq!(head.len, text.len());
            proptest::prop_assert!(http::HeaderName::from_bytes(name.split(':').next().unwrap_or_default().as_bytes()).is_ok());
            let uri: http::Uri = path.parse().expect("a target");
            proptest::prop_assert_eq!(uri.path_and_query().map(|p| p.as_str()), Some(path.as_str()));
        }
    }
}
