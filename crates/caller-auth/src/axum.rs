//! [`Verified`] as an axum extractor.

use std::sync::Arc;
use std::time::SystemTime;

use axum_core::extract::{FromRef, FromRequestParts, OptionalFromRequestParts};
use axum_core::response::{IntoResponse, Response};
use http::request::Parts;

use crate::{Reason, Refusal, Schemes, Verified, Verifier};

/// Takes what [`AuthLayer`](crate::AuthLayer) left in the request, else verifies the caller with the state's `Arc<Verifier>`.
///
/// Where the router nests others, use the layer: a DPoP proof names the path that the client sent, and a nested router
/// sees only a part of it. The layer also sends newer DPoP nonces. Behind the layer, where the state holds no verifier, handlers take
/// `axum::Extension<Verified>`.
impl<S> FromRequestParts<S> for Verified
where
    S: Send + Sync,
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        if let Some(verified) = parts.extensions.get::<Self>() {
            return Ok(verified.clone());
        }
        Arc::<Verifier>::from_ref(state).verify(parts, Schemes::Standard, SystemTime::now()).await
    }
}

/// `None` for a request without an access token. A token that is refused is a refusal here too.
impl<S> OptionalFromRequestParts<S> for Verified
where
    S: Send + Sync,
    Arc<Verifier>: FromRef<S>,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Option<Self>, Refusal> {
        match <Self as FromRequestParts<S>>::from_request_parts(parts, state).await {
            Ok(verified) => Ok(Some(verified)),
            Err(refusal) if refusal.reason == Reason::TokenMissing => Ok(None),
            Err(refusal) => Err(refusal),
        }
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        self.response()
    }
}
