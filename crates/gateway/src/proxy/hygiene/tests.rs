use super::*;

fn kept(headers: &HeaderMap) -> EndToEnd<'_> {
    EndToEnd::of(headers).unwrap()
}

fn map(pairs: &[(&'static str, &str)]) -> HeaderMap {
    let mut headers = HeaderMap::new();
    for (name, value) in pairs {
        headers.append(HeaderName::from_static(name), HeaderValue::from_str(value).unwrap());
    }
    headers
}

fn names(headers: &HeaderMap) -> Vec<&str> {
    let mut names: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn tm_f07_nothing_of_the_callers_identity_goes_on() {
    let from = map(&[
        ("authorization", "Bearer caller"),
        ("dpop", "x"),
        ("cookie", "a=b"),
        ("proxy-authorization", "x"),
        ("forwarded", "for=1"),
        ("x-forwarded-for", "1"),
        ("x-forwarded-host", "h"),
        ("x-real-ip", "1"),
        ("x-client-ip", "1"),
        ("true-client-ip", "1"),
        ("cf-connecting-ip", "1"),
        ("client-ip", "1"),
        ("x-azure-clientip", "1"),
        ("x-remote-user", "ana"),
        ("x-goog-iap-jwt-assertion", "x"),
        ("x-goog-authenticated-user-email", "ana"),
        ("x-ms-client-principal", "x"),
        ("x-amzn-oidc-data", "x"),
        ("x-forwarded-client-cert", "x"),
        ("client-cert-chain", "x"),
        ("x-ssl-client-verify", "SUCCESS"),
        ("x-envoy-external-address", "1"),
        ("via", "1.1 x"),
        ("x-host", "h"),
        ("x-original-host", "h"),
        ("x-http-host-override", "h"),
        ("x-method", "GET"),
        ("x-http-verb", "GET"),
        ("x-auth0-whatever", "1"),
        ("x-http-method-override", "DELETE"),
        ("x-original-url", "/x"),
        ("x-rewrite-url", "/x"),
        ("origin", "https://a"),
        ("referer", "https://a"),
        ("sec-fetch-site", "cross-site"),
        ("idp-account", "x"),
        ("idp-errors", "problem"),
        ("accept-encoding", "gzip"),
        ("expect", "100-continue"),
        ("te", "trailers"),
        ("traceparent", "00-1"),
        ("tracestate", "a=b"),
        ("baggage", "a=b"),
        ("host", "gw"),
        ("content-length", "3"),
        ("transfer-encoding", "chunked"),
        ("accept", "*/*"),
        ("content-type", "text/plain"),
        ("if-none-match", "\"e\""),
        ("x-github-api-version", "2022-11-28"),
        ("range", "bytes=0-1"),
        ("x-request-id", "theirs"),
    ]);
    let to = forward(&kept(&from), false, "ours");
    assert_eq!(
        names(&to),
        [
            "accept",
            "accept-encoding",
            "content-type",
            "if-none-match",
            "range",
            "x-github-api-version",
            "x-request-id"
        ]
    );
    assert_eq!(to["accept-encoding"], "identity");
    assert_eq!(to["x-request-id"], "ours");
    assert!(!forward(&kept(&from), true, "ours").contains_key("range"));
}

#[test]
fn tm_a10_the_names_in_connection_cost_no_more_than_the_fields_of_the_message() {
    let invented: Vec<String> = (0..14_000).map(|number| format!("n{number}")).collect();
    let repeated = "x-secret,".repeat(3000);
    let from = map(&[
        ("connection", &invented.join(",")),
        ("connection", &repeated),
        ("x-secret", "1"),
        ("x-kept", "1"),
    ]);
    assert_eq!(Nominated::of(&from).0.len(), 1);
    assert_eq!(names(&forward(&kept(&from), false, "r")), ["accept-encoding", "x-kept"]);
}

#[test]
fn tm_f03_nominated_fields_go_in_both_directions() {
    let from = map(&[
        ("connection", "X-Secret , authorization,\u{e9}"),
        ("connection", "accept-encoding"),
        ("connection", "x-more, \u{e9}"),
        ("x-secret", "1"),
        ("x-more", "1"),
        ("x-kept", "1"),
    ]);
    let to = forward(&kept(&from), false, "r");
    assert_eq!(names(&to), ["accept-encoding", "x-kept"]);
    let mut answer = map(&[("connection", "x-internal"), ("x-internal", "1"), ("etag", "1")]);
    clean_answer(&mut answer, false);
    assert_eq!(names(&answer), ["etag"]);
}

/// The body is judged by what describes it: nothing of that may be gone when it is sent.
#[test]
fn tm_f03_what_describes_the_content_cannot_be_nominated() {
    for name in ["content-type", "Content-Encoding", "CONTENT-LANGUAGE"] {
        let field = HeaderName::from_bytes(name.as_bytes()).unwrap();
        let from = map(&[("connection", &format!("close, {name}")), ("content-type", "a/b")]);
        let absent = field != http::header::CONTENT_TYPE;
        assert_eq!(EndToEnd::of(&from).is_ok(), absent, "{name} is not there: {absent}");
        let mut from = from;
        from.insert(&field, HeaderValue::from_static("x"));
        assert_eq!(EndToEnd::of(&from).unwrap_err(), CallError::NominatedContent(field));
    }
}

#[test]
fn tm_c08_answers_are_private_and_lose_what_moves_browsers() {
    let mut answer = map(&[
        ("set-cookie", "a=b"),
        ("www-authenticate", "Bearer"),
        ("x-github-sso", "required"),
        ("alt-svc", "h3"),
        ("strict-transport-security", "x"),
        ("clear-site-data", "*"),
        ("access-control-allow-origin", "*"),
        ("content-security-policy-report-only", "x"),
        ("server", "x"),
        ("idp-outcome", "spoofed"),
        ("cache-control", "public, max-age=60"),
        ("vary", "Accept, origin"),
        ("etag", "\"e\""),
        ("x-ratelimit-remaining", "5"),
    ]);
    clean_answer(&mut answer, false);
    protect_answer(&mut answer, false);
    assert_eq!(
        names(&answer),
        [
            "cache-control",
            "content-security-policy",
            "cross-origin-resource-policy",
            "etag",
            "vary",
            "x-content-type-options",
            "x-ratelimit-remaining"
        ]
    );
    assert_eq!(answer["cache-control"], "private, no-store");
    assert_eq!(answer["vary"], "Accept, origin, Authorization, Idp-Account");
    assert_eq!(answer["cross-origin-resource-policy"], "same-origin");
}

#[test]
fn a_private_answer_keeps_its_own_words() {
    for own in ["private, max-age=60, s-maxage=60", "No-Store"] {
        let mut answer = map(&[("cache-control", own)]);
        protect_answer(&mut answer, true);
        assert_eq!(answer["cache-control"], own);
        assert_eq!(answer["cross-origin-resource-policy"], "cross-origin");
    }
    let mut answer = map(&[("cache-control", "private=\"set-cookie\"")]);
    protect_answer(&mut answer, true);
    assert_eq!(answer["cache-control"], "private, no-store");
}

#[test]
fn lengths_of_unsent_bodies_stay() {
    let mut answer = map(&[("content-length", "5")]);
    clean_answer(&mut answer, true);
    assert_eq!(answer["content-length"], "5");
}

#[test]
fn tm_o10_headers_for_caches_and_proxies_do_not_pass() {
    let mut headers = map(&[
        ("authorization", "Bearer x"),
        ("cdn-cache-control", "public"),
        ("cloudflare-cdn-cache-control", "public"),
        ("surrogate-control", "max-age=9"),
        ("x-accel-redirect", "/internal"),
        ("x-accel-buffering", "no"),
        ("x-sendfile", "/etc/passwd"),
        ("use-as-dictionary", "match=\"/*\""),
        ("set-login", "logged-in"),
        ("public-key-pins", "x"),
        ("public-key-pins-report-only", "x"),
        ("etag", "\"e\""),
    ]);
    clean_answer(&mut headers, false);
    assert_eq!(names(&headers), ["etag"]);
    for name in [
        "x-envoy-immediate-health-check-fail",
        "x-litespeed-cache-control",
        "netlify-cdn-cache-control",
        "akamai-cache-control",
        "edge-control",
        "edge-cache-tag",
        "x-drupal-cache-tags",
        "surrogate-key",
        "x-reproxy-url",
        "x-lighttpd-send-file",
        "x-sendfile2",
        "speculation-rules",
        "accept-ch",
        "critical-ch",
        "origin-trial",
        "secure-session-registration",
        "sec-session-registration",
        "attribution-reporting-register-source",
        "activate-storage-access",
        "optional-www-authenticate",
        "dictionary-id",
        "integrity-policy-report-only",
        "document-policy",
        "dpop-nonce",
        "traceparent",
        "baggage",
    ] {
        let mut headers = map(&[(name, "v1"), ("cache-control", "no-store"), ("x-ms-request-id", "1")]);
        clean_answer(&mut headers, false);
        assert_eq!(names(&headers), ["cache-control", "x-ms-request-id"], "{name}");
    }
}

/// A resumed download must never join the old and the new file: its validator means nothing at the download host.
#[test]
fn a_conditional_range_becomes_the_whole_download() {
    let headers = |fields: &[(&'static str, &'static str)]| -> HeaderMap {
        let field = |(name, value): &(&'static str, &'static str)| {
            (HeaderName::from_static(name), HeaderValue::from_static(value))
        };
        fields.iter().map(field).collect()
    };
    let alone = forward_to_download(&kept(&headers(&[("range", "bytes=5-"), ("authorization", "Bearer x")])));
    assert_eq!(alone, headers(&[("range", "bytes=5-"), ("accept-encoding", "identity")]));
    let nominated = [("connection", "range, user-agent"), ("range", "bytes=5-"), ("user-agent", "x")];
    assert_eq!(forward_to_download(&kept(&headers(&nominated))), headers(&[("accept-encoding", "identity")]));
    for condition in ["if-range", "if-match", "if-unmodified-since"] {
        let sent = forward_to_download(&kept(&headers(&[("range", "bytes=5-"), (condition, "\"v1\"")])));
        assert_eq!(sent, headers(&[("accept-encoding", "identity")]), "{condition}");
    }
}
