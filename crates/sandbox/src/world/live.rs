//! Changing the world while the servers run.

use std::sync::Arc;

use serde_json::Value;

use super::client::Client;
use super::grants::{GrantId, Grants};
use super::people::{Identity, User};
use super::state::{Held, Record};
use crate::inner::Inner;
use crate::json::merge;
use crate::keys::KeyError;
use crate::kinds::ProviderKind;

/// A cheap handle on the running world. Changes are seen by the next request.
///
/// Methods that name a user and a connection act on the first identity (or connected account) of that
/// connection and say whether there was one.
#[derive(Clone, Debug)]
pub struct LiveWorld {
    inner: Arc<Inner>,
}

impl LiveWorld {
    pub(crate) fn new(inner: Arc<Inner>) -> Self {
        Self { inner }
    }

    /// The tenant's users, in the order in which they were added.
    #[must_use]
    pub fn user_ids(&self) -> Vec<String> {
        self.inner.state().order.clone()
    }

    /// Adds a user, or replaces the one of that id with new grants.
    pub fn add_user(&self, user: User) {
        self.inner.state().add_user(user);
    }

    /// Adds or replaces an application.
    pub fn add_client(&self, client: Client) {
        self.inner.state().add_client(client);
    }

    /// Deletes a user.
    pub fn delete_user(&self, user_id: &str) -> bool {
        let mut state = self.inner.state();
        state.order.retain(|id| id != user_id);
        state.users.remove(user_id).is_some()
    }

    /// Blocks or unblocks a user.
    pub fn block(&self, user_id: &str, blocked: bool) -> bool {
        self.change(user_id, |record| record.user.blocked = blocked).is_some()
    }

    /// Lays an object over the root members of a user record; a `null` removes.
    pub fn set_user_members(&self, user_id: &str, members: Value) -> bool {
        self.change(user_id, |record| merge(&mut record.user.extra, members)).is_some()
    }

    /// Links an account to a user, with a new grant.
    pub fn link(&self, user_id: &str, identity: &Identity) -> bool {
        self.inner.state().link(user_id, identity)
    }

    /// Links two users: the second's identities become the first's, and the second is gone, as with
    /// `POST /api/v2/users/{id}/identities`.
    pub fn link_users(&self, primary: &str, secondary: &str) -> bool {
        self.inner.state().link_users(primary, secondary)
    }

    /// Makes the first identity of a connection stand twice in the record, with the same tokens.
    pub fn duplicate_identity(&self, user_id: &str, connection: &str) -> bool {
        self.change(user_id, |record| {
            let found = record.identities.iter().find(|held| held.identity.connection == connection).cloned();
            found.map(|held| record.identities.push(held)).is_some()
        })
        .unwrap_or(false)
    }

    /// Lays an object over `profileData` of the first identity of a connection, which is in the record
    /// whatever `fields` names: `{ "padding": "..." }` makes a record of any length.
    pub fn set_profile_data(&self, user_id: &str, connection: &str, members: Value) -> bool {
        self.change(user_id, |record| {
            let mut identities = record.identities.iter_mut();
            let held = identities.find(|held| held.identity.connection == connection);
            held.map(|held| merge(&mut held.identity.profile_data, members)).is_some()
        })
        .unwrap_or(false)
    }

    /// Unlinks all accounts of a connection from a user.
    pub fn unlink(&self, user_id: &str, connection: &str) -> bool {
        self.change(user_id, |record| {
            let before = record.identities.len();
            record.identities.retain(|held| held.identity.connection != connection);
            record.identities.len() < before
        })
        .unwrap_or(false)
    }

    /// Connects an account through Connected Accounts: it is in the vault only.
    pub fn connect_account(&self, user_id: &str, identity: &Identity) -> bool {
        let mut state = self.inner.state();
        let Some(user) = state.users.get(user_id).map(|record| record.user.clone()) else { return false };
        let held = state.hold(&user, &identity.clone().in_vault());
        if let Some(record) = state.users.get_mut(user_id) {
            record.connected.push(held);
        }
        true
    }

    /// Takes an account out of the vault.
    pub fn disconnect_account(&self, user_id: &str, connection: &str) -> bool {
        self.change(user_id, |record| {
            let before = record.connected.len();
            record.connected.retain(|held| held.identity.connection != connection);
            let mut any = record.connected.len() < before;
            for held in record.identities.iter_mut().filter(|held| held.identity.connection == connection) {
                any |= held.vault.take().is_some();
            }
            any
        })
        .unwrap_or(false)
    }

    /// The user signs in with this connection again: Auth0's copy gets the tokens of a new grant. The
    /// old grant's tokens stay as they are.
    pub fn sign_in_again(&self, user_id: &str, connection: &str) -> bool {
        self.inner.state().sign_in_again(user_id, connection)
    }

    /// The user signs in with this connection once more and the provider asks for no consent: Auth0's copy
    /// gets a new access token of the same grant. Google's has no refresh token then, although the old one
    /// still works.
    pub fn log_in(&self, user_id: &str, connection: &str) -> bool {
        self.inner.state().log_in(user_id, connection)
    }

    /// The user revokes the grant at the provider: access and refresh tokens are dead, in the vault too.
    pub fn revoke(&self, user_id: &str, connection: &str) -> bool {
        self.each_grant(user_id, connection, |grants, id| grants.revoke(id))
    }

    /// The access tokens issued so far expire; refresh tokens still work.
    pub fn expire(&self, user_id: &str, connection: &str) -> bool {
        self.each_grant(user_id, connection, |grants, id| grants.expire(id))
    }

    /// Changes what the user consented to, for tokens already issued as well.
    pub fn set_scopes(&self, user_id: &str, connection: &str, scopes: &[&str]) -> bool {
        self.each_grant(user_id, connection, |grants, id| {
            if let Some(grant) = grants.get_mut(id) {
                grant.scopes = scopes.iter().map(|scope| (*scope).to_owned()).collect();
            }
        })
    }

    /// Auth0's copy of the access token of an identity.
    #[must_use]
    pub fn access_token(&self, user_id: &str, connection: &str) -> Option<String> {
        self.held(user_id, connection)?.access_token
    }

    /// Auth0's copy of the refresh token of an identity.
    #[must_use]
    pub fn refresh_token(&self, user_id: &str, connection: &str) -> Option<String> {
        self.held(user_id, connection)?.refresh_token
    }

    /// Sets Auth0's copies to any text: tokens the provider has never heard of, or shapes of a test's own.
    pub fn set_tokens(
        &self,
        user_id: &str,
        connection: &str,
        access: Option<&str>,
        refresh: Option<&str>,
    ) -> bool {
        let mut state = self.inner.state();
        state.secrets.extend(access.into_iter().chain(refresh).map(str::to_owned));
        let Some(record) = state.users.get_mut(user_id) else { return false };
        let Some(held) = record.identities.iter_mut().find(|held| held.identity.connection == connection)
        else {
            return false;
        };
        held.access_token = access.map(str::to_owned);
        held.refresh_token = refresh.map(str::to_owned);
        true
    }

    /// The newest refresh token the provider itself would accept for the identity's grant.
    #[must_use]
    pub fn newest_refresh_token(&self, user_id: &str, connection: &str) -> Option<String> {
        let id = self.held(user_id, connection)?.grant?;
        self.inner.state().grants.refresh_of(id)
    }

    /// How often the provider refreshed the identity's grant.
    #[must_use]
    pub fn refreshes(&self, user_id: &str, connection: &str) -> u64 {
        let Some(id) = self.held(user_id, connection).and_then(|held| held.grant) else { return 0 };
        self.inner.state().grants.get(id).map_or(0, |grant| grant.refreshes)
    }

    /// Whether the provider regards the identity's grant as alive.
    #[must_use]
    pub fn is_granted(&self, user_id: &str, connection: &str) -> bool {
        let Some(id) = self.held(user_id, connection).and_then(|held| held.grant) else { return false };
        self.inner.state().grants.get(id).is_some_and(|grant| !grant.revoked)
    }

    /// How many grants were revoked because a single-use refresh token came twice.
    #[must_use]
    pub fn family_revocations(&self) -> u64 {
        self.inner.state().grants.family_revocations
    }

    /// Seconds that access tokens of a provider live from now on (those that expire at all).
    pub fn set_token_lifetime(&self, kind: ProviderKind, seconds: u64) {
        self.inner.state().grants.lifetimes.insert(kind, seconds);
    }

    /// Seconds that access tokens for the API live from now on; 86,400 at the start, and Auth0 allows up
    /// to 2,592,000.
    pub fn set_access_token_lifetime(&self, seconds: u64) {
        self.inner.state().tenant.access_lifetime = seconds;
    }

    /// The algorithm of access tokens for the API from now on: `RS256`, `PS256`, or `HS256` with
    /// [`Sandbox::api_secret`](crate::Sandbox::api_secret).
    pub fn set_api_algorithm(&self, algorithm: &str) {
        algorithm.clone_into(&mut self.inner.state().tenant.api_algorithm);
    }

    /// Adds a connection to the tenant that no user has.
    pub fn add_connection(&self, name: &str, strategy: &str) {
        self.inner.state().tenant.connections.push((name.to_owned(), strategy.to_owned()));
    }

    /// Seconds that the tenant's machine tokens live from now on; 86400 at the start.
    pub fn set_management_lifetime(&self, seconds: u64) {
        self.inner.state().tenant.machine_lifetime = seconds;
    }

    /// Whether `expires_in` of the tenant's token answers is a string.
    pub fn set_expires_in_as_text(&self, text: bool) {
        self.inner.state().tenant.expires_in_text = text;
    }

    /// Replaces a client's grant for the Management API.
    pub fn set_management_scopes(&self, client_id: &str, scopes: &[&str]) -> bool {
        let audience = self.inner.settings.management_audience();
        let mut state = self.inner.state();
        let Some(client) = state.clients.get_mut(client_id) else { return false };
        *client = client.clone().grant(&audience, scopes);
        true
    }

    /// Takes a client's grant for an API away.
    pub fn remove_client_grant(&self, client_id: &str, audience: &str) -> bool {
        let mut state = self.inner.state();
        let Some(client) = state.clients.get_mut(client_id) else { return false };
        client.grants.retain(|(granted, _)| granted != audience);
        true
    }

    /// Replaces a client's secret.
    pub fn set_client_secret(&self, client_id: &str, secret: &str) -> bool {
        let mut state = self.inner.state();
        state.secrets.insert(secret.to_owned());
        let Some(client) = state.clients.get_mut(client_id) else { return false };
        secret.clone_into(&mut client.secret);
        true
    }

    /// Limits the Management API to `burst` requests, refilled by `per_second` at the top of each second.
    pub fn limit_management_api(&self, burst: u64, per_second: u64) {
        self.inner.state().tenant.limit.set(burst, per_second);
    }

    /// Makes an unexpired Management API token unacceptable, all of them.
    pub fn reject_management_tokens(&self) {
        self.inner.state().tenant.management_generation += 1;
    }

    /// Turns the MFA policy "Always" on or off, which makes vault exchanges fail.
    pub fn require_mfa(&self, always: bool) {
        self.inner.state().tenant.mfa_always = always;
    }

    /// The next key becomes the current one; the old one stays published as previous.
    ///
    /// # Errors
    /// When the crypto library refuses to make a key.
    pub fn rotate_keys(&self) -> Result<(), KeyError> {
        self.inner.state().rotate_keys()
    }

    /// Takes previous keys out of the published set.
    pub fn revoke_previous_keys(&self) {
        self.inner.state().revoke_previous_keys();
    }

    /// Whether published keys have an `alg` member.
    pub fn publish_algorithm(&self, publish: bool) {
        self.inner.state().tenant.publish_algorithm = publish;
    }

    /// Publishes additional members of the key set, good or bad.
    pub fn publish_keys(&self, extra: Vec<Value>) {
        self.inner.state().tenant.extra_keys = extra;
    }

    fn change<T>(&self, user_id: &str, change: impl FnOnce(&mut Record) -> T) -> Option<T> {
        self.inner.state().users.get_mut(user_id).map(change)
    }

    fn held(&self, user_id: &str, connection: &str) -> Option<Held> {
        let state = self.inner.state();
        let record = state.users.get(user_id)?;
        let mut all = record.identities.iter().chain(&record.connected);
        all.find(|held| held.identity.connection == connection).cloned()
    }

    fn each_grant(
        &self,
        user_id: &str,
        connection: &str,
        mut change: impl FnMut(&mut Grants, GrantId),
    ) -> bool {
        let mut state = self.inner.state();
        let Some(record) = state.users.get(user_id) else { return false };
        let all = record.identities.iter().chain(&record.connected);
        let ids: Vec<GrantId> = all
            .filter(|held| held.identity.connection == connection)
            .flat_map(|held| held.grant.into_iter().chain(held.vault))
            .collect();
        for id in &ids {
            change(&mut state.grants, *id);
        }
        !ids.is_empty()
    }
}
