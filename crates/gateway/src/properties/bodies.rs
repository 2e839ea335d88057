//! Answers of providers and of the tenant.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Response, StatusCode};
use idp_adapters::{Head, Kind, Outcome, Reply, Verdict};
use mgmt_auth::{BoxFuture, ClientCredentials, Limits, Priority, Tenant, Transport, TransportError};
use user_store::UserStore;

const HEADERS: [&str; 8] = [
    "retry-after",
    "www-authenticate",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-oauth-scopes",
    "x-accepted-oauth-scopes",
    "x-app-usage",
    "content-type",
];

/// Status and headers out of the first bytes, the rest as the body: classified without a panic, in one way, with a detail
/// of at most 1 KiB.
pub fn provider_body(data: &[u8]) {
    let [high, low, which, rest @ ..] = data else { return };
    let status = 100 + (u16::from(*high) << 8 | u16::from(*low)) % 500;
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let (line, body) = match rest.iter().position(|byte| *byte == b'\n') {
        Some(at) => (&rest[..at], &rest[at + 1..]),
        None => (&[][..], rest),
    };
    let mut headers = HeaderMap::new();
    if let Ok(value) = HeaderValue::from_bytes(line) {
        headers.insert(HeaderName::from_static(HEADERS[usize::from(*which) % HEADERS.len()]), value);
    }
    let now = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    let head = Head::new(&Method::GET, status, &headers).target("api.example.com", "/v1.0/me");
    for kind in Kind::ALL {
        let adapter = idp_adapters::adapter(kind);
        let whole = adapter.classify_body(&head, body, now);
        if let Verdict::Known(known) = adapter.classify(&head, now) {
            assert_eq!(known.outcome, whole.outcome, "{kind}: the head alone said something else");
        }
        assert!(whole.outcome != Outcome::RateLimited || whole.retry_after.is_some(), "{kind}: no wait");
        assert!(whole.detail.is_none_or(|detail| detail.len() <= 1024), "{kind}: a long detail");
        let reply = Reply::new(status, &headers, body, now);
        if let Err(error) = adapter.refresh_response(&reply) {
            assert!(
                !(status.is_server_error() && error.is_permanent()),
                "{kind}: an outage is no dead grant"
            );
        }
        let _ = adapter.revoke_response(&reply);
        let _ = adapter.profile(body);
    }
}

/// A tenant that gives the same answer to everything but the token endpoint's first question.
struct Answers {
    status: StatusCode,
    body: Bytes,
    token_too: bool,
}

impl fmt::Debug for Answers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Answers")
    }
}

const GOOD: &[u8] =
    br#"{"access_token":"eyJ.mgmt","token_type":"Bearer","expires_in":86400,"scope":"read:users read:user_idp_tokens"}"#;

impl Transport for Answers {
    fn send(
        &self,
        request: Request<Bytes>,
        _: Limits,
    ) -> BoxFuture<'_, Result<Response<Bytes>, TransportError>> {
        let fine = !self.token_too && request.uri().path() == "/oauth/token";
        let body = if fine { Bytes::from_static(GOOD) } else { self.body.clone() };
        let mut response = Response::new(body);
        *response.status_mut() = if fine { StatusCode::OK } else { self.status };
        Box::pin(std::future::ready(Ok(response)))
    }
}

/// First byte: the status, and who gets the answer; the rest: the body of a token answer, a key set, an error or a user
/// record. Whatever the tenant says, another user's record is never given out, and no error repeats its words.
pub fn tenant_body(data: &[u8]) {
    const ASKED: &str = "auth0|asked";
    let Some((first, body)) = data.split_first() else { return };
    let status = [200, 200, 400, 401, 403, 404, 429, 500][usize::from(*first) % 8];
    let Ok(status) = StatusCode::from_u16(status) else { return };
    let answers = Answers { status, body: Bytes::copy_from_slice(body), token_too: first & 0x80 != 0 };
    // Waits for a limit's end cost nothing on a paused clock.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    let Ok(runtime) = runtime else { return };
    runtime.block_on(async {
        let tenant = Tenant::builder("acme.eu.auth0.com")
            .credentials(ClientCredentials::secret("client", "a-secret-nobody-tells"))
            .transport(Arc::new(answers))
            .build();
        let Ok(tenant) = tenant else { return };
        let users = UserStore::builder(tenant.clone()).build();
        match users.get(ASKED).await {
            Ok(found) => assert_eq!(found.user.user_id(), ASKED, "somebody else's record"),
            Err(error) => assert!(!format!("{error} {error:?}").contains("nobody-tells")),
        }
        let _ = tenant.keys().find("any").await;
        let read = tenant.get::<serde_json::Value>(&["users", ASKED], &[], Priority::Caller).await;
        if let Err(error) = read {
            assert!(!format!("{error} {error:?}").contains("nobody-tells"));
        }
    });
}
