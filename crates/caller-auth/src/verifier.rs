//! The steps of verification, in their order.
//!
//! 1. *Credentials*: from `Authorization` alone; two of them, or a token in the query, end here.
//! 2. *Cache*: a token seen before, by its SHA-256, unless it has expired or the tenant's keys have changed since.
//! 3. *Form*: three strict base64url parts of bounded length, JSON without duplicate members, no `crit`, `b64`, `zip`.
//! 4. *Algorithm* against the accepted ones, then `typ`, then *issuer* to the letter. Up to here nothing was asked of anybody.
//! 5. *Key* by `kid` from the tenant's key set (never from the token), its own `alg` if it has one, *signature*.
//! 6. *Claims*: `events` and `nonce` absent, audience, times, then client and organisation lists, then that it is a user's.
//! 7. On every request, cached or not: the logout marks, and the proof of possession where the token is bound to a key.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use http::header::HeaderValue;
use http::request::Parts;

use crate::Reason;
use crate::cache::{Digest, TokenCache, sha256};
use crate::challenge::{Challenge, Challenger};
use crate::claims::{self, Genuine};
use crate::credentials::{self, CallerToken, Credentials, Scheme, Schemes};
use crate::dpop::{CheckedProof, DPOP, Proofs};
use crate::identity::Caller;
use crate::jose::{self, Compact};
use crate::keys::KeySource;
use crate::logout::{self, Logout, LogoutMarks, LogoutRefusal, MAX_LOGOUT_TOKEN};
use crate::refusal::Refusal;
use crate::replay::{MemoryReplays, OneUse, ReplayStore};
use crate::rules::{Dpop, Rules};
use crate::signature::ParsedKeys;
use crate::{header, time};

/// Ids of proofs and logout tokens that one process remembers.
pub(crate) const REPLAYS: usize = 1 << 20;

/// A request whose caller is known.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Verified {
    /// Who calls.
    pub caller: Arc<Caller>,
    /// The caller's own token: only for the vault exchange, and for finding it in a body. Operators have none.
    pub token: Option<CallerToken>,
    /// A newer DPoP nonce for the answer's `DPoP-Nonce`, if the client should use one from now on.
    pub next_nonce: Option<HeaderValue>,
}

/// A request whose caller is known, and whose proof of possession is not remembered yet: [`Verifier::accept`] does that, and
/// nothing else makes a [`Verified`] of it.
#[derive(Debug)]
#[must_use = "the caller is verified only after Verifier::accept"]
pub struct Checked {
    caller: Arc<Caller>,
    token: Option<CallerToken>,
    proof: Option<CheckedProof>,
}

impl Checked {
    /// A caller that the program vouches for itself, without any token: an operator at a command line.
    pub fn vouched(caller: Caller) -> Self {
        Self { caller: Arc::new(caller), token: None, proof: None }
    }

    /// Who calls, for quotas, logs and the like.
    #[must_use]
    pub fn caller(&self) -> &Arc<Caller> {
        &self.caller
    }
}

/// Verifies callers under one configuration.
///
/// ```no_run
/// use std::time::SystemTime;
/// use caller_auth::{Schemes, Verifier};
///
/// # async fn f(parts: http::request::Parts) -> Result<(), Box<dyn std::error::Error>> {
/// let verifier = Verifier::builder("https://acme.eu.auth0.com/").audience("https://api.acme.com").build()?;
/// match verifier.verify(&parts, Schemes::Standard, SystemTime::now()).await {
///     Ok(verified) => println!("{} calls", verified.caller.subject()),
///     Err(refusal) => {
///         let answer: http::Response<String> = refusal.response();
///         println!("{}", answer.status());
///     }
/// }
/// # Ok(())
/// # }
/// ```
pub struct Verifier {
    rules: Rules,
    keys: Arc<dyn KeySource>,
    parsed: ParsedKeys,
    cache: TokenCache,
    marks: LogoutMarks,
    proofs: Proofs,
    replays: Arc<dyn ReplayStore>,
    challenger: Challenger,
}

impl Verifier {
    /// A verifier that remembers ids and logouts in this process alone.
    #[must_use]
    pub fn with_rules(rules: Rules, keys: Arc<dyn KeySource>) -> Self {
        let replays: Arc<dyn ReplayStore> = Arc::new(MemoryReplays::new(REPLAYS));
        Self::shared(rules, keys, replays, LogoutMarks::default())
    }

    /// A verifier with a memory for ids, and logout marks, that others share.
    #[must_use]
    pub fn shared(
        rules: Rules,
        keys: Arc<dyn KeySource>,
        replays: Arc<dyn ReplayStore>,
        marks: LogoutMarks,
    ) -> Self {
        Self {
            cache: TokenCache::new(rules.cache_capacity, rules.cache_bytes),
            proofs: Proofs::new(&rules, Arc::clone(&replays)),
            challenger: Challenger::new(&rules),
            rules,
            keys,
            parsed: ParsedKeys::default(),
            marks,
            replays,
        }
    }

    /// Verifies the caller of a request by its head alone: [`check`](Self::check) and [`accept`](Self::accept) in one.
    ///
    /// `now` is the wall clock. The request's target must be as the client sent it; a DPoP proof names it.
    ///
    /// # Errors
    /// A [`Refusal`] with the reason, a sentence and the challenge for the answer.
    pub async fn verify(
        &self,
        parts: &Parts,
        schemes: Schemes,
        now: SystemTime,
    ) -> Result<Verified, Refusal> {
        self.accept(self.check(parts, schemes, now).await?).await
    }

    /// Verifies all but whether the proof of possession was used before. Quotas and the like are asked between this and
    /// [`accept`](Self::accept): a request that they refuse may then be sent again as it is, and leaves nothing behind.
    ///
    /// # Errors
    /// As [`verify`](Self::verify).
    pub async fn check(&self, parts: &Parts, schemes: Schemes, now: SystemTime) -> Result<Checked, Refusal> {
        self.steps(parts, schemes, now).await.map_err(|refusal| self.refused(refusal))
    }

    /// Remembers the proof of possession of a checked request, once; requests without a proof pass.
    ///
    /// # Errors
    /// The proof was used before, or that cannot be told.
    pub async fn accept(&self, checked: Checked) -> Result<Verified, Refusal> {
        let Checked { caller, token, proof } = checked;
        let next_nonce = match proof {
            None => None,
            Some(proof) => {
                let accepting = Box::pin(self.proofs.accept(proof, &caller));
                accepting.await.map_err(|refusal| self.refused(refusal))?
            }
        };
        Ok(Verified { caller, token, next_nonce })
    }

    /// The challenge for a 403 because `caller` lacks `scope`.
    #[must_use]
    pub fn insufficient_scope(&self, caller: &Caller, scope: &str) -> Challenge {
        self.challenger.insufficient_scope(scope, caller.is_bound())
    }

    /// Drops the verified tokens of one user (`sub`); how many.
    pub fn forget(&self, subject: &str) -> u64 {
        self.cache.forget(subject)
    }

    /// Drops all verified tokens; how many.
    pub fn forget_all(&self) -> u64 {
        self.cache.clear()
    }

    /// Verified tokens kept at the moment.
    #[must_use]
    pub fn cached(&self) -> usize {
        self.cache.len()
    }

    /// Bytes that they take.
    #[must_use]
    pub fn cached_bytes(&self) -> u64 {
        self.cache.weight()
    }

    /// The logout marks this verifier obeys.
    #[must_use]
    pub fn marks(&self) -> &LogoutMarks {
        &self.marks
    }

    /// The rules this verifier was made with.
    #[must_use]
    pub fn rules(&self) -> &Rules {
        &self.rules
    }

    /// Verifies a logout token (OpenID Connect Back-Channel Logout), each only once, and refuses the user's older tokens
    /// from now on. What else is cached for the user is for the caller of this function to drop.
    ///
    /// # Errors
    /// [`LogoutRefusal::Invalid`] for a token that is wrong in any way, or was used before.
    pub async fn log_out(&self, token: &str, now: SystemTime) -> Result<Logout, LogoutRefusal> {
        let seconds = time::seconds(now);
        let invalid = LogoutRefusal::Invalid;
        let token = jose::parse(token.trim(), MAX_LOGOUT_TOKEN).map_err(|_| invalid("form"))?;
        let typ = token.typ().map_err(|_| invalid("typ"))?;
        if !logout::is_logout_typ(typ) {
            return Err(invalid("typ"));
        }
        let signed = self.signed(&token).await;
        signed.map_err(|refusal| match refusal.reason {
            Reason::TokenInvalid => invalid(refusal.cause),
            _ => LogoutRefusal::Unavailable { cause: refusal.cause, source: refusal.source },
        })?;
        let (subject, id, issued_at) = logout::check(&token, &self.rules, seconds).map_err(invalid)?;
        let issued_at = time::system(issued_at).ok_or(invalid("iat"))?;
        let issuer = token.text("iss").unwrap_or_default();
        let id = sha256(&[b"logout\0", issuer.as_bytes(), b"\0", id.as_bytes()].concat());
        // As long as a token that was issued before can be used.
        let age = self.rules.max_lifetime + claims::LIFETIME_SLACK + 2 * self.rules.leeway;
        match self.replays.first_use(OneUse::new(id, age)).await {
            Ok(true) => {}
            Ok(false) => return Err(invalid("jti was used before")),
            Err(error) => {
                return Err(LogoutRefusal::Unavailable { cause: "replay store", source: error.source });
            }
        }
        self.marks.prune(now, age);
        self.marks.add(subject, issued_at);
        self.cache.forget(subject);
        Ok(Logout { subject: subject.to_owned(), issued_at })
    }

    async fn steps(&self, parts: &Parts, schemes: Schemes, now: SystemTime) -> Result<Checked, Refusal> {
        let Credentials { scheme, token } = credentials::extract(parts, schemes)?;
        self.fits(scheme, parts)?;
        let digest = sha256(token.bytes());
        // Read before the check, so that a set that changes meanwhile makes the entry too old rather than too new.
        let generation = self.keys.generation();
        let known = self.cache.get(&digest, generation, now);
        let (thumbprint, caller) = match known {
            Some(caller) => (caller.thumbprint().copied(), Ok(caller)),
            None => {
                let verifying = self.token(token.expose(), time::seconds(now));
                let Genuine { thumbprint, caller } = Box::pin(verifying).await?;
                let keep = |caller| self.cache.insert(digest, generation, caller, now);
                (thumbprint, caller.map(keep))
            }
        };
        let proof = self.possession(scheme, thumbprint.as_ref(), parts, &digest, now)?;
        let caller = caller?;
        if self.marks.refuses(&caller.subject, caller.issued_at()) {
            return Err(Refusal::invalid(
                "issued before a logout",
                "The user has logged out; get a new access token.",
            ));
        }
        Ok(Checked { caller, token: Some(token), proof })
    }

    /// What can be said about scheme and proof before anything is computed.
    fn fits(&self, scheme: Scheme, parts: &Parts) -> Result<(), Refusal> {
        match (self.rules.dpop, scheme) {
            (Dpop::Off, Scheme::Dpop) => Err(Refusal::invalid(
                "DPoP is off",
                "DPoP is not in use here; send an unbound access token as Bearer.",
            )),
            (Dpop::Allow | Dpop::Require, Scheme::Bearer) if parts.headers.contains_key(DPOP) => {
                let detail = "A DPoP proof belongs to 'Authorization: DPoP ...', not to a Bearer token.";
                Err(Refusal::bad_request("proof beside Bearer", detail))
            }
            _ => Ok(()),
        }
    }

    /// A token is used in the way it is bound, never in a weaker one.
    fn possession(
        &self,
        scheme: Scheme,
        thumbprint: Option<&[u8; 32]>,
        parts: &Parts,
        digest: &Digest,
        now: SystemTime,
    ) -> Result<Option<CheckedProof>, Refusal> {
        match (scheme, thumbprint) {
            (Scheme::Bearer, None) if self.rules.dpop == Dpop::Require => Err(Refusal::invalid(
                "not bound",
                "Only access tokens bound to a key (DPoP) are accepted here.",
            )),
            (Scheme::Bearer, None) => Ok(None),
            (Scheme::Bearer, Some(_)) => {
                let detail =
                    "The access token is bound to a key and must come as 'Authorization: DPoP' with a proof.";
                Err(Refusal::invalid("bound token as Bearer", detail))
            }
            (Scheme::Dpop, None) => Err(Refusal::invalid(
                "unbound token as DPoP",
                "The access token is not bound to a key; send it as Bearer.",
            )),
            (Scheme::Dpop, Some(thumbprint)) => {
                self.proofs.check(parts, digest, thumbprint, time::seconds(now)).map(Some)
            }
        }
    }

    /// Verifies a token that is not in the cache.
    async fn token(&self, token: &str, now: i64) -> Result<Genuine, Refusal> {
        let token = header::parse(token, &self.rules)?;
        // The algorithm comes before anything else that the token says about itself.
        header::algorithm(&token, &self.rules)?;
        header::typ(&token)?;
        let issuer = self.signed(&token).await?;
        claims::check(&token, issuer, &self.rules, now)
    }

    pub(crate) fn keys(&self) -> &dyn KeySource {
        &*self.keys
    }

    pub(crate) fn parsed_keys(&self) -> &ParsedKeys {
        &self.parsed
    }

    /// Algorithm, issuer, key, signature. Gives the issuer; asks the tenant at most for its keys.
    async fn signed(&self, token: &Compact<'_>) -> Result<Arc<str>, Refusal> {
        let algorithm = header::algorithm(token, &self.rules)?;
        let issuer = header::issuer(token, &self.rules)?;
        let key = header::key(token, &*self.keys).await?;
        header::signature(token, &self.parsed, (algorithm, &key))?;
        Ok(issuer)
    }

    /// Writes the refusal to the log, and adds the challenge that it carries.
    fn refused(&self, refusal: Refusal) -> Refusal {
        tracing::debug!(event = "caller_refused", reason = refusal.reason.as_str(), cause = refusal.cause);
        self.challenged(refusal)
    }

    /// Adds the challenge that a 401 carries.
    fn challenged(&self, mut refusal: Refusal) -> Refusal {
        if refusal.reason.status() == http::StatusCode::UNAUTHORIZED {
            let nonce = refusal.challenge.nonce.take();
            refusal.challenge = Box::new(self.challenger.unauthorized(refusal.error, &refusal.detail));
            refusal.challenge.nonce = nonce;
        }
        refusal
    }
}

impl fmt::Debug for Verifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Verifier")
            .field("rules", &self.rules)
            .field("cached", &self.cache.len())
            .finish_non_exhaustive()
    }
}
