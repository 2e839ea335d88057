//! The pools of a client that nothing was handed in to.

use std::{sync::OnceLock, time::Duration};

use api_transport::{ReqwestTransport, SetUpError};
use url::Url;

use crate::user_agent::CLIENT;

/// One pool for each scheme, made at its first use.
#[derive(Default)]
pub(super) struct Pools {
    secure: OnceLock<ReqwestTransport>,
    plain: OnceLock<ReqwestTransport>,
}

impl Pools {
    /// The pool for `url`'s scheme.
    ///
    /// # Errors
    /// TLS cannot be set up.
    pub(super) fn of(&self, url: &Url, connect_timeout: Duration) -> Result<&ReqwestTransport, SetUpError> {
        let plain = url.scheme() == "http";
        let slot = if plain { &self.plain } else { &self.secure };
        if let Some(pool) = slot.get() {
            return Ok(pool);
        }
        // Plain HTTP needs no certificates, and must not fail for the lack of them.
        let make = if plain { ReqwestTransport::plain } else { ReqwestTransport::new };
        let pool = make(CLIENT, connect_timeout)?;
        Ok(slot.get_or_init(|| pool))
    }
}
