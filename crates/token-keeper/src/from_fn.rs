//! A function as a source, and an error for it.

use crate::load::{Load, LoadError, Loaded};
use std::error::Error;
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

type BoxedLoad<V, E> = Pin<Box<dyn Future<Output = Result<Loaded<V>, E>> + Send>>;

/// A function as the source of a kept value; see [`Keeper::from_fn`](crate::Keeper::from_fn).
pub struct FromFn<V, E = FailedLoad> {
    load: Box<dyn Fn() -> BoxedLoad<V, E> + Send + Sync>,
}

impl<V, E> FromFn<V, E> {
    /// Takes the function. It is called once for each load.
    pub fn new<F, Fut>(load: F) -> Self
    where
        F: Fn() -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<Loaded<V>, E>> + Send + 'static,
    {
        Self { load: Box::new(move || Box::pin(load())) }
    }
}

impl<V, E> Load for FromFn<V, E>
where
    V: Send + Sync + 'static,
    E: LoadError,
{
    type Value = V;
    type Error = E;

    async fn load(&self) -> Result<Loaded<V>, E> {
        (self.load)().await
    }
}

impl<V, E> fmt::Debug for FromFn<V, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("FromFn")
    }
}

/// A [`LoadError`] for sources that need no error type of their own. Cheap to clone.
#[derive(Clone, Debug)]
pub struct FailedLoad {
    cause: Option<Arc<dyn Error + Send + Sync>>,
    retry_after: Option<Duration>,
}

impl FailedLoad {
    /// A failure with its cause.
    pub fn new(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(Arc::from(cause.into())), retry_after: None }
    }

    /// Whether the load ended without a result; see [`LoadError::aborted`].
    #[must_use]
    pub fn is_aborted(&self) -> bool {
        self.cause.is_none()
    }
}

impl LoadError for FailedLoad {
    fn retry_after(&self) -> Option<Duration> {
        self.retry_after
    }

    fn aborted() -> Self {
        Self { cause: None, retry_after: None }
    }

    fn with_retry_after(self, wait: Duration) -> Self {
        Self { retry_after: Some(wait), ..self }
    }
}

impl fmt::Display for FailedLoad {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if self.is_aborted() {
            "the load ended without a usable value"
        } else {
            "the value could not be loaded"
        })
    }
}

impl Error for FailedLoad {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_deref().map(|cause| cause as &(dyn Error + 'static))
    }
}
