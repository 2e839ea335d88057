//! Proofs of possession (RFC 9449): the sender of a bound token shows that it has the key.

use std::sync::Arc;
use std::time::Duration;

use http::header::{HOST, HeaderName, HeaderValue};
use http::request::Parts;
use url::Url;
use zeroize::Zeroizing;

use crate::Reason;
use crate::cache::{Digest, sha256};
use crate::challenge::Error;
use crate::identity::Caller;
use crate::jose::{self, Compact, MAX_PROOF};
use crate::nonce::Nonces;
use crate::refusal::Refusal;
use crate::replay::{OneUse, ReplayError, ReplayStore};
use crate::rules::{Algorithm, Rules};
use crate::{signature, time};

/// The header that carries a proof.
pub(crate) const DPOP: HeaderName = HeaderName::from_static("dpop");

/// Seconds after its `iat` for which a proof is good.
const MAX_AGE: i64 = 300;
/// Longest `jti`.
const MAX_JTI: usize = 256;
/// Members of a JWK that make it private.
const PRIVATE: [&str; 8] = ["d", "p", "q", "dp", "dq", "qi", "oth", "k"];

const NOT_VALID: &str = "The DPoP proof is not valid for this request and access token.";

/// A proof that is good for this request, and not remembered yet.
#[derive(Debug)]
pub(crate) struct CheckedProof {
    /// The key's thumbprint and `jti`, hashed.
    id: [u8; 32],
    /// A newer nonce, if there is one to tell.
    next_nonce: Option<HeaderValue>,
}

/// Checks proofs.
pub(crate) struct Proofs {
    nonces: Option<Nonces>,
    replays: Arc<dyn ReplayStore>,
    leeway: Duration,
    public_url: Option<Url>,
    virtual_hosts: std::collections::BTreeSet<String>,
}

impl Proofs {
    pub(crate) fn new(rules: &Rules, replays: Arc<dyn ReplayStore>) -> Self {
        let nonces = rules.dpop_nonce.then(|| Nonces::new(&rules.nonce_key.clone().unwrap_or_else(random)));
        Self {
            nonces,
            replays,
            leeway: rules.leeway,
            public_url: rules.public_url.clone(),
            virtual_hosts: rules.virtual_hosts.clone(),
        }
    }

    /// Checks the one proof of a request for a token bound to `thumbprint`. Whether it was used before is asked by
    /// [`Proofs::accept`] alone.
    pub(crate) fn check(
        &self,
        parts: &Parts,
        token: &Digest,
        thumbprint: &[u8; 32],
        now: i64,
    ) -> Result<CheckedProof, Refusal> {
        let proof = only_proof(parts)?;
        let proof = jose::parse(proof, MAX_PROOF).map_err(|_| Refusal::proof("form", NOT_VALID))?;
        let key = signed_by(&proof)?;
        if key != *thumbprint {
            return Err(Refusal::proof("not the key that the token is bound to", NOT_VALID));
        }
        self.matches(&proof, parts, token, now)?;
        let next_nonce = self.nonce(&proof, now)?;
        let id = proof.text("jti").filter(|jti| (1..=MAX_JTI).contains(&jti.len()));
        let id = id.ok_or_else(|| Refusal::proof("jti", NOT_VALID))?;
        Ok(CheckedProof { id: sha256(&[&key[..], id.as_bytes()].concat()), next_nonce })
    }

    /// `htm`, `htu`, `ath` and `iat`.
    fn matches(&self, proof: &Compact<'_>, parts: &Parts, token: &Digest, now: i64) -> Result<(), Refusal> {
        let bad = |cause| Err(Refusal::proof(cause, NOT_VALID));
        if !proof.text("htm").is_some_and(|method| method.eq_ignore_ascii_case(parts.method.as_str())) {
            return bad("htm");
        }
        if !proof.text("htu").is_some_and(|target| self.is_target(target, parts)) {
            return bad("htu");
        }
        if proof.text("ath").and_then(jose::decode).as_deref() != Some(&token[..]) {
            return bad("ath");
        }
        match proof.claims.get("iat").and_then(crate::json::Json::as_integer) {
            Some(at)
                if at >= now.saturating_sub(MAX_AGE)
                    && at <= now.saturating_add(time::whole(self.leeway)) =>
            {
                Ok(())
            }
            _ => bad("iat"),
        }
    }

    /// Whether `htu` is this request's URL as clients see it, without query and fragment.
    fn is_target(&self, htu: &str, parts: &Parts) -> bool {
        let Ok(mut given) = Url::parse(htu) else { return false };
        given.set_query(None);
        given.set_fragment(None);
        if !given.username().is_empty() || given.password().is_some() {
            return false;
        }
        let host = parts.headers.get(HOST).and_then(|host| host.to_str().ok()).or_else(|| {
            // HTTP/2 has the authority in the target.
            parts.uri.authority().map(http::uri::Authority::as_str)
        });
        let path = parts.uri.path();
        match (&self.public_url, host) {
            (public, Some(host)) if self.is_virtual(host) => {
                let scheme = public.as_ref().map_or("https", Url::scheme);
                same(&given, &format!("{scheme}://{host}{path}"))
            }
            (Some(public), _) => same(&given, &format!("{}{path}", public.as_str().trim_end_matches('/'))),
            // Without a public URL the scheme before a TLS-terminating proxy is not known to us.
            (None, Some(host)) => {
                ["https", "http"].iter().any(|scheme| same(&given, &format!("{scheme}://{host}{path}")))
            }
            (None, None) => false,
        }
    }

    fn is_virtual(&self, host: &str) -> bool {
        let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
        self.virtual_hosts.contains(&name.to_ascii_lowercase())
    }

    fn nonce(&self, proof: &Compact<'_>, now: i64) -> Result<Option<HeaderValue>, Refusal> {
        let Some(nonces) = &self.nonces else { return Ok(None) };
        match proof.text("nonce").and_then(|nonce| nonces.check(nonce, now)) {
            Some(true) => Ok(None),
            Some(false) => Ok(Some(nonces.current(now))),
            None => {
                let detail = "Repeat the request with a proof that holds the nonce of 'DPoP-Nonce'.";
                let mut refusal = Refusal::new(Reason::ProofInvalid, Error::UseNonce, "nonce", detail);
                refusal.challenge.nonce = Some(nonces.current(now));
                Err(refusal)
            }
        }
    }

    /// Remembers the proof of this caller: the same one a second time is a replay.
    pub(crate) async fn accept(
        &self,
        proof: CheckedProof,
        caller: &Caller,
    ) -> Result<Option<HeaderValue>, Refusal> {
        let keep = Duration::from_secs(MAX_AGE.unsigned_abs()) + 2 * self.leeway;
        // By caller and not by key: a client gets a token for any key it makes.
        let owner = [caller.issuer(), caller.subject(), caller.client().unwrap_or_default()];
        let owner = sha256(owner.join("\0").as_bytes());
        match self.replays.first_use(OneUse::new(proof.id, keep).of(owner)).await {
            Ok(true) => Ok(proof.next_nonce),
            Ok(false) => Err(Refusal::proof("replayed jti", "Each request needs a DPoP proof of its own.")),
            Err(error) => Err(cannot_tell(error)),
        }
    }
}

/// What becomes of a request whose proof or token cannot be told from a replayed one.
pub(crate) fn cannot_tell(error: ReplayError) -> Refusal {
    let (reason, cause, detail) = if error.is_full() {
        (Reason::ReplayMemoryFull, "replay memory is full", "Too many proofs at once; try again.")
    } else {
        let detail = "Whether the proof was used before cannot be told at the moment.";
        (Reason::ReplayStoreUnavailable, "replay store does not answer", detail)
    };
    Refusal { source: error.source, ..Refusal::later(reason, cause, detail, None) }
}

/// The proof, if there is exactly one.
fn only_proof(parts: &Parts) -> Result<&str, Refusal> {
    let mut values = parts.headers.get_all(DPOP).iter();
    let proof =
        values.next().ok_or_else(|| Refusal::proof("no proof", "Send a DPoP proof in the 'DPoP' header."))?;
    if values.next().is_some() {
        return Err(Refusal::proof("several proofs", "Send exactly one DPoP proof."));
    }
    proof.to_str().map_err(|_| Refusal::proof("form", NOT_VALID))
}

/// Checks the proof's head and signature; gives the RFC 7638 thumbprint of its key.
fn signed_by(proof: &Compact<'_>) -> Result<[u8; 32], Refusal> {
    let bad = |cause| Refusal::proof(cause, NOT_VALID);
    if !matches!(proof.typ(), Ok(Some(typ)) if typ.eq_ignore_ascii_case("dpop+jwt")) {
        return Err(bad("typ"));
    }
    if proof.algorithm() != Some(Algorithm::Es256.as_str()) {
        return Err(bad("alg"));
    }
    let jwk = proof.head.get("jwk").and_then(crate::json::Json::as_object).ok_or_else(|| bad("no jwk"))?;
    let member = |name: &str| jwk.get(name).and_then(crate::json::Json::as_text);
    if PRIVATE.iter().any(|name| jwk.contains_key(*name)) {
        return Err(Refusal::proof(
            "private key in the proof",
            "The DPoP proof holds a private key; replace that key.",
        ));
    }
    if member("kty") != Some("EC") || member("crv") != Some("P-256") {
        return Err(bad("jwk is not P-256"));
    }
    let coordinate =
        |name| member(name).filter(|text| jose::decode(text).is_some_and(|bytes| bytes.len() == 32));
    let (Some(x), Some(y)) = (coordinate("x"), coordinate("y")) else { return Err(bad("coordinates")) };
    if !signature::by_p256(x, y, proof.signed, proof.signature) {
        return Err(bad("signature"));
    }
    Ok(sha256(format!("{{\"crv\":\"P-256\",\"kty\":\"EC\",\"x\":\"{x}\",\"y\":\"{y}\"}}").as_bytes()))
}

/// Equality of URLs after RFC 3986's syntax-based normalisation.
fn same(given: &Url, expected: &str) -> bool {
    let Ok(expected) = Url::parse(expected) else { return false };
    given.scheme() == expected.scheme()
        && given.host() == expected.host()
        && given.port_or_known_default() == expected.port_or_known_default()
        && normal(given.path()) == normal(expected.path())
}

/// Upper-case hexadecimal digits. Only escapes of letters, digits, `-`, `.` and `_` are undone: `~` and `%7E` are the same to
/// RFC 3986, but a program that gives `~` a meaning may tell them apart, and then a proof for one must not be good for the
/// other.
pub(crate) fn normal(path: &str) -> Vec<u8> {
    let bytes = path.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        let digit = |at: usize| bytes.get(at).and_then(|byte| char::from(*byte).to_digit(16));
        match (bytes[at], digit(at + 1), digit(at + 2)) {
            (b'%', Some(high), Some(low)) => {
                let byte = (high * 16 + low) as u8;
                if byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_') {
                    out.push(byte);
                } else {
                    out.extend(format!("%{byte:02X}").into_bytes());
                }
                at += 3;
            }
            (byte, ..) => {
                out.push(byte);
                at += 1;
            }
        }
    }
    out
}

/// A key of this process alone. Without entropy nothing else works either, and a zero key only weakens the nonce.
fn random() -> Zeroizing<[u8; 32]> {
    let mut key = Zeroizing::new([0; 32]);
    if getrandom::fill(&mut *key).is_err() {
        tracing::error!(event = "entropy_missing", "no random numbers for the DPoP nonce key");
    }
    key
}
