//! What holds for every adapter.

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

use crate::{Head, Kind, Outcome, Reply, Verdict, adapter, description::HostRule, testing::now};

const HEADERS: [&str; 12] = [
    "retry-after",
    "www-authenticate",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-oauth-scopes",
    "x-accepted-oauth-scopes",
    "x-accepted-github-permissions",
    "x-github-sso",
    "x-business-use-case-usage",
    "x-app-usage",
    "x-ad-account-usage",
    "content-type",
];

fn header_value() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        Just(b"0".to_vec()),
        Just(b"99999999999999999999".to_vec()),
        Just(b"1e308".to_vec()),
        Just(b"Fri, 31 Dec 9999 23:59:59 GMT".to_vec()),
        Just(br#"Bearer error="insufficient_scope", scope="a b"#.to_vec()),
        Just(br#"{"1":[{"estimated_time_to_regain_access":1e300}]}"#.to_vec()),
        "[ -~]{0,40}".prop_map(String::into_bytes),
        proptest::collection::vec(prop_oneof![0x20u8..0x7f, 0x80u8..=0xff], 0..40),
    ]
}

fn body() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200),
        (
            prop_oneof![Just("190"), Just("4"), Just("-1"), Just("1e99"), Just("\"x\""), Just("null")],
            "[ -~]{0,20}",
            prop_oneof![Just("rateLimitExceeded"), Just("accessNotConfigured"), Just("insufficientPermissions")]
        )
            .prop_map(|(code, message, reason)| {
                let message = serde_json::to_string(&message).unwrap_or_default();
                format!(
                    r#"{{"message":{message},"error":{{"code":{code},"message":{message},"detail":{{"required":["a"]}},"errors":[{{"reason":"{reason}"}},3]}}}}"#
                )
                .into_bytes()
            }),
        Just(b"<m:error><m:code>\xff".to_vec()),
        Just(br#"{"error":"invalid_grant"}"#.to_vec()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn classification_never_panics_and_never_contradicts_itself(
        status in 100u16..1000,
        list in proptest::collection::vec((0..HEADERS.len(), header_value()), 0..5),
        body in body(),
    ) {
        let mut headers = HeaderMap::new();
        for (index, value) in list {
            if let Ok(value) = HeaderValue::from_bytes(&value) {
                headers.append(HeaderName::from_static(HEADERS[index]), value);
            }
        }
        let status = StatusCode::from_u16(status).expect("in range");
        let head = Head::new(&Method::GET, status, &headers).target("graph.microsoft.com", "/v1.0/me");
        for kind in Kind::ALL {
            let adapter = adapter(kind);
            let whole = adapter.classify_body(&head, &body, now());
            if let Verdict::Known(known) = adapter.classify(&head, now()) {
                prop_assert_eq!(known.outcome, whole.outcome);
                prop_assert_eq!(known.retry_after, whole.retry_after);
            }
            prop_assert_eq!(whole.outcome == Outcome::Ok, status.as_u16() < 400);
            prop_assert!(whole.outcome != Outcome::RateLimited || whole.retry_after.is_some());
            prop_assert!(whole.detail.is_none_or(|detail| detail.len() <= 1024));
            let reply = Reply { status, headers: &headers, body: &body, at: now() };
            let _ = adapter.refresh_response(&reply);
            let _ = adapter.revoke_response(&reply);
            let _ = adapter.profile(&body);
            if status.as_u16() >= 500 {
                prop_assert!(!adapter.refresh_response(&reply).is_err_and(|error| error.is_permanent()));
            }
        }
    }

    #[test]
    fn no_spelling_of_a_denied_path_passes(
        encode in proptest::collection::vec(any::<bool>(), 40),
        capitals in proptest::collection::vec(any::<bool>(), 40),
        slashes in 1usize..3,
        tail in "[a-z]{0,6}",
        after in "((%3f|%23|%2523)[a-z]{0,3}(/x)?)?",
    ) {
        let cases = [
            (Kind::GitHub, format!("applications/{tail}")),
            (Kind::GitHub, "credentials/revoke".to_owned()),
            (Kind::GitHub, format!("api/v3/applications/{tail}")),
            (Kind::GitHub, "api/uploads/credentials/revoke".to_owned()),
            (Kind::Microsoft, "sites/a/_api/$batch".to_owned()),
            (Kind::Google, format!("batch/{tail}")),
            (Kind::Google, "oauth2/v3/tokeninfo".to_owned()),
            (Kind::Facebook, "v22.0/oauth/access_token".to_owned()),
            (Kind::Facebook, "debug_token".to_owned()),
            (Kind::Microsoft, "v1.0/$batch".to_owned()),
        ];
        for (kind, plain) in cases {
            let separator = "/".repeat(slashes);
            let mut path = separator.clone();
            for (index, c) in plain.chars().enumerate() {
                let c = if capitals[index % capitals.len()] { c.to_ascii_uppercase() } else { c };
                match c {
                    '/' => path.push_str(&separator),
                    c if encode[index % encode.len()] => path.push_str(&format!("%{:02x}", u32::from(c))),
                    c => path.push(c),
                }
            }
            path.push_str(&after);
            prop_assert!(adapter(kind).denies(&Method::POST, "any", &path).is_some(), "{} {}", kind, path);
        }
    }

    #[test]
    fn hosts_under_a_domain_end_in_it(host in "[a-zA-Z0-9.%@:/-]{0,30}(\\.fbcdn\\.net)?[.:/]?") {
        let matched = HostRule::Under("fbcdn.net").matches(&host);
        prop_assert!(!matched || host.to_ascii_lowercase().ends_with(".fbcdn.net"));
        prop_assert!(!matched || !host.contains(['/', '@', ':', '%']));
    }
}

#[test]
fn names_round_trip() {
    for kind in Kind::ALL {
        assert_eq!(kind.to_string().parse(), Ok(kind));
        assert_eq!(adapter(kind).kind(), kind);
        assert_eq!(crate::shared(kind).kind(), kind);
    }
    assert!("GitHub".parse::<Kind>().is_err());
}

#[test]
fn every_own_endpoint_is_https_and_profiles_live_on_allowed_hosts() {
    for kind in Kind::ALL {
        let adapter = adapter(kind);
        let endpoints = adapter.endpoints(None);
        for text in
            [&endpoints.token_url, &endpoints.revoke_url, &endpoints.profile_url].into_iter().flatten()
        {
            assert!(text.starts_with("https://"), "{text}");
        }
        if let Some(profile) = endpoints.profile_url {
            let url = url::Url::parse(&profile).unwrap();
            assert!(
                adapter.allows_host(url.host_str().unwrap())
                    && adapter.allows_path(url.host_str().unwrap(), url.path())
            );
        }
        if let Some(origin) = adapter.default_origin() {
            assert!(adapter.allows_host(origin.trim_start_matches("https://")));
        }
    }
}

#[test]
fn contract_defaults() {
    let connections: Vec<_> = Kind::ALL.map(|kind| adapter(kind).connections().join(",")).into();
    assert_eq!(connections, ["google-oauth2", "github", "facebook", "bitbucket", "windowslive,waad", ""]);
    let slash = Kind::ALL.map(|kind| adapter(kind).encoded_slash());
    assert_eq!(slash, [true, true, false, true, true, false]);
    let token_scheme = Kind::ALL.map(|kind| adapter(kind).accepts_token_scheme());
    assert_eq!(token_scheme, [false, true, false, false, false, false]);
}

#[test]
fn check_before_sending() {
    let google = adapter(Kind::Google);
    let held = |scope: &str| [scope.to_owned()];
    let ask = |granted: &[String]| {
        google.missing_scope(&Method::GET, "www.googleapis.com", "/drive/v3/files", granted)
    };
    assert!(ask(&held("https://www.googleapis.com/auth/drive")).is_none());
    let missing = ask(&held("openid")).expect("missing");
    assert_eq!(missing.outcome, Outcome::ScopeMissing);
    assert!(missing.connection_scope.expect("what to ask for").starts_with("openid,https://"));
    assert!(google.missing_scope(&Method::GET, "www.googleapis.com", "/unknown", &[]).is_none());
    let github = adapter(Kind::GitHub);
    assert!(github.missing_scope(&Method::HEAD, "api.github.com", "/user/emails", &held("user")).is_none());
    assert!(github.missing_scope(&Method::HEAD, "api.github.com", "/user/emails", &held("repo")).is_some());
}
