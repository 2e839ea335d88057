//! What must hold for any bytes where a token is expected (called by fuzz targets).

use http::Request;
use http::header::{AUTHORIZATION, HeaderValue};

use crate::credentials::{Schemes, extract};
use crate::jose;
use crate::rules::{MAX_TOKEN, Rules};
use crate::{claims, json};

/// 2026-01-02.
const NOW: i64 = 1_767_312_000;

/// Taken apart without slack, or refused; whatever the claims let through is somebody, for us, and now.
pub fn token(data: &[u8]) {
    let _ = json::object(data);
    if let Ok(value) = HeaderValue::from_bytes(data) {
        let mut parts = Request::new(()).into_parts().0;
        parts.headers.insert(AUTHORIZATION, value);
        for schemes in [Schemes::Standard, Schemes::WithToken] {
            if let Ok(credentials) = extract(&parts, schemes) {
                let token = credentials.token.expose();
                assert!(!token.is_empty() && token.bytes().all(|byte| byte.is_ascii_graphic()));
                assert!(format!("{credentials:?}").contains("CallerToken(***)"));
            }
        }
    }
    let Ok(text) = std::str::from_utf8(data) else { return };
    let Ok(compact) = jose::parse(text, MAX_TOKEN) else { return };
    assert!(text.len() <= MAX_TOKEN && text.starts_with(compact.signed));
    assert_eq!(text.split('.').count(), 3);
    for part in text.split('.') {
        // Exactly one text stands for these bytes.
        assert_eq!(jose::decode(part).map(|bytes| jose::encode(&bytes)).as_deref(), Some(part));
    }
    assert!(["crit", "b64", "zip"].iter().all(|name| !compact.head.contains_key(*name)));
    assert!(compact.kid().is_none_or(|kid| (1..=256).contains(&kid.len())));
    let rules = Rules::new("https://api.acme.com", "https://acme.eu.auth0.com/");
    let genuine = claims::check(&compact, "https://acme.eu.auth0.com/".into(), &rules, NOW);
    if let Ok(caller) = genuine.and_then(|genuine| genuine.caller) {
        assert!(!caller.subject().is_empty());
        assert!(caller.audience().any(|audience| audience == "https://api.acme.com"));
        // Within the leeway the end may even lie before the beginning; a life is never longer than allowed.
        let life = caller.expires_at().duration_since(caller.issued_at()).unwrap_or_default();
        assert!(life <= rules.max_lifetime + std::time::Duration::from_secs(300));
    }
}
