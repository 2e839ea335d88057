//! What changes while a sandbox runs: users, grants and tokens, clients, keys.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;
use std::time::SystemTime;

use serde_json::Value;

use super::client::Client;
use super::grants::{GrantId, Grants, Issued};
use super::people::{Condition, Identity, User};
use super::start::World;
use super::tenant::TenantState;
use crate::keys::{KeyError, RsaKey, SPARE};
use crate::kinds::ProviderKind;
use crate::text::{self, ALNUM};

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

    /// The user signs in with this connection again: Auth0's copy gets the tokens of a new grant.
    pub(crate) fn sign_in_again(&mut self, user_id: &str, connection: &str) -> bool {
        let Some(record) = self.users.get(user_id) else { return false };
        let mut identities = record.identities.iter();
        let found = identities.find(|held| held.identity.connection == connection);
        let Some(identity) = found.map(|held| held.identity.clone()) else { return false };
        self.consent_again(user_id, &identity)
    }

    /// The user consents to an identity's scopes: Auth0's copy gets the tokens of a new grant. Google gives a
    /// refresh token only where it is asked for one; without it Auth0's copy has none.
    pub(crate) fn consent_again(&mut self, user_id: &str, identity: &Identity) -> bool {
        let Some(record) = self.users.get(user_id) else { return false };
        let user = record.user.clone();
        let Some(index) = record.identities.iter().position(|held| {
            held.identity.connection == identity.connection && held.identity.user_id == identity.user_id
        }) else {
            return false;
        };
        let vault = record.identities.get(index).and_then(|held| held.vault);
        let fresh = Identity { condition: Condition::Live, vaulted: false, ..identity.clone() };
        let mut held = self.hold(&user, &fresh);
        held.vault = vault;
        if let Some(record) = self.users.get_mut(user_id) {
            record.last_login = SystemTime::now();
            if let Some(slot) = record.identities.get_mut(index) {
                *slot = held;
            }
        }
        true
    }

    /// Links an account to a user, with a new grant.
    pub(crate) fn link(&mut self, user_id: &str, identity: &Identity) -> bool {
        let Some(user) = self.users.get(user_id).map(|record| record.user.clone()) else { return false };
        let held = self.hold(&user, identity);
        if let Some(record) = self.users.get_mut(user_id) {
            record.identities.push(held);
        }
        true
    }

    /// The user signs in with this connection once more, and the provider asks for no consent: a new access
    /// token of the same grant. Google gives a refresh token at a consent only, so Auth0's copy has none then.
    pub(crate) fn log_in(&mut self, user_id: &str, connection: &str) -> bool {
        let Some(record) = self.users.get_mut(user_id) else { return false };
        let Some(held) = record.identities.iter_mut().find(|held| held.identity.connection == connection)
        else {
            return false;
        };
        let lifetime = held.identity.expires_in;
        let Some(issued) = held.grant.and_then(|id| self.grants.log_in(id, lifetime)) else { return false };
        let kind = held.identity.kind;
        held.access_token = Some(issued.access_token.clone());
        held.refresh_token = match kind {
            Some(ProviderKind::Google) => None,
            _ => held.grant.and_then(|id| self.grants.refresh_of(id)),
        };
        record.last_login = SystemTime::now();
        self.keep(&issued);
        true
    }

    /// The user of an account at a provider.
    pub(crate) fn owner(&self, connection: &str, account: &str) -> Option<String> {
        let owns = |record: &Record| {
            let mut identities = record.identities.iter();
            identities.any(|held| held.identity.connection == connection && held.identity.user_id == account)
        };
        self.order.iter().find(|id| self.users.get(*id).is_some_and(owns)).cloned()
    }

    /// Joins one user to another: the second's identities become the first's, and the second is gone.
    pub(crate) fn link_users(&mut self, primary: &str, secondary: &str) -> bool {
        if primary == secondary || !self.users.contains_key(primary) {
            return false;
        }
        let Some(gone) = self.users.remove(secondary) else { return false };
        self.order.retain(|id| id != secondary);
        if let Some(record) = self.users.get_mut(primary) {
            record.identities.extend(gone.identities);
            record.connected.extend(gone.connected);
        }
        true
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
