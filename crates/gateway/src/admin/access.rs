//! Who may use `/admin/*`.

use crate::{outcome::Code, problem::Problem};
use http::{HeaderMap, HeaderValue, Uri, header};
use mgmt_auth::{SecretReader, SecretSource};
use secrecy::ExposeSecret as _;
use std::path::PathBuf;

/// Admits admin calls: by `server.admin_token_file`, or without one by their way in.
pub(super) struct Access {
    token: Option<SecretSource>,
    /// Whether the listener itself is reachable from this machine alone.
    loopback: bool,
    secrets: SecretReader,
}

impl Access {
    pub(super) fn new(token_file: Option<PathBuf>, loopback: bool) -> Self {
        Self { token: token_file.map(SecretSource::File), loopback, secrets: SecretReader::new() }
    }

    pub(super) async fn check(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        match &self.token {
            Some(source) => self.check_token(source, headers).await,
            None => self.check_local(uri, headers),
        }
    }

    async fn check_token(&self, source: &SecretSource, headers: &HeaderMap) -> Result<(), Problem> {
        let refused = |code: Code, detail: &'static str| {
            let challenge = HeaderValue::from_static("Bearer realm=\"idp-gateway admin\"");
            Problem::new(code)
                .detail(detail)
                .remedy("Send the content of server.admin_token_file as bearer token.")
                .challenge(challenge)
        };
        let mut given = headers.get_all(header::AUTHORIZATION).iter();
        let (Some(value), None) = (given.next(), given.next()) else {
            return Err(refused(Code::CallerTokenMissing, "the admin token is missing"));
        };
        let Some((scheme, token)) = value.as_bytes().split_at_checked(7) else {
            return Err(refused(Code::CallerTokenMissing, "the admin token is missing"));
        };
        if !scheme.eq_ignore_ascii_case(b"bearer ") {
            return Err(refused(Code::CallerTokenMissing, "the admin token is missing"));
        }
        // Digests have one length, so the comparison's time says nothing about the token's.
        let digest = |bytes: &[u8]| aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, bytes);
        let same = self.secrets.read(source).await.is_ok_and(|expected| {
            let expected = expected.expose_secret().as_bytes().trim_ascii();
            !expected.is_empty()
                && aws_lc_rs::constant_time::verify_slices_are_equal(
                    digest(token.trim_ascii()).as_ref(),
                    digest(expected).as_ref(),
                )
                .is_ok()
        });
        if same { Ok(()) } else { Err(refused(Code::CallerTokenInvalid, "the admin token is wrong")) }
    }

    /// Admits reads of the open routes. On a loopback address a page in a browser could read them under a name of its own
    /// (DNS rebinding), so a `Host` has to be a loopback name there. Probes may send none.
    pub(super) fn check_open(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = headers.get(header::HOST).map(|value| value.to_str().unwrap_or("?")).or(uri.host());
        if !self.loopback || host.is_none_or(|host| host.is_empty() || is_loopback(host)) {
            return Ok(());
        }
        Err(Problem::new(Code::PolicyDenied)
            .detail("the Host is not a loopback name, and the admin listener is on a loopback address")
            .remedy("Ask by 127.0.0.1, [::1] or localhost, or set server.admin_listen to the address that is meant."))
    }

    /// Admits only a program on this machine: a browser cannot send this request without a preflight.
    fn check_local(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), Problem> {
        let host = headers
            .get(header::HOST)
            .and_then(|value| value.to_str().ok())
            .or(uri.host())
            .unwrap_or_default();
        let mut kinds = headers.get_all(header::CONTENT_TYPE).iter().filter_map(|value| value.to_str().ok());
        let json = kinds.next().is_some_and(|kind| {
            kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/json")
        });
        let fault = if !self.loopback {
            "the admin listener is not on a loopback address"
        } else if !is_loopback(host) {
            "the Host is not a loopback name"
        } else if headers.contains_key(header::ORIGIN) {
            "the request comes from a web page"
        } else if !json || kinds.next().is_some() {
            "the Content-Type is not application/json"
        } else {
            return Ok(());
        };
        Err(Problem::new(Code::PolicyDenied).detail(fault).remedy(
            "Set server.admin_token_file and send its content as bearer token, or call from this machine with Content-Type: application/json.",
        ))
    }
}

fn is_loopback(host: &str) -> bool {
    crate::server::wire::names::is_loopback(host.as_bytes())
}
