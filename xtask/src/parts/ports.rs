//! Ports for a server whose address has to be known before it listens.

use anyhow::{Context as _, Result};
use std::net::{Ipv4Addr, TcpListener};

/// Below the range from which Linux takes the ports of connections, and of servers that ask for any port. A port of that
/// range could be taken between the choice and its use.
const CHOICE: std::ops::Range<u16> = 20_000..32_000;

/// The first of `count` ports in a row that are free on 127.0.0.1.
///
/// # Errors
///
/// Every row of the range holds a port that is taken.
pub(super) fn free_ports(count: u16) -> Result<u16> {
    let free = |port: u16| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok();
    CHOICE
        .step_by(usize::from(count))
        .find(|first| (*first..first.saturating_add(count)).all(free))
        .with_context(|| format!("no {count} ports in a row are free"))
}
