//! One management token.

use std::{
    collections::BTreeSet,
    fmt,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use token_keeper::BearerToken;

use crate::{Error, SharedToken, TokenResponse, token};

/// The scopes that this family of crates needs to read users with their IdP tokens. They are required by default; see
/// [`TenantBuilder::required_scopes`](crate::TenantBuilder::required_scopes).
pub const NEEDED_SCOPES: [&str; 2] = ["read:users", IDP_TOKENS];
const IDP_TOKENS: &str = "read:user_idp_tokens";

/// The lifetime of a token that states none.
const DEFAULT_LIFETIME: Duration = Duration::from_secs(300);

/// A token for the Management API.
pub struct ManagementToken {
    bearer: BearerToken,
    scopes: Option<BTreeSet<String>>,
    required: Arc<[String]>,
    issued_at: SystemTime,
    expires_at: SystemTime,
    /// Whether this process requested it from the tenant.
    requested_here: bool,
    worked: AtomicBool,
}

impl ManagementToken {
    pub(super) fn from_answer(
        answer: &TokenResponse,
        required: &Arc<[String]>,
        issued_at: SystemTime,
    ) -> Result<(Self, Duration), Error> {
        if answer.token_type().is_some_and(|kind| !kind.eq_ignore_ascii_case("bearer")) {
            return Err(Error::operator(
                "the tenant binds management tokens to a key; turn that off for this application",
            ));
        }
        let text = answer.access_token().expose_secret();
        let bearer = BearerToken::new(text).map_err(|error| {
            Error::tenant("the tenant's management token cannot be sent in a header").caused_by(error)
        })?;
        let claims = claims(text);
        let lifetime =
            answer.expires_in().or_else(|| left_of(&claims, issued_at)).unwrap_or(DEFAULT_LIFETIME);
        let scope = answer.scope().or_else(|| claims.get("scope").and_then(Value::as_str));
        let expires_at = issued_at.checked_add(lifetime).unwrap_or(issued_at);
        Ok((Self::new(bearer, scope, required, (issued_at, expires_at), true), lifetime))
    }

    pub(super) fn from_shared(token: &SharedToken, required: &Arc<[String]>) -> Option<Self> {
        let bearer = BearerToken::new(token.access_token.expose_secret()).ok()?;
        let times = (token.issued_at, token.expires_at);
        Some(Self::new(bearer, token.scope.as_deref(), required, times, false))
    }

    fn new(
        bearer: BearerToken,
        scope: Option<&str>,
        required: &Arc<[String]>,
        (issued_at, expires_at): (SystemTime, SystemTime),
        requested_here: bool,
    ) -> Self {
        let scopes = scope.map(|scope| scope.split_ascii_whitespace().map(str::to_owned).collect());
        let (required, worked) = (required.clone(), AtomicBool::new(false));
        Self { bearer, scopes, required, issued_at, expires_at, requested_here, worked }
    }

    /// The token.
    #[must_use]
    pub fn bearer(&self) -> &BearerToken {
        &self.bearer
    }

    /// The granted scopes, from the answer's `scope` or the token's claim; `None` when neither has them.
    #[must_use]
    pub fn scopes(&self) -> Option<&BTreeSet<String>> {
        self.scopes.as_ref()
    }

    /// When it was requested.
    #[must_use]
    pub fn issued_at(&self) -> SystemTime {
        self.issued_at
    }

    /// Its end by the wall clock. The token is dropped by a clock that cannot be set.
    #[must_use]
    pub fn expires_at(&self) -> SystemTime {
        self.expires_at
    }

    /// The required scopes that it is known to lack.
    #[must_use]
    pub fn missing_scopes(&self) -> Vec<String> {
        self.required.iter().filter(|scope| self.lacks(scope)).cloned().collect()
    }

    /// The scopes that it is known to have beyond the required ones.
    #[must_use]
    pub fn excess_scopes(&self) -> Vec<String> {
        self.scopes.iter().flatten().filter(|scope| !self.required.contains(scope)).cloned().collect()
    }

    /// Whether it is known to lack a scope.
    #[must_use]
    pub fn lacks(&self, scope: &str) -> bool {
        self.scopes.as_ref().is_some_and(|granted| !granted.contains(scope))
    }

    /// Whether it is known to lack `read:user_idp_tokens`: Auth0 then leaves IdP tokens out of user records without an
    /// error.
    #[must_use]
    pub fn lacks_idp_tokens(&self) -> bool {
        self.lacks(IDP_TOKENS)
    }

    pub(crate) fn worked(&self) {
        self.worked.store(true, Ordering::Relaxed);
    }

    /// Whether it was good once: it worked here, or another process obtained and shared it.
    pub(super) fn was_good(&self) -> bool {
        !self.requested_here || self.worked.load(Ordering::Relaxed)
    }

    pub(super) fn to_shared(&self) -> SharedToken {
        let scope = self.scopes.as_ref().map(|scopes| scopes.iter().cloned().collect::<Vec<_>>().join(" "));
        let access_token = self.bearer.expose().into();
        SharedToken { access_token, scope, issued_at: self.issued_at, expires_at: self.expires_at }
    }
}

/// The claims of a JWT, unverified: they came from the tenant over TLS and only repeat what it says.
fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).and_then(|part| URL_SAFE_NO_PAD.decode(part).ok());
    payload.and_then(|payload| serde_json::from_slice(&payload).ok()).unwrap_or_default()
}

fn left_of(claims: &Value, now: SystemTime) -> Option<Duration> {
    let end = UNIX_EPOCH.checked_add(token::seconds(claims.get("exp")?)?)?;
    end.duration_since(now).ok().filter(|left| !left.is_zero())
}

impl fmt::Debug for ManagementToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ManagementToken")
            .field("scopes", &self.scopes)
            .field("issued_at", &self.issued_at)
            .field("expires_at", &self.expires_at)
            .finish_non_exhaustive()
    }
}
