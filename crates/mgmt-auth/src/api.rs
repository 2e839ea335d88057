//! Requests to the Management API: one token, one budget, few repetitions.

use std::sync::Arc;

use bytes::Bytes;
use http::{Method, Response};
use percent_encoding::utf8_percent_encode;
use serde::{Serialize, de::DeserializeOwned};
use tracing::{Instrument as _, field};
use url::form_urlencoded;

use crate::{Error, Fault, ManagementToken, Priority, Tenant, form::UNRESERVED, oauth::Call};

/// An answer of the Management API and the token that got it.
#[derive(Debug)]
#[non_exhaustive]
pub struct Fetched<T> {
    /// The body.
    pub value: T,
    /// The token of the request: what is in the body can depend on its scopes.
    pub token: Arc<ManagementToken>,
}

impl Tenant {
    /// Reads `{base_url}/api/v2/{segments}` with the management token. Each segment is percent-encoded as one: `/` and
    /// `|` inside an id stay inside.
    ///
    /// Waits for the rate limit by `priority`. A refused token is replaced and the request repeated once; so is a
    /// request refused for the rate limit, if the wait is not too long ([`longest_waits`]).
    ///
    /// [`longest_waits`]: crate::TenantBuilder::longest_waits
    ///
    /// # Errors
    /// No token, no allowance in time, no answer, or an answer that is not 2xx with JSON of type `T`.
    pub async fn get<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        priority: Priority,
    ) -> Result<T, Error> {
        self.fetch(segments, query, priority).await.map(|fetched| fetched.value)
    }

    /// [`get`](Self::get) with the token of the request.
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn fetch<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        query: &[(&str, &str)],
        priority: Priority,
    ) -> Result<Fetched<T>, Error> {
        let call = Call { method: Method::GET, path: api_path(segments, query)?, body: None };
        let (answer, token) = self.call(segments, &call, priority).await?;
        Ok(Fetched { value: parse(answer.body())?, token })
    }

    /// Sends `POST {base_url}/api/v2/{segments}` with a JSON body. For an answer without a body `T` is `()` or an
    /// `Option`.
    ///
    /// The request is repeated as in [`get`](Self::get): a request refused with 401 or 429 was not carried out. After any
    /// other failure it may have been, and is not repeated.
    ///
    /// # Errors
    /// As [`get`](Self::get); or the body cannot be serialised.
    pub async fn post<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &(impl Serialize + Sync + ?Sized),
        priority: Priority,
    ) -> Result<T, Error> {
        self.write(Method::POST, segments, Some(json(body)?), priority).await
    }

    /// Sends `PATCH {base_url}/api/v2/{segments}` with a JSON body; otherwise as [`post`](Self::post).
    ///
    /// # Errors
    /// As [`post`](Self::post).
    pub async fn patch<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        body: &(impl Serialize + Sync + ?Sized),
        priority: Priority,
    ) -> Result<T, Error> {
        self.write(Method::PATCH, segments, Some(json(body)?), priority).await
    }

    /// Sends `DELETE {base_url}/api/v2/{segments}`; otherwise as [`post`](Self::post).
    ///
    /// # Errors
    /// As [`get`](Self::get).
    pub async fn delete<T: DeserializeOwned>(
        &self,
        segments: &[&str],
        priority: Priority,
    ) -> Result<T, Error> {
        self.write(Method::DELETE, segments, None, priority).await
    }

    async fn write<T: DeserializeOwned>(
        &self,
        method: Method,
        segments: &[&str],
        body: Option<Bytes>,
        priority: Priority,
    ) -> Result<T, Error> {
        let call = Call { method, path: api_path(segments, &[])?, body };
        let (answer, _) = self.call(segments, &call, priority).await?;
        parse(answer.body())
    }

    async fn call(
        &self,
        segments: &[&str],
        call: &Call,
        priority: Priority,
    ) -> Result<(Response<Bytes>, Arc<ManagementToken>), Error> {
        let resource = segments.first().copied().unwrap_or_default();
        let (method, empty) = (call.method.as_str(), field::Empty);
        let span = if call.method == Method::GET {
            tracing::info_span!("management.get", resource, method, status = empty, outcome = empty)
        } else {
            tracing::info_span!("management.write", resource, method, status = empty, outcome = empty)
        };
        let calling = async {
            let answer = self.requests(priority).send(call).await;
            let outcome = answer.as_ref().err().map_or("ok", |error| error.fault().as_str());
            tracing::Span::current().record("outcome", outcome);
            answer
        };
        calling.instrument(span).await
    }
}

fn json(body: &(impl Serialize + ?Sized)) -> Result<Bytes, Error> {
    serde_json::to_vec(body)
        .map(Bytes::from)
        .map_err(|error| Error::new(Fault::Request, "the body cannot be written as JSON").caused_by(error))
}

/// An empty body (204) reads as `null`.
fn parse<T: DeserializeOwned>(body: &[u8]) -> Result<T, Error> {
    serde_json::from_slice(if body.is_empty() { b"null" } else { body })
        .map_err(|_| Error::tenant("the Management API's answer is not the JSON that was expected"))
}

/// `/api/v2/...`, encoded.
fn api_path(segments: &[&str], query: &[(&str, &str)]) -> Result<String, Error> {
    let mut path = String::from("/api/v2");
    for segment in segments {
        // Encoding does not help against these: `%2e%2e` is a dot segment too.
        if matches!(*segment, "" | "." | "..") {
            return Err(Error::new(Fault::Request, "a segment of the path is empty or consists of dots"));
        }
        path.push('/');
        path.extend(utf8_percent_encode(segment, UNRESERVED));
    }
    if !query.is_empty() {
        let query = form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        path.push('?');
        // Lists stay as the API documents them: a comma needs no escape in a query (RFC 3986).
        path.push_str(&query.replace("%2C", ","));
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_segment_stays_one() {
        let path = |id| api_path(&["users", id], &[]).unwrap();
        assert_eq!(path("github|583231"), "/api/v2/users/github%7C583231");
        assert_eq!(path("waad|a/b+c@d=e|f"), "/api/v2/users/waad%7Ca%2Fb%2Bc%40d%3De%7Cf");
        assert_eq!(path("../../x"), "/api/v2/users/..%2F..%2Fx");
        assert_eq!(path("%2e%2e"), "/api/v2/users/%252e%252e");
        assert_eq!(path("ü?#"), "/api/v2/users/%C3%BC%3F%23");
        for bad in ["", ".", ".."] {
            assert_eq!(api_path(&["users", bad], &[]).unwrap_err().fault(), Fault::Request);
        }
        let query = [("fields", "user_id,identities"), ("q", "a&b=c")];
        assert_eq!(
            api_path(&["users"], &query).unwrap(),
            "/api/v2/users?fields=user_id,identities&q=a%26b%3Dc"
        );
    }
}
