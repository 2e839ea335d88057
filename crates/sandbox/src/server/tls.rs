//! TLS with a certificate authority of the sandbox's own.

use std::sync::Arc;

use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

use crate::keys::KeyError;
use crate::text::{self, ALNUM};

/// Which versions of HTTP a server offers by ALPN (RFC 7301).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Alpn {
    /// HTTP/2 and HTTP/1.1.
    #[default]
    Both,
    /// HTTP/1.1 only.
    Http1,
    /// HTTP/2 only.
    Http2,
}

impl Alpn {
    fn protocols(self) -> Vec<Vec<u8>> {
        let (http2, http1) = (b"h2".to_vec(), b"http/1.1".to_vec());
        match self {
            Self::Both => vec![http2, http1],
            Self::Http1 => vec![http1],
            Self::Http2 => vec![http2],
        }
    }
}

/// The names a server's certificate is good for: loopback, and the hosts that the providers have.
const NAMES: [&str; 12] = [
    "localhost",
    "127.0.0.1",
    "::1",
    "*.googleapis.com",
    "*.github.com",
    "github.com",
    "graph.facebook.com",
    "*.bitbucket.org",
    "bitbucket.org",
    "graph.microsoft.com",
    "login.microsoftonline.com",
    "*.eu.auth0.com",
];

/// A certificate authority, and servers' certificates by it.
#[derive(Debug)]
pub(crate) struct Authority(CertifiedIssuer<'static, KeyPair>);

impl Authority {
    pub(crate) fn new() -> Result<Self, KeyError> {
        let mut params = CertificateParams::new(Vec::<String>::new()).map_err(|_| KeyError)?;
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        params.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
        // A name of its own: a client that trusts many sandboxes would try all authorities of one name, and stop early.
        let name = format!("Sandbox test authority {}", text::random(ALNUM, 16));
        params.distinguished_name.push(DnType::CommonName, name);
        let key = KeyPair::generate().map_err(|_| KeyError)?;
        CertifiedIssuer::self_signed(params, key).map(Self).map_err(|_| KeyError)
    }

    /// The authority's certificate, for clients that are to trust it.
    pub(crate) fn pem(&self) -> String {
        self.0.pem()
    }

    /// What a server needs to speak TLS.
    pub(crate) fn acceptor(&self, alpn: Alpn) -> Result<TlsAcceptor, KeyError> {
        let names: Vec<String> = NAMES.iter().map(|name| (*name).to_owned()).collect();
        let key = KeyPair::generate().map_err(|_| KeyError)?;
        let params = CertificateParams::new(names).map_err(|_| KeyError)?;
        let certificate = params.signed_by(&key, &self.0).map_err(|_| KeyError)?;
        let key = PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(tokio_rustls::rustls::crypto::aws_lc_rs::default_provider());
        let mut config = ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .map_err(|_| KeyError)?
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .map_err(|_| KeyError)?;
        config.alpn_protocols = alpn.protocols();
        Ok(TlsAcceptor::from(Arc::new(config)))
    }
}

/// A certificate that signs itself, for a server on loopback.
#[derive(Clone)]
pub struct SelfSigned {
    /// The certificate (PEM).
    pub certificate: String,
    /// Its private key (PKCS#8 PEM).
    pub key: String,
}

impl SelfSigned {
    /// Makes one for host names and addresses.
    ///
    /// # Errors
    /// One of the names is none, or the crypto library refuses to make a key.
    pub fn new(names: impl IntoIterator<Item = String>) -> Result<Self, KeyError> {
        let names: Vec<String> = names.into_iter().collect();
        let made = rcgen::generate_simple_self_signed(names).map_err(|_| KeyError)?;
        Ok(Self { certificate: made.cert.pem(), key: made.signing_key.serialize_pem() })
    }
}

impl std::fmt::Debug for SelfSigned {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SelfSigned").finish_non_exhaustive()
    }
}
