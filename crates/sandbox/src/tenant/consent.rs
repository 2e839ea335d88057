//! The provider's part of a sign-in with `connection`: whether it asks for consent, and what a consent changes.

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;
use crate::quirks::Quirk;
use crate::text::{self, URL64};
use crate::world::people::{Identity, User};
use crate::world::tenant::PendingConsent;

use super::accounts;
use super::pages::{self, Consent};

/// A sign-in at a provider: the account, and what the application asks of it.
#[derive(Clone, Debug)]
pub(super) struct ProviderLogin {
    connection: String,
    identity: Identity,
    /// The user who has this account.
    owner: Option<String>,
    /// Everything that is asked for: what the connection asks for always, and `connection_scope`.
    scopes: Vec<String>,
    /// `prompt=consent`, or its older name `approval_prompt=force`.
    forced: bool,
    /// `access_type=offline`, which Google wants for a refresh token.
    offline: bool,
}

impl ProviderLogin {
    /// Reads it from an authorization request that names a connection; none where it names none, or one
    /// that has no provider (a database).
    pub(super) fn read(inner: &Inner, entry: &Entry, user: &str) -> Option<Self> {
        let connection = entry.param("connection").filter(|name| !name.is_empty())?;
        let hint = entry.param("login_hint").filter(|hint| !hint.is_empty());
        let identity = accounts::account(inner, user, &connection, hint.as_deref())?;
        let owner = inner.state().owner(&connection, &identity.user_id);
        let mut scopes = identity.scopes.clone();
        let more = entry.param("connection_scope").unwrap_or_default();
        for scope in more.split([',', ' ']).filter(|scope| !scope.is_empty()) {
            if !scopes.iter().any(|known| known == scope) {
                scopes.push(scope.to_owned());
            }
        }
        let prompt = entry.param("prompt").unwrap_or_default();
        let forced = prompt.split(' ').any(|prompt| prompt == "consent")
            || entry.param("approval_prompt").as_deref() == Some("force");
        let offline = entry.param("access_type").as_deref() == Some("offline");
        Some(Self { connection, identity, owner, scopes, forced, offline })
    }

    /// Whether the provider shows its consent page: it does not where the user agreed to all of it before.
    pub(super) fn needs_consent(&self, inner: &Inner) -> bool {
        let Some(owner) = self.owner.as_ref().filter(|_| !self.forced) else { return true };
        let state = inner.state();
        let record = state.users.get(owner);
        let mut identities = record.into_iter().flat_map(|record| &record.identities);
        let held = identities.find(|held| {
            held.identity.connection == self.connection && held.identity.user_id == self.identity.user_id
        });
        let grant = held.and_then(|held| held.grant).and_then(|id| state.grants.get(id));
        grant.is_none_or(|grant| {
            grant.revoked || self.scopes.iter().any(|scope| !grant.scopes.contains(scope))
        })
    }

    /// The consent page; its form leads to [`take`].
    pub(super) fn page(&self, inner: &Inner, entry: &Entry, application: &str, user: &str) -> Answer {
        let ticket = text::random(URL64, 32);
        let pending =
            PendingConsent { user_id: user.to_owned(), query: entry.query().unwrap_or_default().to_owned() };
        inner.state().tenant.consents.insert(ticket.clone(), pending);
        pages::consent(&Consent {
            provider: self.identity.kind.map_or(self.connection.as_str(), |kind| kind.title()),
            application,
            account: &self.identity.login,
            scopes: &self.scopes,
            action: &format!("/u/consent?ticket={ticket}"),
        })
    }

    /// The user agreed: new tokens, and a new account where there was none. Returns the user who is signed
    /// in then: Auth0 makes a new user for an account that no user has, unless the tenant links accounts.
    pub(super) fn grant(&self, inner: &Inner, user: &str) -> String {
        let mut identity = self.identity.clone();
        identity.scopes.clone_from(&self.scopes);
        if identity.kind == Some(ProviderKind::Google) {
            identity.refresh = self.offline;
        }
        if self.owner.is_none() {
            // The account may be known from the vault; this sign-in puts its tokens into an identity.
            identity.stored = true;
            identity.vaulted = false;
        }
        let link = inner.quirks.is_on(Quirk::LinkAccounts);
        let mut state = inner.state();
        match &self.owner {
            Some(owner) => {
                state.consent_again(owner, &identity);
                owner.clone()
            }
            None if link => {
                state.link(user, &identity);
                user.to_owned()
            }
            None => {
                let id = format!("{}|{}", identity.strategy, identity.user_id);
                let email = format!("{}@example.test", identity.login);
                let user = User::new(&id).named(&identity.login, &email).identity(identity);
                state.add_user(user);
                id
            }
        }
    }

    /// The provider asks for nothing: a later login under the consent that is there.
    pub(super) fn log_in(&self, inner: &Inner) -> Option<String> {
        let owner = self.owner.clone()?;
        inner.state().log_in(&owner, &self.connection);
        Some(owner)
    }
}

/// Takes the consent that a page's form belongs to; a page works once.
pub(super) fn take(inner: &Inner, entry: &Entry) -> Option<PendingConsent> {
    let ticket = entry.param("ticket").unwrap_or_default();
    inner.state().tenant.consents.remove(&ticket)
}
