//! Connections to providers: name resolution with an address check, TCP, TLS, all under one deadline.

use std::future::Future;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use api_transport::is_loopback;
use futures_util::future::BoxFuture;
use http::Uri;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::Name;
use hyper_util::rt::TokioIo;
use rustls::{ClientConfig, RootCertStore};
use tower::Service;

use super::address::is_internal;
use super::kept::Connect;
use super::settings::Watched;
use super::streams::Hosts;
use crate::body::BoxError;

/// Why no connection was made, where it was not the network's doing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum ConnectRefusal {
    /// The name leads to an address that no provider on the internet has.
    #[error("the provider's name resolves to a private, link-local or metadata address")]
    Internal,
    /// Plain HTTP to another machine.
    #[error("plain http is spoken to loopback addresses only")]
    Plain,
    /// TCP and TLS took longer than `server.timeouts.connect`.
    #[error("connecting took longer than server.timeouts.connect")]
    Timeout,
}

/// The operating system's trust store (`SSL_CERT_FILE` and `SSL_CERT_DIR` honoured), as a TLS configuration.
pub(crate) fn tls_config() -> Result<ClientConfig, rustls::Error> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    let (_, ignored) = roots.add_parsable_certificates(found.certs);
    if ignored > 0 || !found.errors.is_empty() {
        tracing::warn!(event = "roots_partly_unreadable", ignored, errors = found.errors.len());
    }
    if roots.is_empty() {
        tracing::warn!(
            event = "no_roots",
            remedy = "install ca-certificates or set SSL_CERT_FILE: no https upstream can be reached"
        );
    }
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let config = ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions()?;
    Ok(config.with_root_certificates(roots).with_no_client_auth())
}

/// Resolves names and leaves out addresses that must not be connected to. The check is made on the very
/// addresses that are then used, so that a name cannot be rebound in between.
#[derive(Clone, Debug)]
pub(super) struct CheckedResolver {
    allow_private: bool,
}

impl Service<Name> for CheckedResolver {
    type Response = std::vec::IntoIter<SocketAddr>;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Self::Response, BoxError>> + Send>>;

    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, name: Name) -> Self::Future {
        let allow_private = self.allow_private;
        Box::pin(async move {
            let all: Vec<SocketAddr> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let usable = usable(name.as_str(), &all, allow_private)?;
            Ok(usable.into_iter())
        })
    }
}

/// Those of a name's addresses that may be connected to.
fn usable(host: &str, all: &[SocketAddr], allow_private: bool) -> Result<Vec<SocketAddr>, ConnectRefusal> {
    let local = is_loopback(host);
    let usable = all.iter().copied().filter(|address| {
        let ip = address.ip();
        // `localhost` was configured as such; it must stay on this machine.
        if local { ip.is_loopback() } else { allow_private || !is_internal(ip) }
    });
    let usable: Vec<SocketAddr> = usable.collect();
    if usable.is_empty() && !all.is_empty() { Err(ConnectRefusal::Internal) } else { Ok(usable) }
}

/// The connector of one provider.
#[derive(Clone)]
pub(super) struct Connector {
    inner: HttpsConnector<HttpConnector<CheckedResolver>>,
    allow_private: bool,
    timeout: Duration,
}

impl Connector {
    pub(super) fn new(tls: ClientConfig, allow_private: bool, timeout: Duration) -> Self {
        let mut tcp = HttpConnector::new_with_resolver(CheckedResolver { allow_private });
        tcp.enforce_http(false);
        tcp.set_nodelay(true);
        tcp.set_keepalive(Some(Duration::from_secs(30)));
        tcp.set_connect_timeout(Some(timeout));
        let inner = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_all_versions()
            .wrap_connector(tcp);
        Self { inner, allow_private, timeout }
    }

    /// Literal addresses never meet the resolver, so they are checked here.
    fn check(&self, uri: &Uri) -> Result<(), ConnectRefusal> {
        let host = uri.host().unwrap_or_default();
        let local = is_loopback(host);
        if uri.scheme_str() != Some("https") && !local {
            return Err(ConnectRefusal::Plain);
        }
        let literal = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        match literal {
            Ok(ip) if !local && !self.allow_private && is_internal(ip) => Err(ConnectRefusal::Internal),
            _ => Ok(()),
        }
    }
}

type Plain = <HttpsConnector<HttpConnector<CheckedResolver>> as Service<Uri>>::Response;
type Connection = TokioIo<Watched<TokioIo<Plain>>>;

/// The connector of one of a core's clients.
#[derive(Clone)]
pub(super) struct WatchingConnector {
    inner: Connector,
    hosts: Arc<Hosts>,
    /// Which of the core's connections to a host it makes.
    connection: usize,
    /// The most calls of a connection over HTTP/2.
    streams: usize,
}

impl WatchingConnector {
    pub(super) fn new(inner: Connector, hosts: Arc<Hosts>, connection: usize, streams: usize) -> Self {
        Self { inner, hosts, connection, streams }
    }

    /// The most calls of a connection over HTTP/2, whatever its peer allows.
    pub(super) fn streams(&self) -> usize {
        self.streams
    }
}

impl Connect for WatchingConnector {
    type Io = Connection;

    fn connect(&self, uri: Uri) -> BoxFuture<'static, Result<Connection, BoxError>> {
        self.clone().call(uri)
    }
}

impl Service<Uri> for WatchingConnector {
    type Response = Connection;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Connection, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        let (host, connection, streams) = (self.hosts.get(&uri), self.connection, self.streams);
        let connecting = self.inner.call(uri);
        Box::pin(async move {
            let connected = TokioIo::new(connecting.await?);
            Ok(TokioIo::new(Watched::new(connected, &host, connection, streams)))
        })
    }
}

impl Service<Uri> for Connector {
    type Response = Plain;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Plain, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if let Err(refusal) = self.check(&uri) {
            return Box::pin(async move { Err(refusal.into()) });
        }
        let connecting = self.inner.call(uri);
        let timeout = self.timeout;
        Box::pin(async move {
            match tokio::time::timeout(timeout, connecting).await {
                Ok(connected) => connected,
                Err(_) => Err(ConnectRefusal::Timeout.into()),
            }
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn connect(uri: &str, allow_private: bool) -> Option<ConnectRefusal> {
        let tls = tls_config().unwrap();
        let mut connector = Connector::new(tls, allow_private, Duration::from_millis(300));
        let error = connector.call(uri.parse().unwrap()).await.err()?;
        let mut next: Option<&(dyn std::error::Error + 'static)> = Some(&*error);
        while let Some(error) = next {
            if let Some(refusal) = error.downcast_ref::<ConnectRefusal>() {
                return Some(*refusal);
            }
            next = error.source();
        }
        None
    }

    #[tokio::test]
    async fn tm_r05_literal_and_plain_addresses_are_refused_before_any_packet() {
        assert_eq!(connect("https://169.254.169.254/", false).await, Some(ConnectRefusal::Internal));
        assert_eq!(connect("https://[::ffff:10.0.0.1]/", false).await, Some(ConnectRefusal::Internal));
        assert_eq!(connect("http://example.com/", false).await, Some(ConnectRefusal::Plain));
        assert_eq!(connect("http://10.0.0.1/", true).await, Some(ConnectRefusal::Plain));
    }

    #[tokio::test]
    async fn tm_r05_names_are_checked_after_resolution() {
        let addresses = |texts: &[&str]| -> Vec<SocketAddr> {
            texts.iter().map(|text| (text.parse::<IpAddr>().unwrap(), 0).into()).collect()
        };
        let internal = Err(ConnectRefusal::Internal);
        // However the name is written, and whatever it said a moment ago: what it leads to now decides.
        for host in ["api.github.com", "localhost.", "127.0.0.1.nip.io"] {
            for inside in ["127.0.0.1", "10.0.0.1", "169.254.169.254", "::1", "::ffff:10.0.0.1", "fd00::1"] {
                assert_eq!(usable(host, &addresses(&[inside]), false), internal, "{host} at {inside}");
                let mixed = addresses(&[inside, "140.82.121.6"]);
                assert_eq!(usable(host, &mixed, false), Ok(addresses(&["140.82.121.6"])), "{host}");
                assert_eq!(usable(host, &mixed, true), Ok(mixed.clone()), "{host}");
            }
        }
        for outside in ["140.82.121.6", "10.0.0.1"] {
            assert_eq!(usable("localhost", &addresses(&[outside]), true), internal, "{outside}");
        }
        // The resolver itself goes through it.
        let mut resolver = CheckedResolver { allow_private: false };
        let mut local = resolver.call("localhost".parse().unwrap()).await.unwrap();
        assert!(local.all(|address| address.ip().is_loopback()));
    }
}
