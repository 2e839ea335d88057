//! The servers of a sandbox and the loop that serves them.
//!
//! Every request is written to the journal when its head arrives, meets the faults that were ordered
//! for it, and is then answered by the server's router. What became of the answer goes back into the
//! journal, so that a test can see a caller that hung up.

use std::convert::Infallible;
use std::fmt;
use std::net::SocketAddr;
use std::sync::Arc;

use ::http::{Request, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto;
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

use crate::faults::Step;
use crate::http::{Answer, Body, Interrupted};
use crate::inner::Inner;
use crate::journal::{Ended, Entry, ReceivedBody, Watched};
use crate::{providers, tenant};

/// One of the sandbox's servers; each has a loopback port of its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum Server {
    /// The Auth0-compatible tenant.
    Tenant,
    /// Google's APIs: one port for all of its hosts.
    Google,
    /// `api.github.com`, and `github.com`'s token endpoint.
    GitHub,
    /// `graph.facebook.com`.
    Facebook,
    /// `api.bitbucket.org`, and `bitbucket.org`'s token endpoint.
    Bitbucket,
    /// `graph.microsoft.com`, and Entra's token endpoint.
    Microsoft,
    /// A provider that speaks plain RFC 6749 and RFC 6750.
    OAuth2,
    /// The hosts that downloads are redirected to: they take capability links and need no credential.
    Downloads,
}

impl Server {
    /// All servers, in the order in which they are started.
    pub const ALL: [Self; 8] = [
        Self::Tenant,
        Self::Google,
        Self::GitHub,
        Self::Facebook,
        Self::Bitbucket,
        Self::Microsoft,
        Self::OAuth2,
        Self::Downloads,
    ];

    /// The provider this server belongs to; none for the tenant and the download hosts.
    #[must_use]
    pub const fn provider(self) -> Option<ProviderKind> {
        match self {
            Self::Google => Some(ProviderKind::Google),
            Self::GitHub => Some(ProviderKind::GitHub),
            Self::Facebook => Some(ProviderKind::Facebook),
            Self::Bitbucket => Some(ProviderKind::Bitbucket),
            Self::Microsoft => Some(ProviderKind::Microsoft),
            Self::OAuth2 => Some(ProviderKind::OAuth2),
            Self::Tenant | Self::Downloads => None,
        }
    }
}

/// A provider whose API the sandbox speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[non_exhaustive]
pub enum ProviderKind {
    /// Google (`google-oauth2`).
    Google,
    /// GitHub (`github`).
    GitHub,
    /// Facebook (`facebook`).
    Facebook,
    /// Bitbucket Cloud (`bitbucket`).
    Bitbucket,
    /// Microsoft Graph (`windowslive`, `waad`).
    Microsoft,
    /// A custom OAuth 2.0 connection (`oauth2`).
    OAuth2,
}

impl ProviderKind {
    /// All providers.
    pub const ALL: [Self; 6] =
        [Self::Google, Self::GitHub, Self::Facebook, Self::Bitbucket, Self::Microsoft, Self::OAuth2];

    /// The server that speaks for this provider.
    #[must_use]
    pub const fn server(self) -> Server {
        match self {
            Self::Google => Server::Google,
            Self::GitHub => Server::GitHub,
            Self::Facebook => Server::Facebook,
            Self::Bitbucket => Server::Bitbucket,
            Self::Microsoft => Server::Microsoft,
            Self::OAuth2 => Server::OAuth2,
        }
    }

    /// The name used for the provider in configurations: `github`, `google`, ...
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Google => "google",
            Self::GitHub => "github",
            Self::Facebook => "facebook",
            Self::Bitbucket => "bitbucket",
            Self::Microsoft => "microsoft",
            Self::OAuth2 => "oauth2",
        }
    }

    /// Auth0's strategy for the provider, which is also its default connection name.
    #[must_use]
    pub const fn strategy(self) -> &'static str {
        match self {
            Self::Google => "google-oauth2",
            Self::GitHub => "github",
            Self::Facebook => "facebook",
            Self::Bitbucket => "bitbucket",
            Self::Microsoft => "windowslive",
            Self::OAuth2 => "oauth2",
        }
    }
}

impl fmt::Display for ProviderKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Accepts connections until the sandbox stops.
pub(crate) async fn accept(
    inner: Arc<Inner>,
    server: Server,
    listener: TcpListener,
    stop: CancellationToken,
) {
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => return,
            accepted = listener.accept() => accepted,
        };
        // An accept error (descriptors used up, say) is the machine's, not a caller's: try again.
        let Ok((stream, peer)) = accepted else {
            tokio::task::yield_now().await;
            continue;
        };
        if inner.faults.is_down(server) {
            continue;
        }
        tokio::spawn(connection(Arc::clone(&inner), server, stream, peer, stop.clone()));
    }
}

async fn connection(
    inner: Arc<Inner>,
    server: Server,
    stream: TcpStream,
    peer: SocketAddr,
    stop: CancellationToken,
) {
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let inner = Arc::clone(&inner);
        async move { exchange(&inner, server, peer, request).await }
    });
    let mut builder = auto::Builder::new(TokioExecutor::new());
    builder.http1().max_headers(200);
    builder.http2().max_concurrent_streams(10_000);
    let serving = builder.serve_connection(TokioIo::new(stream), service);
    tokio::select! {
        () = stop.cancelled() => {}
        // A broken connection is the point of several faults.
        _ = serving => {}
    }
}

async fn exchange(
    inner: &Arc<Inner>,
    server: Server,
    peer: SocketAddr,
    request: Request<Incoming>,
) -> Result<Response<Body>, Interrupted> {
    let (parts, body) = request.into_parts();
    let entry = inner.journal.record(server, peer, &parts);
    let mut watched = Watched::new(inner.journal.clone(), Arc::clone(&entry));
    if inner.faults.is_down(server) {
        watched.end(Ended::Dropped);
        return Err(Interrupted);
    }
    let step = inner.faults.pick(&entry);
    if step.as_ref().is_none_or(|step| !step.ignores_body()) {
        let received = receive(body).await?;
        entry.set_body(received);
        inner.journal.touch();
    }
    let response = match step {
        None => route(inner, server, &entry),
        Some(step) => match faulty(inner, server, &entry, step).await {
            Ok(response) => response,
            Err(interrupted) => {
                watched.end(Ended::Dropped);
                return Err(interrupted);
            }
        },
    };
    entry.set_status(response.status());
    inner.journal.touch();
    Ok(response.map(|body| watched.body(body)))
}

/// Does what a fault orders, around or instead of the real answer.
async fn faulty(
    inner: &Arc<Inner>,
    server: Server,
    entry: &Entry,
    step: Step,
) -> Result<Response<Body>, Interrupted> {
    if let Some(delay) = step.delay {
        tokio::time::sleep(delay).await;
    }
    if let Some(hold) = &step.hold_before {
        hold.passed().await;
    }
    if step.hang {
        std::future::pending::<Infallible>().await;
    }
    if step.disconnect {
        return Err(Interrupted);
    }
    let mut response = match step.answer {
        Some(answer) => answer.into_response(),
        None => route(inner, server, entry),
    };
    for (name, value) in &step.headers {
        response.headers_mut().insert(name, value.clone());
    }
    if let Some(hold) = &step.hold_after {
        hold.passed().await;
    }
    if step.lose_answer {
        return Err(Interrupted);
    }
    if let Some(bytes) = step.truncate {
        return Ok(response.map(|body| crate::http::truncated(body, bytes)));
    }
    Ok(response)
}

fn route(inner: &Arc<Inner>, server: Server, entry: &Entry) -> Response<Body> {
    match server {
        Server::Tenant => tenant::answer(inner, entry),
        Server::Downloads => providers::downloads::answer(inner, entry),
        _ => match server.provider() {
            Some(kind) => providers::answer(inner, kind, entry),
            None => Answer::new(404).into_response(),
        },
    }
}

/// Bytes of a request body that the journal keeps; longer bodies are counted and hashed only.
const KEPT: usize = 1 << 20;

async fn receive(mut body: Incoming) -> Result<ReceivedBody, Interrupted> {
    let mut kept = Vec::new();
    let mut length = 0_u64;
    let mut digest = aws_lc_rs::digest::Context::new(&aws_lc_rs::digest::SHA256);
    let mut trailers = None;
    while let Some(frame) = body.frame().await {
        match frame.map_err(|_| Interrupted)?.into_data() {
            Ok(data) => {
                length += data.len() as u64;
                digest.update(&data);
                let room = KEPT.saturating_sub(kept.len()).min(data.len());
                kept.extend_from_slice(data.get(..room).unwrap_or_default());
            }
            Err(other) => trailers = other.into_trailers().ok(),
        }
    }
    Ok(ReceivedBody {
        kept: Bytes::from(kept),
        length,
        sha256: crate::text::hex(digest.finish().as_ref()),
        trailers,
    })
}
