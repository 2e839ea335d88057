//! Helpers of the tests: from an answer of a provider to its classification in one call.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use secrecy::SecretString;
use token_keeper::BearerToken;
use url::Url;

use crate::{
    Adapter, Classified, ClientProof, Head, HttpRequest, OAuthClient, RefreshError, RefreshInput, Refreshed,
    Reply, RevokeInput, Verdict,
};

/// 2026-01-02T03:04:05Z.
pub(crate) const NOW_EPOCH: u64 = 1_767_323_045;

pub(crate) fn now() -> SystemTime {
    UNIX_EPOCH + Duration::from_secs(NOW_EPOCH)
}

pub(crate) fn headers(list: &[(&str, &str)]) -> HeaderMap {
    list.iter()
        .map(|(name, value)| {
            (HeaderName::try_from(*name).expect("name"), HeaderValue::try_from(*value).expect("value"))
        })
        .collect()
}

/// Classifies as the gateway does, and checks that head and body never contradict each other.
pub(crate) fn classify(adapter: &dyn Adapter, status: u16, list: &[(&str, &str)], body: &str) -> Classified {
    classify_call(adapter, ("GET", "api.test", "/"), None, (status, list, body))
}

pub(crate) fn classify_call(
    adapter: &dyn Adapter,
    (method, host, path): (&str, &str, &str),
    granted: Option<&[&str]>,
    (status, list, body): (u16, &[(&str, &str)], &str),
) -> Classified {
    let (method, headers) = (Method::try_from(method).expect("method"), headers(list));
    let granted: Option<Vec<String>> = granted.map(|list| list.iter().map(|s| (*s).to_owned()).collect());
    let mut head =
        Head::new(&method, StatusCode::from_u16(status).expect("status"), &headers).target(host, path);
    if let Some(granted) = granted.as_deref() {
        head = head.granted(granted);
    }
    let whole = adapter.classify_body(&head, body.as_bytes(), now());
    if let Verdict::Known(known) = adapter.classify(&head, now()) {
        let silent = Classified { detail: None, code: None, ..whole.clone() };
        assert_eq!(known, silent, "head and body disagree");
    }
    whole
}

/// Whether a paging link at this place, given from the outside in, is rewritten.
pub(crate) fn rewrites(adapter: &dyn Adapter, place: &[Option<&str>]) -> bool {
    let paging = |link: &&crate::LinkMember| link.purpose == crate::LinkPurpose::Paging;
    adapter.links().iter().filter(paging).any(|link| link.matches(place.iter().rev().copied()))
}

pub(crate) fn secs(seconds: u64) -> Option<Duration> {
    Some(Duration::from_secs(seconds))
}

pub(crate) const SECRET: &str = "s3cret/+ value";

/// The refresh request of an adapter, for the client `client-1`.
pub(crate) fn refresh_request(
    adapter: &dyn Adapter,
    url: &str,
    scopes: Option<&[String]>,
) -> Option<HttpRequest> {
    let (url, secret, token) =
        (Url::parse(url).expect("url"), SecretString::from(SECRET), SecretString::from("rt-1"));
    let client = OAuthClient { id: "client-1", proof: ClientProof::Secret(&secret) };
    adapter.refresh_request(&RefreshInput { url: &url, client, token: &token, scopes })
}

pub(crate) fn revoke_request(adapter: &dyn Adapter, url: &str, refresh: Option<&str>) -> Option<HttpRequest> {
    let (url, secret) = (Url::parse(url).expect("url"), SecretString::from(SECRET));
    let (access, refresh) = (BearerToken::new("at-1").expect("token"), refresh.map(SecretString::from));
    let client = OAuthClient { id: "client-1", proof: ClientProof::Secret(&secret) };
    adapter.revoke_request(&RevokeInput {
        url: &url,
        client,
        access_token: &access,
        refresh_token: refresh.as_ref(),
    })
}

pub(crate) fn refresh_response(
    adapter: &dyn Adapter,
    status: u16,
    list: &[(&str, &str)],
    body: &str,
) -> Result<Refreshed, RefreshError> {
    let headers = headers(list);
    let status = StatusCode::from_u16(status).expect("status");
    adapter.refresh_response(&Reply { status, headers: &headers, body: body.as_bytes(), at: now() })
}

pub(crate) fn revoke_response(
    adapter: &dyn Adapter,
    status: u16,
    body: &str,
) -> Result<crate::Revoked, crate::RevokeError> {
    let headers = HeaderMap::new();
    let status = StatusCode::from_u16(status).expect("status");
    adapter.revoke_response(&Reply { status, headers: &headers, body: body.as_bytes(), at: now() })
}

pub(crate) fn form(request: &HttpRequest) -> Vec<(String, String)> {
    url::form_urlencoded::parse(request.body_bytes()).into_owned().collect()
}
