//! Auth0's My Account API: Connected Accounts of the user who has just signed in.

use std::sync::Arc;
use std::time::Duration;

use api_transport::{HttpsOnly, Limits, ReqwestTransport, SetUpError, Transport};
use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use http::{HeaderValue, Method, Request, Response, StatusCode};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret as _, SecretString};
use serde::{Deserialize, Serialize};
use url::Url;

use super::tenant::TIMEOUT;

/// Answers are small.
const LONGEST: usize = 64 * 1024;
/// Most accounts of one user and connection that one answer lists; the API allows no more.
const MOST: u8 = 20;
/// All but the unreserved characters of URLs (RFC 3986, 2.3).
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A client of the API at one tenant.
#[derive(Debug)]
pub(super) struct MyAccount {
    transport: HttpsOnly,
    /// `{issuer}me/v1/connected-accounts/`.
    base: String,
}

/// The request that begins a connection.
#[derive(Debug, Serialize)]
pub(super) struct Connection<'a> {
    pub(super) connection: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) state: &'a str,
    pub(super) code_challenge: &'a str,
    pub(super) code_challenge_method: &'static str,
    #[serde(skip_serializing_if = "<[_]>::is_empty")]
    pub(super) scopes: &'a [String],
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) authorization_params: Option<AuthorizationParams<'a>>,
}

/// What is passed on to the provider.
#[derive(Debug, Serialize)]
pub(super) struct AuthorizationParams<'a> {
    pub(super) login_hint: &'a str,
}

/// The request that ends it.
#[derive(Debug, Serialize)]
pub(super) struct Completion<'a> {
    pub(super) auth_session: &'a str,
    pub(super) connect_code: &'a str,
    pub(super) redirect_uri: &'a str,
    pub(super) code_verifier: &'a str,
}

/// A connection that has begun.
pub(super) struct Begun {
    /// To be shown when it is completed.
    pub(super) session: String,
    /// Where the browser goes.
    pub(super) to: Url,
}

/// A call that the API did not do, in words for the log.
#[derive(Clone, Copy, Debug, thiserror::Error)]
pub(super) enum Failed {
    #[error("the My Account API answered {0} with {n}", n = .1.as_u16())]
    Refused(&'static str, StatusCode),
    #[error("the My Account API did not answer {0}")]
    Unanswered(&'static str),
}

impl MyAccount {
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn new(issuer: &str, connect_timeout: Duration) -> Result<Self, SetUpError> {
        let agent = concat!("idp-gateway/", env!("CARGO_PKG_VERSION"));
        let transport = if issuer.starts_with("http://") {
            ReqwestTransport::plain(agent, connect_timeout)?
        } else {
            ReqwestTransport::new(agent, connect_timeout)?
        };
        let transport = HttpsOnly::new(Arc::new(transport));
        Ok(Self { transport, base: format!("{issuer}me/v1/connected-accounts/") })
    }

    /// `POST …/connect`.
    pub(super) async fn connect(
        &self,
        token: &SecretString,
        connection: &Connection<'_>,
    ) -> Result<Begun, Failed> {
        #[derive(Deserialize)]
        struct Answer {
            auth_session: String,
            connect_uri: String,
            connect_params: Params,
        }
        #[derive(Deserialize)]
        struct Params {
            ticket: String,
        }
        let answer = self.post(token, "connect", connection, None).await?;
        let failed = Failed::Refused("connect", answer.status());
        let answer: Answer = serde_json::from_slice(answer.body()).map_err(|_| failed)?;
        let mut to = Url::parse(&answer.connect_uri).map_err(|_| failed)?;
        let plain = to.scheme() == "http" && to.host_str().is_some_and(api_transport::is_loopback);
        if to.scheme() != "https" && !plain {
            return Err(failed);
        }
        to.query_pairs_mut().append_pair("ticket", &answer.connect_params.ticket);
        Ok(Begun { session: answer.auth_session, to })
    }

    /// `POST …/complete`. An account that is connected already (409) is connected.
    pub(super) async fn complete(
        &self,
        token: &SecretString,
        completion: &Completion<'_>,
    ) -> Result<(), Failed> {
        self.post(token, "complete", completion, Some(StatusCode::CONFLICT)).await.map(drop)
    }

    /// The ids of the user's accounts of this connection: `GET …/accounts`.
    pub(super) async fn accounts(
        &self,
        token: &SecretString,
        connection: &str,
    ) -> Result<Vec<String>, Failed> {
        #[derive(Deserialize)]
        struct Answer {
            accounts: Vec<Account>,
        }
        #[derive(Deserialize)]
        struct Account {
            id: String,
            connection: String,
        }
        let path = format!("accounts?connection={}&take={MOST}", utf8_percent_encode(connection, RESERVED));
        let answer = self.send(token, "accounts", (Method::GET, &path), Bytes::new(), None).await?;
        let failed = Failed::Refused("accounts", answer.status());
        let answer: Answer = serde_json::from_slice(answer.body()).map_err(|_| failed)?;
        let of_connection = answer.accounts.into_iter().filter(|account| account.connection == connection);
        Ok(of_connection.map(|account| account.id).collect())
    }

    /// `DELETE …/accounts/{id}`. An account that is not there (404) is removed.
    pub(super) async fn remove(&self, token: &SecretString, id: &str) -> Result<(), Failed> {
        let path = (Method::DELETE, &*format!("accounts/{}", utf8_percent_encode(id, RESERVED)));
        self.send(token, "remove", path, Bytes::new(), Some(StatusCode::NOT_FOUND)).await.map(drop)
    }

    async fn post(
        &self,
        token: &SecretString,
        call: &'static str,
        body: &(impl Serialize + Sync),
        also: Option<StatusCode>,
    ) -> Result<Response<Bytes>, Failed> {
        let body = serde_json::to_vec(body).map_err(|_| Failed::Unanswered(call))?;
        self.send(token, call, (Method::POST, call), body.into(), also).await
    }

    /// The answer to one request, where it is a success or has the status `also`. `path` may have a query.
    async fn send(
        &self,
        token: &SecretString,
        call: &'static str,
        (method, path): (Method, &str),
        body: Bytes,
        also: Option<StatusCode>,
    ) -> Result<Response<Bytes>, Failed> {
        let unanswered = Failed::Unanswered(call);
        let bearer = HeaderValue::try_from(format!("Bearer {}", token.expose_secret()));
        let mut bearer = bearer.map_err(|_| unanswered)?;
        bearer.set_sensitive(true);
        let json = HeaderValue::from_static("application/json");
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(ACCEPT, json.clone())
            .header(CONTENT_TYPE, json)
            .header(AUTHORIZATION, bearer)
            .body(body);
        let request = request.map_err(|_| unanswered)?;
        let answer = self.transport.send(request, Limits::new(TIMEOUT, LONGEST)).await;
        let answer = answer.map_err(|error| {
            tracing::warn!(event = "my_account_unreachable", %error);
            unanswered
        })?;
        let status = answer.status();
        let done = status.is_success() || also == Some(status);
        if done { Ok(answer) } else { Err(Failed::Refused(call, status)) }
    }
}
