//! Which ports the demo listens on.

use std::net::{Ipv4Addr, TcpListener};

/// The gateway's port unless another is asked for or it is taken.
pub(super) const FIRST: u16 = 8080;

/// Between one try and the next.
const STEP: usize = 10;

/// Highest port that is tried.
const LAST: u16 = 8980;

/// Ports of the gateway, the example app, the admin listener and the tenant. The tenant's is fixed as well: an app of
/// one's own has it in its settings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Ports {
    pub(super) gateway: u16,
    pub(super) app: u16,
    pub(super) admin: u16,
    pub(super) tenant: u16,
}

impl Ports {
    /// Any free ports.
    pub(super) const ANY: Self = Self { gateway: 0, app: 0, admin: 0, tenant: 0 };

    /// The gateway's port and the next three.
    pub(super) const fn from(gateway: u16) -> Self {
        Self {
            gateway,
            app: app_port(gateway),
            admin: gateway.saturating_add(2),
            tenant: gateway.saturating_add(3),
        }
    }

    /// The first four in a row that are free.
    pub(super) fn next_free() -> Option<Self> {
        (FIRST..=LAST).step_by(STEP).map(Self::from).find(|ports| ports.taken().is_none())
    }

    /// The gateway's address, where its port is known before it listens. The MCP endpoint and hosted connect need one.
    pub(super) fn address(self, host: &str, tls: bool) -> Option<String> {
        let scheme = if tls { "https" } else { "http" };
        (self.gateway != 0).then(|| format!("{scheme}://{host}:{}", self.gateway))
    }

    /// One of them that something else listens on.
    pub(super) fn taken(self) -> Option<u16> {
        [self.gateway, self.app, self.admin, self.tenant]
            .into_iter()
            .find(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_err())
    }
}

/// The example app's port beside a gateway's.
pub(super) const fn app_port(gateway: u16) -> u16 {
    gateway.saturating_add(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_port_is_named() {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(Ports { tenant: port, ..Ports::ANY }.taken(), Some(port));
        assert_eq!(Ports::ANY.taken(), None);
    }
}
