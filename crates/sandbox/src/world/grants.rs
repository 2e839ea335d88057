//! Grants and tokens at the providers, by each provider's own rules of expiry and rotation.

use std::collections::HashMap;
use std::time::Duration;

use tokio::time::Instant;

use super::people::Identity;
use crate::kinds::ProviderKind;
use crate::text::{self, ALNUM, BASE64, URL64};

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) struct GrantId(usize);

/// One consent of a user at a provider.
#[derive(Clone, Debug)]
pub(crate) struct Grant {
    pub(crate) kind: ProviderKind,
    pub(crate) account: String,
    pub(crate) scopes: Vec<String>,
    pub(crate) app: bool,
    pub(crate) revoked: bool,
    pub(crate) refreshes: u64,
    access: Vec<String>,
    refresh: Option<String>,
}

#[derive(Clone, Debug)]
struct Access {
    grant: GrantId,
    expires: Option<Instant>,
    dead: bool,
}

/// What a provider hands out.
#[derive(Clone, Debug)]
pub(crate) struct Issued {
    pub(crate) access_token: String,
    pub(crate) refresh_token: Option<String>,
    pub(crate) expires_in: Option<u64>,
    pub(crate) scopes: Vec<String>,
}

/// What a presented access token is.
#[derive(Clone, Debug)]
pub(crate) enum Presented {
    Good(Grant),
    Expired,
    Revoked,
    Unknown,
}

/// Why a refresh was refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RefreshRefused {
    Unknown,
    Revoked,
    /// A single-use token came a second time.
    Reused,
}

/// All grants and tokens of all providers.
#[derive(Debug, Default)]
pub(crate) struct Grants {
    list: Vec<Grant>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, (GrantId, bool)>,
    pub(crate) lifetimes: HashMap<ProviderKind, u64>,
    pub(crate) family_revocations: u64,
}

impl Grants {
    pub(crate) fn open(&mut self, identity: &Identity, kind: ProviderKind) -> (GrantId, Issued) {
        let id = GrantId(self.list.len());
        self.list.push(Grant {
            kind,
            account: identity.user_id.clone(),
            scopes: identity.scopes.clone(),
            app: identity.app,
            revoked: false,
            refreshes: 0,
            access: Vec::new(),
            refresh: None,
        });
        let mut issued = self.issue(id, identity.expires_in);
        if identity.refresh {
            issued.refresh_token = Some(self.new_refresh(id));
        }
        (id, issued)
    }

    /// A new access token of a grant; the old ones stay as they are.
    pub(crate) fn issue(&mut self, id: GrantId, lifetime: Option<u64>) -> Issued {
        let Some(grant) = self.list.get_mut(id.0) else { return Issued::nothing() };
        let lifetime = lifetime.map(|usual| self.lifetimes.get(&grant.kind).copied().unwrap_or(usual));
        let token = access_token(grant.kind, grant.app);
        grant.access.push(token.clone());
        let scopes = grant.scopes.clone();
        let expires = lifetime.map(|seconds| Instant::now() + Duration::from_secs(seconds));
        self.access.insert(token.clone(), Access { grant: id, expires, dead: false });
        Issued { access_token: token, refresh_token: None, expires_in: lifetime, scopes }
    }

    pub(crate) fn new_refresh(&mut self, id: GrantId) -> String {
        let Some(grant) = self.list.get_mut(id.0) else { return String::new() };
        let token = refresh_token(grant.kind);
        grant.refresh = Some(token.clone());
        self.refresh.insert(token.clone(), (id, false));
        token
    }

    pub(crate) fn get(&self, id: GrantId) -> Option<&Grant> {
        self.list.get(id.0)
    }

    pub(crate) fn get_mut(&mut self, id: GrantId) -> Option<&mut Grant> {
        self.list.get_mut(id.0)
    }

    pub(crate) fn present(&self, kind: ProviderKind, token: &str) -> Presented {
        let Some(access) = self.access.get(token) else { return Presented::Unknown };
        let Some(grant) = self.get(access.grant).filter(|grant| grant.kind == kind) else {
            return Presented::Unknown;
        };
        if grant.revoked || access.dead {
            return Presented::Revoked;
        }
        if access.expires.is_some_and(|end| end <= Instant::now()) {
            return Presented::Expired;
        }
        Presented::Good(grant.clone())
    }

    /// The grant behind an access or refresh token of `kind`.
    pub(crate) fn behind(&self, kind: ProviderKind, token: &str) -> Option<GrantId> {
        let id = match self.access.get(token) {
            Some(access) => access.grant,
            None => self.refresh.get(token)?.0,
        };
        self.get(id).filter(|grant| grant.kind == kind).map(|_| id)
    }

    pub(crate) fn revoke(&mut self, id: GrantId) {
        if let Some(grant) = self.get_mut(id) {
            grant.revoked = true;
        }
    }

    /// Ends one access token and leaves the grant; false if it was no good.
    pub(crate) fn kill(&mut self, kind: ProviderKind, token: &str) -> bool {
        let good = matches!(self.present(kind, token), Presented::Good(_) | Presented::Expired);
        if let Some(access) = self.access.get_mut(token).filter(|_| good) {
            access.dead = true;
        }
        good
    }

    /// The access tokens issued so far expire now.
    pub(crate) fn expire(&mut self, id: GrantId) {
        let tokens = self.get(id).map(|grant| grant.access.clone()).unwrap_or_default();
        for token in tokens {
            if let Some(access) = self.access.get_mut(&token) {
                access.expires = Some(Instant::now());
            }
        }
    }

    /// The newest access token of a grant, if it still works.
    pub(crate) fn newest(&self, id: GrantId) -> Option<(String, Option<u64>)> {
        let grant = self.get(id)?;
        let token = grant.access.last()?;
        let Presented::Good(_) = self.present(grant.kind, token) else { return None };
        let left = self
            .access
            .get(token)?
            .expires
            .map(|end| end.saturating_duration_since(Instant::now()).as_secs());
        Some((token.clone(), left))
    }

    /// What Token Vault does when its access token is over: it refreshes, and keeps what it gets to itself.
    pub(crate) fn renew(&mut self, id: GrantId) -> Option<Issued> {
        let grant = self.get_mut(id).filter(|grant| !grant.revoked)?;
        grant.refreshes += 1;
        let kind = grant.kind;
        Some(self.issue(id, Some(usual_life(kind))))
    }

    /// A later login under the same consent: a new access token. GitHub keeps the one it gave.
    pub(crate) fn log_in(&mut self, id: GrantId, lifetime: Option<u64>) -> Option<Issued> {
        let kind = self.get(id).filter(|grant| !grant.revoked)?.kind;
        let kept = self.newest(id).filter(|_| kind == ProviderKind::GitHub && lifetime.is_none());
        let scopes = self.get(id)?.scopes.clone();
        match kept {
            Some((access_token, expires_in)) => {
                Some(Issued { access_token, refresh_token: None, expires_in, scopes })
            }
            None => Some(self.issue(id, lifetime)),
        }
    }

    /// A refresh that returns the access token the grant has already, dead or not.
    pub(crate) fn repeat(&mut self, kind: ProviderKind, token: &str) -> Result<Issued, RefreshRefused> {
        let id = self.behind(kind, token).ok_or(RefreshRefused::Unknown)?;
        let grant = self.get_mut(id).filter(|grant| !grant.revoked).ok_or(RefreshRefused::Revoked)?;
        grant.refreshes += 1;
        let access_token = grant.access.last().cloned().unwrap_or_default();
        let expires_in = Some(usual_life(kind));
        Ok(Issued {
            access_token,
            refresh_token: grant.refresh.clone(),
            expires_in,
            scopes: grant.scopes.clone(),
        })
    }

    /// Redeems a refresh token by the provider's own rules of rotation (facts 1.3).
    pub(crate) fn redeem(&mut self, kind: ProviderKind, token: &str) -> Result<Issued, RefreshRefused> {
        let (id, used) = *self.refresh.get(token).ok_or(RefreshRefused::Unknown)?;
        let grant = self.get(id).filter(|grant| grant.kind == kind).ok_or(RefreshRefused::Unknown)?;
        if used {
            // Bitbucket takes the reuse for theft and revokes the whole family.
            if kind == ProviderKind::Bitbucket && !grant.revoked {
                self.family_revocations += 1;
                self.revoke(id);
            }
            return Err(RefreshRefused::Reused);
        }
        if grant.revoked {
            return Err(RefreshRefused::Revoked);
        }
        if kind == ProviderKind::GitHub {
            let tokens = self.get(id).map(|grant| grant.access.clone()).unwrap_or_default();
            for old in tokens {
                if let Some(access) = self.access.get_mut(&old) {
                    access.dead = true;
                }
            }
        }
        if let Some(grant) = self.get_mut(id) {
            grant.refreshes += 1;
        }
        let mut issued = self.issue(id, Some(usual_life(kind)));
        match kind {
            ProviderKind::Google => {}
            ProviderKind::Microsoft => issued.refresh_token = Some(self.new_refresh(id)),
            _ => {
                if let Some(entry) = self.refresh.get_mut(token) {
                    entry.1 = true;
                }
                issued.refresh_token = Some(self.new_refresh(id));
            }
        }
        Ok(issued)
    }

    /// The newest refresh token of a grant.
    pub(crate) fn refresh_of(&self, id: GrantId) -> Option<String> {
        self.get(id).and_then(|grant| grant.refresh.clone())
    }
}

impl Issued {
    fn nothing() -> Self {
        Self { access_token: String::new(), refresh_token: None, expires_in: None, scopes: Vec::new() }
    }
}

/// Seconds that a refreshed access token lives.
fn usual_life(kind: ProviderKind) -> u64 {
    match kind {
        ProviderKind::Google => 3599,
        ProviderKind::Bitbucket => 7200,
        ProviderKind::GitHub => 28800,
        _ => 3600,
    }
}

/// Token shapes as in facts 1.4. Where a provider's tokens have no documented shape, characters that
/// look different in every encoding are used.
fn access_token(kind: ProviderKind, app: bool) -> String {
    match kind {
        ProviderKind::Google => format!("ya29.a0{}", text::random(URL64, 120)),
        ProviderKind::GitHub => format!("{}_{}", if app { "ghu" } else { "gho" }, text::random(ALNUM, 36)),
        ProviderKind::Facebook => format!("EAA{}", text::random(ALNUM, 100)),
        ProviderKind::Bitbucket => format!("{}==", text::random(URL64, 86)),
        ProviderKind::Microsoft => {
            let claims =
                format!(r#"{{"aud":"https://graph.microsoft.com","x":"{}"}}"#, text::random(ALNUM, 24));
            let header = text::base64url(r#"{"typ":"JWT","alg":"RS256"}"#);
            format!("{header}.{}.{}", text::base64url(claims), text::random(URL64, 120))
        }
        ProviderKind::OAuth2 => format!("tok/{}+/=", text::random(BASE64, 40)),
    }
}

fn refresh_token(kind: ProviderKind) -> String {
    match kind {
        ProviderKind::Google => format!("1//0g{}", text::random(URL64, 80)),
        ProviderKind::GitHub => format!("ghr_{}", text::random(ALNUM, 76)),
        ProviderKind::Bitbucket => text::random(ALNUM, 18),
        ProviderKind::Microsoft => format!("0.A{}", text::random(URL64, 200)),
        ProviderKind::Facebook | ProviderKind::OAuth2 => format!("rt-{}", text::random(URL64, 40)),
    }
}
