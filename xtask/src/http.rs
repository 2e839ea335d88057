//! The few requests that checks make to programs on this machine.

use anyhow::{Context as _, Result};
use std::net::TcpListener;
use std::time::Duration;

/// An answer, read whole.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: String,
}

/// `GET` with a caller token, if there is one.
pub(crate) fn get(url: &str, token: Option<&str>) -> Result<Answer> {
    let mut request = agent().get(url);
    if let Some(token) = token {
        request = request.header("authorization", format!("Bearer {token}"));
    }
    read(request.call().with_context(|| format!("GET {url}"))?)
}

/// `POST` of a JSON document.
pub(crate) fn post(url: &str, json: &str) -> Result<Answer> {
    let request = agent().post(url).header("content-type", "application/json");
    read(request.send(json).with_context(|| format!("POST {url}"))?)
}

/// A port that was free a moment ago.
pub(crate) fn free_port() -> Result<u16> {
    Ok(TcpListener::bind("127.0.0.1:0")?.local_addr()?.port())
}

fn agent() -> ureq::Agent {
    let timeout = Some(Duration::from_secs(20));
    ureq::Agent::config_builder()
        .timeout_global(timeout)
        .http_status_as_error(false)
        .proxy(None)
        .build()
        .into()
}

fn read(mut answer: ureq::http::Response<ureq::Body>) -> Result<Answer> {
    Ok(Answer { status: answer.status().as_u16(), body: answer.body_mut().read_to_string()? })
}
