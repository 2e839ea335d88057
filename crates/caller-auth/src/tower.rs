//! A [`tower_layer::Layer`] that verifies the caller of every request.

use std::fmt;
use std::future::Future;
use std::mem;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::SystemTime;

use http::{Request, Response};
use tower_layer::Layer;
use tower_service::Service;

use crate::challenge::DPOP_NONCE;
use crate::{Schemes, Verifier};

/// Lets only requests with a verified caller through, and answers the others with status and challenge.
///
/// The inner service finds a [`Verified`](crate::Verified) in the request's extensions. A newer DPoP nonce goes into its
/// answer. Layer it outside of whatever changes the request's path: a DPoP proof names the path that the client sent.
///
/// ```no_run
/// use std::sync::Arc;
/// use axum::{Router, routing::get};
/// use caller_auth::{AuthLayer, Verifier};
///
/// # fn f() -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder("https://acme.eu.auth0.com/").audience("https://api.acme.com").build()?;
/// let app: Router = Router::new()
///     .route("/orders", get(|| async { "yours" }))
///     .layer(AuthLayer::new(Arc::new(verifier)));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct AuthLayer {
    verifier: Arc<Verifier>,
    clock: fn() -> SystemTime,
}

impl AuthLayer {
    /// A layer over `verifier`, with the system's clock.
    #[must_use]
    pub fn new(verifier: Arc<Verifier>) -> Self {
        Self { verifier, clock: SystemTime::now }
    }

    /// Reads the time from `clock` instead.
    #[must_use]
    pub fn with_clock(mut self, clock: fn() -> SystemTime) -> Self {
        self.clock = clock;
        self
    }
}

impl fmt::Debug for AuthLayer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AuthLayer").field("verifier", &self.verifier).finish_non_exhaustive()
    }
}

impl<S> Layer<S> for AuthLayer {
    type Service = Auth<S>;

    fn layer(&self, inner: S) -> Auth<S> {
        Auth { inner, layer: self.clone() }
    }
}

/// The service of [`AuthLayer`].
#[derive(Clone, Debug)]
pub struct Auth<S> {
    inner: S,
    layer: AuthLayer,
}

impl<S, ReqBody, ResBody> Service<Request<ReqBody>> for Auth<S>
where
    S: Service<Request<ReqBody>, Response = Response<ResBody>> + Clone + Send + 'static,
    S::Future: Send + 'static,
    ReqBody: Send + 'static,
    ResBody: Default + 'static,
{
    type Response = Response<ResBody>;
    type Error = S::Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, S::Error>> + Send>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), S::Error>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, request: Request<ReqBody>) -> Self::Future {
        // The one that was polled ready is the one to call.
        let other = self.inner.clone();
        let mut inner = mem::replace(&mut self.inner, other);
        let AuthLayer { verifier, clock } = self.layer.clone();
        Box::pin(async move {
            let (mut parts, body) = request.into_parts();
            let verified = match verifier.verify(&parts, Schemes::Standard, clock()).await {
                Ok(verified) => verified,
                Err(refusal) => return Ok(refusal.response()),
            };
            let nonce = verified.next_nonce.clone();
            parts.extensions.insert(verified);
            let mut response = inner.call(Request::from_parts(parts, body)).await?;
            if let Some(nonce) = nonce {
                response.headers_mut().insert(DPOP_NONCE, nonce);
            }
            Ok(response)
        })
    }
}
