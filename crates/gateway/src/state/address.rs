//! The gateway's own address.

use url::Url;

/// Where clients reach the gateway, as far as the settings know.
#[derive(Clone, Debug)]
pub(crate) struct PublicAddress {
    /// `server.public_url`.
    pub(crate) url: Option<Url>,
    /// Whether only `server.allowed_hosts` are served.
    pub(crate) hosts_are_validated: bool,
}
