//! One question and its answer: the plain HTTP client of the commands that ask the tenant and the providers.
//!
//! It is deliberately not the gateway's own machinery: what it finds does not depend on a cache, a retry or a
//! budget.

use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use mgmt_auth::{ClientCredentials, SecretReader, SecretSource};
use secrecy::{ExposeSecret, SecretString};
use serde_json::Value;
use token_broker::KeyRing;
use url::Url;

use super::output::Failure;
use crate::config::Settings;

/// Longest answer that is read.
const MAX_ANSWER: usize = 1 << 20;

/// An HTTP client without redirects and proxies.
#[derive(Clone, Debug)]
pub(super) struct Asker {
    client: reqwest::Client,
}

/// An answer.
#[derive(Clone, Debug)]
pub(super) struct Reply {
    pub(super) status: u16,
    pub(super) date: Option<SystemTime>,
    /// Where a redirect leads; none is followed.
    pub(super) location: Option<String>,
    body: SecretString,
}

impl Reply {
    /// The body as it came.
    pub(super) fn text(&self) -> &str {
        self.body.expose_secret()
    }

    /// The body as JSON; `Null` when it is none.
    pub(super) fn json(&self) -> Value {
        serde_json::from_str(self.body.expose_secret()).unwrap_or(Value::Null)
    }

    /// Auth0's and OAuth's word for what is wrong: `errorCode`, else `error`.
    pub(super) fn error(&self) -> String {
        self.first_text(["errorCode", "error"])
    }

    /// The sentence beside it.
    pub(super) fn description(&self) -> String {
        self.first_text(["error_description", "message"])
    }

    fn first_text(&self, members: [&str; 2]) -> String {
        let json = self.json();
        members.into_iter().find_map(|name| json[name].as_str()).unwrap_or_default().to_owned()
    }
}

impl Asker {
    pub(super) fn new(settings: &Settings) -> Result<Self, Failure> {
        Self::connecting_within(settings.server.timeouts.connect)
            .map_err(|error| Failure::new(error, "report this"))
    }

    /// Without a configuration.
    pub(super) fn connecting_within(connect: Duration) -> Result<Self, String> {
        let client = reqwest::Client::builder()
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .connect_timeout(connect)
            .timeout(Duration::from_secs(10))
            .user_agent(concat!("idp-gateway/", env!("CARGO_PKG_VERSION")))
            .build()
            .map_err(|error| format!("no HTTP client: {error}"))?;
        Ok(Self { client })
    }

    pub(super) async fn get(&self, url: &str, bearer: Option<&SecretString>) -> Result<Reply, String> {
        let mut request = self.client.get(url);
        if let Some(token) = bearer {
            request = request.bearer_auth(token.expose_secret());
        }
        answer(request).await
    }

    /// Asks an admin listener; with a body it is a command.
    pub(super) async fn admin(
        &self,
        url: &str,
        token: Option<&SecretString>,
        body: Option<&Value>,
    ) -> Result<Reply, String> {
        let request = match body {
            None => self.client.get(url),
            Some(body) => self.client.post(url).body(body.to_string()),
        };
        let mut request = request.header("content-type", "application/json");
        if let Some(token) = token {
            request = request.bearer_auth(token.expose_secret());
        }
        answer(request).await
    }

    /// Posts a form with a client's proof of identity.
    pub(super) async fn post(
        &self,
        url: &str,
        issuer: &str,
        credentials: &ClientCredentials,
        form: &[(&str, &str)],
    ) -> Result<Reply, String> {
        let proved = credentials.token_form(form, &SecretReader::new(), issuer).await;
        let (body, authorization) = proved.map_err(|error| error.to_string())?;
        let mut request = self
            .client
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .header("accept", "application/json")
            .body(body.expose_secret().to_owned());
        if let Some(authorization) = authorization {
            request = request.header("authorization", authorization);
        }
        answer(request).await
    }
}

async fn answer(request: reqwest::RequestBuilder) -> Result<Reply, String> {
    let mut response = request.send().await.map_err(|error| describe(&error))?;
    let status = response.status().as_u16();
    let header = |name: &str| response.headers().get(name).and_then(|value| value.to_str().ok());
    let (date, location) = (header("date").and_then(parse_date), header("location").map(str::to_owned));
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| describe(&error))? {
        if body.len() + chunk.len() > MAX_ANSWER {
            return Err("the answer is longer than 1 MiB".to_owned());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(Reply { status, date, location, body: String::from_utf8_lossy(&body).into_owned().into() })
}

/// The innermost reason, without the URL.
fn describe(error: &reqwest::Error) -> String {
    if error.is_timeout() {
        return "no answer in time".to_owned();
    }
    let mut reason: &dyn std::error::Error = error;
    while let Some(source) = reason.source() {
        reason = source;
    }
    reason.to_string()
}

fn parse_date(text: &str) -> Option<SystemTime> {
    let time = jiff::fmt::rfc2822::DateTimeParser::new().parse_timestamp(text).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_secs(u64::try_from(time.as_second()).ok()?))
}

/// Reads a secret; the message names the file.
pub(super) async fn read(source: &SecretSource) -> Result<SecretString, String> {
    SecretReader::new().read(source).await.map_err(|error| error.to_string())
}

/// A URL of the tenant: its base with segments put behind it, each percent-encoded.
pub(super) fn tenant_url(settings: &Settings, segments: &[&str]) -> String {
    let mut url: Url = settings.tenant.base_url.clone();
    if let Ok(mut path) = url.path_segments_mut() {
        path.pop_if_empty().extend(segments);
    }
    url.into()
}

/// The claims of a token, unverified.
pub(super) fn claims(token: &str) -> Option<Value> {
    let payload = token.split('.').nth(1)?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

/// The store's keys, from their file.
pub(super) async fn ring(path: Option<&Path>) -> Result<KeyRing, String> {
    let path = path.ok_or("there is no `store.encryption_keys_file`")?;
    let keys = read(&SecretSource::File(path.to_owned())).await?;
    KeyRing::parse(&keys).map_err(|error| format!("{}: {error}", path.display()))
}
