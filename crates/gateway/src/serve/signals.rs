//! The process's signals.

use crate::server::{Drain, Lifecycle, Stage};
use std::io;
use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    time::sleep,
};

/// SIGTERM and SIGINT, and SIGHUP where it ends the process.
pub(crate) struct Termination {
    term: Signal,
    int: Signal,
    hangup: Option<Signal>,
}

impl Termination {
    pub(crate) fn install(on_hangup: bool) -> io::Result<Self> {
        Ok(Self {
            term: signal(SignalKind::terminate())?,
            int: signal(SignalKind::interrupt())?,
            hangup: on_hangup.then(|| signal(SignalKind::hangup())).transpose()?,
        })
    }

    /// The next of them.
    pub(crate) async fn next(&mut self) -> &'static str {
        let hangup = async {
            match &mut self.hangup {
                Some(signal) => signal.recv().await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            _ = self.term.recv() => "SIGTERM",
            _ = self.int.recv() => "SIGINT",
            _ = hangup => "SIGHUP",
        }
    }
}

/// Ends the server in the contract's order. `again` is the second signal; it cuts everything short, and then this is true.
pub(crate) async fn drain(lifecycle: &Lifecycle, drain: Drain, again: impl Future<Output = ()>) -> bool {
    let orderly = async {
        lifecycle.advance(Stage::Unready);
        tracing::info!(
            event = "draining",
            delay_ms = millis(drain.delay),
            timeout_ms = millis(drain.timeout),
            "unready from now on"
        );
        sleep(drain.delay).await;
        lifecycle.advance(Stage::Closing);
        tracing::info!(event = "closing", "no new connections; requests in flight may end");
        sleep(drain.timeout).await;
    };
    let aborting = tokio::select! {
        () = orderly => false,
        () = again => true,
    };
    if aborting {
        tracing::warn!(event = "aborting", "a second signal: requests in flight are cut off");
    } else {
        tracing::warn!(event = "drain_timeout", "requests still in flight are cut off");
    }
    lifecycle.advance(Stage::Aborted);
    aborting
}

fn millis(duration: std::time::Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
