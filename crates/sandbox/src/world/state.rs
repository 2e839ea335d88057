//! What changes while a sandbox runs: users, grants and tokens, clients, keys.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use serde_json::Value;
use tokio::time::Instant;

use super::World;
use super::people::{Client, Condition, Identity, User};
use crate::ProviderKind;
use crate::keys::{KeyError, RsaKey, SPARE};
use crate::tenant::state::TenantState;
use crate::text::{self, ALNUM, BASE64, URL64};

/// Everything mutable, behind one lock that is never held across an await.
#[derive(Debug)]
pub(crate) struct State {
    pub(crate) users: HashMap<String, Record>,
    pub(crate) order: Vec<String>,
    pub(crate) accounts: HashMap<(ProviderKind, String), Account>,
    pub(crate) grants: Grants,
    pub(crate) clients: HashMap<String, Client>,
    pub(crate) tenant: TenantState,
    /// What callers created at the providers, newest last, by kind of thing.
    pub(crate) created: HashMap<(ProviderKind, String), Vec<Value>>,
    /// Counters behind rate limits and `sandbox/trouble`.
    pub(crate) counters: HashMap<String, u64>,
    /// Page tokens of Facebook: the page, and the token of the user who manages it.
    pub(crate) page_tokens: HashMap<String, (String, String)>,
    pub(crate) secrets: BTreeSet<String>,
    current: Arc<RsaKey>,
    next: Arc<RsaKey>,
    previous: Vec<Arc<RsaKey>>,
    next_key: usize,
}

/// A user as Auth0 holds it.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    pub(crate) user: User,
    pub(crate) identities: Vec<Held>,
    pub(crate) connected: Vec<Held>,
    pub(crate) last_login: SystemTime,
}

/// An identity or connected account, with Auth0's copies of its tokens.
#[derive(Clone, Debug)]
pub(crate) struct Held {
    pub(crate) identity: Identity,
    pub(crate) grant: Option<GrantId>,
    pub(crate) access_token: Option<String>,
    pub(crate) refresh_token: Option<String>,
    /// The grant Token Vault holds, if it holds one.
    pub(crate) vault: Option<GrantId>,
    pub(crate) connected_id: String,
}

/// An account at a provider.
#[derive(Clone, Debug)]
pub(crate) struct Account {
    pub(crate) kind: ProviderKind,
    pub(crate) id: String,
    pub(crate) login: String,
    pub(crate) name: String,
    pub(crate) email: String,
}

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
        let usual = match kind {
            ProviderKind::Google => 3599,
            ProviderKind::Bitbucket => 7200,
            ProviderKind::GitHub => 28800,
            _ => 3600,
        };
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
        let mut issued = self.issue(id, Some(usual));
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

impl State {
    pub(crate) fn new(world: World, tenant: TenantState) -> Result<Self, KeyError> {
        let mut state = Self {
            users: HashMap::new(),
            order: Vec::new(),
            accounts: HashMap::new(),
            grants: Grants::default(),
            clients: HashMap::new(),
            tenant,
            created: HashMap::new(),
            counters: HashMap::new(),
            page_tokens: HashMap::new(),
            secrets: BTreeSet::new(),
            current: RsaKey::pooled(0)?,
            next: RsaKey::pooled(1)?,
            previous: Vec::new(),
            next_key: SPARE,
        };
        for client in world.clients {
            state.add_client(client);
        }
        for user in world.users {
            state.add_user(user);
        }
        Ok(state)
    }

    pub(crate) fn add_client(&mut self, client: Client) {
        if !client.secret.is_empty() {
            self.secrets.insert(client.secret.clone());
        }
        self.clients.insert(client.id.clone(), client);
    }

    pub(crate) fn add_user(&mut self, user: User) {
        let identities = user.identities.iter().map(|identity| self.hold(&user, identity)).collect();
        let connected = user.connected.iter().map(|identity| self.hold(&user, identity)).collect();
        if !self.users.contains_key(&user.user_id) {
            self.order.push(user.user_id.clone());
        }
        let record = Record { identities, connected, last_login: SystemTime::now(), user };
        self.users.insert(record.user.user_id.clone(), record);
    }

    /// Opens the grants of an identity, and the account behind it.
    pub(crate) fn hold(&mut self, user: &User, identity: &Identity) -> Held {
        let mut held = Held {
            identity: identity.clone(),
            grant: None,
            access_token: None,
            refresh_token: None,
            vault: None,
            connected_id: format!("cac_{}", text::random(ALNUM, 16)),
        };
        let Some(kind) = identity.kind else { return held };
        let account = Account {
            kind,
            id: identity.user_id.clone(),
            login: identity.login.clone(),
            name: user.name.clone(),
            email: user.email.clone(),
        };
        self.accounts.insert((kind, identity.user_id.clone()), account);
        if identity.stored && identity.access {
            let (id, issued) = self.grants.open(identity, kind);
            self.keep(&issued);
            self.settle(id, identity.condition);
            held.grant = Some(id);
            held.access_token = Some(issued.access_token);
            held.refresh_token = issued.refresh_token;
        }
        if identity.vaulted && identity.access {
            let vaulted = Identity {
                refresh: true,
                expires_in: identity.expires_in.or(Some(3600)),
                ..identity.clone()
            };
            let (id, issued) = self.grants.open(&vaulted, kind);
            self.keep(&issued);
            self.settle(id, identity.condition);
            held.vault = Some(id);
        }
        held
    }

    /// Remembers what must never be seen outside.
    pub(crate) fn keep(&mut self, issued: &Issued) {
        self.secrets.insert(issued.access_token.clone());
        self.secrets.extend(issued.refresh_token.clone());
    }

    fn settle(&mut self, id: GrantId, condition: Condition) {
        match condition {
            Condition::Live => {}
            Condition::Expired => self.grants.expire(id),
            Condition::Revoked => self.grants.revoke(id),
        }
    }

    pub(crate) fn first_user(&self) -> String {
        self.order.first().cloned().unwrap_or_else(|| "auth0|nobody".to_owned())
    }

    pub(crate) fn current_key(&self) -> Arc<RsaKey> {
        Arc::clone(&self.current)
    }

    pub(crate) fn next_key(&self) -> Arc<RsaKey> {
        Arc::clone(&self.next)
    }

    pub(crate) fn published_keys(&self) -> Vec<Arc<RsaKey>> {
        let mut keys = vec![self.current_key(), self.next_key()];
        keys.extend(self.previous.iter().cloned());
        keys
    }

    pub(crate) fn rotate_keys(&mut self) -> Result<(), KeyError> {
        let fresh = RsaKey::pooled(self.next_key)?;
        self.next_key += 1;
        let next = std::mem::replace(&mut self.next, fresh);
        self.previous.push(std::mem::replace(&mut self.current, next));
        Ok(())
    }

    pub(crate) fn revoke_previous_keys(&mut self) {
        self.previous.clear();
    }

    /// The next value of a counter, from 1.
    pub(crate) fn bump(&mut self, counter: &str) -> u64 {
        let value = self.counters.entry(counter.to_owned()).or_insert(0);
        *value += 1;
        *value
    }
}
