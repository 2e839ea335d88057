//! `gateway healthcheck`, for containers without a shell.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use serde_json::json;

use super::{
    ask::Asker,
    exit::Exit,
    output::{Ended, Failure, Output},
};
use crate::config::Settings;

pub(super) async fn run(settings: &Settings, ready: bool, json: bool, output: &Output) -> Ended {
    let address = reachable(settings.server.admin_listen);
    let path = if ready { "readyz" } else { "livez" };
    ask(&format!("http://{address}/{path}"), json, output).await
}

/// Whether an address answers 200.
pub(super) async fn ask(url: &str, json: bool, output: &Output) -> Ended {
    let answer = match Asker::connecting_within(Duration::from_secs(2)) {
        Ok(asker) => asker.get(url, None).await,
        Err(error) => Err(error),
    };
    let (healthy, finding) = match &answer {
        Ok(reply) => (reply.status == 200, format!("{url} answered {}", reply.status)),
        Err(error) => (false, format!("{url} did not answer: {error}")),
    };
    if json {
        output.json(&json!({ "healthy": healthy, "finding": finding }))?;
    } else if healthy {
        output.line(&finding);
    } else {
        return Err(Failure::new(finding, "start the gateway, or correct `server.admin_listen`"));
    }
    Ok(if healthy { Exit::Fine } else { Exit::No })
}

/// The listener's address as seen from the same machine.
pub(super) fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}
