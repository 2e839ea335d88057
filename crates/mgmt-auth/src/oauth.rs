//! The tenant's endpoints: addresses, limits, and the token request.

use std::{fmt, time::Duration};

use api_transport::{HttpsOnly, Limits, Transport as _};
use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, header};
use token_keeper::Clock;
use url::Url;

use crate::{
    ClientCredentials, Error, SecretReader, TokenResponse,
    answer::{self, Endpoint},
    form::Form,
    hints,
};

/// Token answers and documents are small.
const MAX_DOCUMENT: usize = 256 * 1024;
/// A user record with many identities and profiles.
const MAX_RECORD: usize = 1024 * 1024;

/// How the tenant is reached; shared by all requests to it.
pub(crate) struct Endpoints {
    pub(crate) transport: HttpsOnly,
    pub(crate) secrets: SecretReader,
    /// Without a slash at its end.
    pub(crate) base: String,
    /// `https://{domain}/`.
    pub(crate) assertion_audience: String,
    pub(crate) request_timeout: Duration,
    pub(crate) clock: Clock,
}

/// A request to the Management API.
pub(crate) struct Call {
    pub(crate) method: Method,
    /// Encoded, with the query.
    pub(crate) path: String,
    pub(crate) body: Option<Bytes>,
}

impl Endpoints {
    /// `POST {base}/oauth/token` with client authentication.
    pub(crate) async fn token(
        &self,
        credentials: &ClientCredentials,
        form: &[(&str, &str)],
    ) -> Result<TokenResponse, Error> {
        let mut body = Form::default();
        for (name, value) in form {
            body.add(name, value);
        }
        let proof = credentials
            .authenticate(&mut body, &self.secrets, &self.assertion_audience, self.clock.now())
            .await?;
        let mut request = self.request(Method::POST, "/oauth/token", body.bytes())?;
        let form_type = HeaderValue::from_static("application/x-www-form-urlencoded");
        request.headers_mut().insert(header::CONTENT_TYPE, form_type);
        if let Some(authorization) = proof.authorization {
            request.headers_mut().insert(header::AUTHORIZATION, authorization);
        }
        let answer = self.send(request, self.request_timeout, MAX_DOCUMENT).await?;
        if !answer.status().is_success() {
            let error = answer::decode(&answer, Endpoint::Token, self.clock.now());
            return Err(match proof.note.filter(|_| error.is_unauthorized()) {
                Some(note) => error.with_note(&note),
                None => error,
            });
        }
        TokenResponse::parse(answer.body(), hints::token_quota(answer.headers()))
    }

    /// A public document of the tenant.
    pub(crate) async fn document(&self, path: &str, timeout: Duration) -> Result<Response<Bytes>, Error> {
        let request = self.request(Method::GET, path, Bytes::new())?;
        let answer = self.send(request, timeout, MAX_DOCUMENT).await?;
        if answer.status() != http::StatusCode::OK {
            return Err(answer::decode(&answer, Endpoint::Document, self.clock.now()));
        }
        Ok(answer)
    }

    /// A request to the Management API; any status.
    pub(crate) async fn management(
        &self,
        call: &Call,
        authorization: &HeaderValue,
    ) -> Result<Response<Bytes>, Error> {
        let body = call.body.clone().unwrap_or_default();
        let mut request = self.request(call.method.clone(), &call.path, body)?;
        request.headers_mut().insert(header::AUTHORIZATION, authorization.clone());
        if call.body.is_some() {
            let json = HeaderValue::from_static("application/json");
            request.headers_mut().insert(header::CONTENT_TYPE, json);
        }
        self.send(request, self.request_timeout, MAX_RECORD).await
    }

    fn request(&self, method: Method, path: &str, body: Bytes) -> Result<Request<Bytes>, Error> {
        Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.base))
            .header(header::ACCEPT, "application/json")
            .body(body)
            .map_err(|_| Error::new(crate::Fault::Request, "the request does not make a URL"))
    }

    async fn send(
        &self,
        request: Request<Bytes>,
        timeout: Duration,
        max_body: usize,
    ) -> Result<Response<Bytes>, Error> {
        let sent = self.transport.send(request, Limits::new(timeout, max_body)).await;
        sent.map_err(answer::unanswered)
    }
}

/// `base` without a slash at its end.
pub(crate) fn trimmed(base: &Url) -> String {
    base.as_str().trim_end_matches('/').to_owned()
}

impl fmt::Debug for Endpoints {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Endpoints").field("base", &self.base).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms_are_encoded_member_by_member() {
        let mut form = Form::default();
        form.add("audience", "https://acme.test/api/v2/");
        form.add("client_secret", "a&b=c d+ü");
        assert_eq!(
            &form.bytes()[..],
            b"audience=https%3A%2F%2Facme.test%2Fapi%2Fv2%2F&client_secret=a%26b%3Dc+d%2B%C3%BC"
        );
    }
}
