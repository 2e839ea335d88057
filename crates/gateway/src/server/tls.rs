//! TLS of the public listener; follows its files.

use super::TlsFiles;
use crate::telemetry::Metrics;
use arc_swap::ArcSwap;
use rustls::{
    ServerConfig,
    pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject},
};
use std::{io, path::PathBuf, sync::Arc, time::Duration};
use tokio::{net::TcpStream, time::interval};
use tokio_rustls::{TlsAcceptor, server::TlsStream};

/// How often the files are read again.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// Certificate or key cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    /// A file cannot be read.
    #[error("{key} {path} cannot be read: {source}", path = path.display())]
    Read {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// The system's word.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("{key} {path} holds no {what} in PEM form", path = path.display())]
    Content {
        /// The setting.
        key: &'static str,
        /// The file.
        path: PathBuf,
        /// What was looked for.
        what: &'static str,
    },
    /// They do not belong together, or use an algorithm that is not offered.
    #[error("server.tls: certificate and key cannot be used together: {0}")]
    Pair(#[from] rustls::Error),
}

/// The listener's TLS side. Cheap to clone.
#[derive(Clone)]
pub(crate) struct ServerTls(Arc<Inner>);

struct Inner {
    current: ArcSwap<ServerConfig>,
    files: ArcSwap<TlsFiles>,
    metrics: Metrics,
}

/// The bytes of both files: a change of either is a change.
type Contents = (Vec<u8>, Vec<u8>);

impl ServerTls {
    pub(crate) async fn load(files: TlsFiles, metrics: Metrics) -> Result<Self, TlsError> {
        let contents = read(&files).await?;
        let current = ArcSwap::new(configure(&files, &contents)?);
        Ok(Self(Arc::new(Inner { current, files: ArcSwap::from_pointee(files), metrics })))
    }

    /// Shakes hands with whatever certificate is current.
    pub(crate) async fn accept(&self, stream: TcpStream) -> io::Result<TlsStream<TcpStream>> {
        TlsAcceptor::from(self.0.current.load_full()).accept(stream).await
    }

    /// Takes other files, if they can be used.
    pub(crate) async fn switch(&self, files: TlsFiles) -> Result<(), TlsError> {
        let contents = read(&files).await?;
        self.0.current.store(configure(&files, &contents)?);
        self.0.files.store(Arc::new(files));
        Ok(())
    }

    /// Reads the files again and again; a change that works is used for new connections, one that does not changes nothing.
    pub(crate) async fn watch(self) {
        let mut last = read(&self.0.files.load_full()).await.ok();
        let mut tick = interval(LOOK_EVERY);
        tick.tick().await;
        loop {
            tick.tick().await;
            let files = self.0.files.load_full();
            let now = read(&files).await;
            if now.as_ref().ok() == last.as_ref() {
                continue;
            }
            let result = now.and_then(|contents| {
                let config = configure(&files, &contents);
                last = Some(contents);
                config
            });
            self.0.metrics.tls_reload(result.is_ok());
            match result {
                Ok(config) => {
                    self.0.current.store(config);
                    tracing::info!(event = "tls_reloaded", "the certificate was replaced");
                }
                Err(error) => {
                    tracing::warn!(event = "tls_reload_failed", %error, "the certificate in use stays; write both files anew");
                }
            }
        }
    }
}

async fn read(files: &TlsFiles) -> Result<Contents, TlsError> {
    let one = |key, path: PathBuf| async move {
        tokio::fs::read(&path).await.map_err(|source| TlsError::Read { key, path, source })
    };
    let cert = one("server.tls.cert_file", files.cert_file.clone()).await?;
    let key = one("server.tls.key_file", files.key_file.clone()).await?;
    Ok((cert, key))
}

fn configure(files: &TlsFiles, (cert, key): &Contents) -> Result<Arc<ServerConfig>, TlsError> {
    let no_chain = || TlsError::Content {
        key: "server.tls.cert_file",
        path: files.cert_file.clone(),
        what: "certificate",
    };
    let chain: Vec<_> =
        CertificateDer::pem_slice_iter(cert).collect::<Result<_, _>>().map_err(|_| no_chain())?;
    if chain.is_empty() {
        return Err(no_chain());
    }
    let key = PrivateKeyDer::from_pem_slice(key).map_err(|_| TlsError::Content {
        key: "server.tls.key_file",
        path: files.key_file.clone(),
        what: "private key",
    })?;
    let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(chain, key)?;
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(Arc::new(config))
}
