//! One account's revocation: it is stored and told first, then the provider is asked.

use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

use secrecy::SecretString;
use token_keeper::BearerToken;
use user_store::{ConnectedAccount, Identity, User};

use crate::{
    Account, Error, Fingerprint, GrantKey, GrantRecord, GrantState, Provider, Reason, Revocation,
    RevokedAtProvider, RevokedGrant, Source, TokenRequest,
    broker::Inner,
    call,
    choose::{Choice, account, choose},
    decide::{current, signed_in_since},
    digest::Digest,
    grant::seconds,
    knowledge::REVOKED_FOR,
    tenant_grant::TenantGrant,
    vault::VaultKey,
    vault_copy::VaultCopy,
};

/// For how long a repeated revocation relies on what was read or stored for the one before.
const READ_FOR: Duration = Duration::from_secs(5);

impl Inner {
    pub(crate) async fn revoke_identity(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
    ) -> Result<Revocation, Error> {
        let user = self.read_for_revocation(request, provider).await?;
        let identity = self.identity_of(request, provider, &user)?;
        let (account, tenant) = (account(identity), TenantGrant::of(identity));
        let key = self.identity_key(request.user_id, provider, &account);
        let keys = self.grants.store.keys();
        let cached = self.grants.read(&key).await?;
        let current = current(&tenant, cached.record(), keys);
        let mut revoked = revoked(self.clock.now());
        tenant.stamp(&mut revoked, keys);
        let changed = !is_revoked(cached.record(), &revoked.origin);
        let before = cached.record().filter(|record| record.state == GrantState::Revoked);
        let again = self.is_again(Some(&user), request, before, (&revoked.origin, REVOKED_FOR));
        // Stored first: no token is handed out any more, whatever the provider answers.
        let told = self.store_revocation(&key, &revoked, again).await?;
        let access = current.access.as_ref().map(|access| access.bearer);
        // A sign-in since then has lifted the revocation, and its grant is another one.
        let (at_provider, detail) = if before.is_some() && self.knowledge.was_revoked(|| told.digest()) {
            revoked_already()
        } else {
            self.revoke_at_provider(provider, told.digest(), access, current.refresh).await
        };
        Ok(Revocation { at_provider, detail, account, revoked: told, changed, again })
    }

    pub(crate) async fn revoke_vault(
        &self,
        request: &TokenRequest<'_>,
        provider: &Arc<Provider>,
    ) -> Result<Revocation, Error> {
        let nothing = || self.not_connected(provider, Source::Vault, request.account);
        let (account, now) = self.read_vault_for_revocation(request, provider).await?.ok_or_else(nothing)?;
        let vault_key = self.vault.key(request, account.connection(), account.user_id());
        let key = self.vault_connection_key(request.user_id, &account);
        let cached = self.grants.read(&key).await?;
        let before = cached.record().filter(|record| record.state == GrantState::Revoked);
        let copy = VaultCopy::of(&now, account.connection());
        if copy.is_empty() && provider.sources.len() > 1 && self.vault.peek(&vault_key).is_none() {
            // Calls are served by another source.
            return Err(nothing());
        }
        let mut revoked = revoked(self.clock.now());
        copy.stamp(&mut revoked, self.grants.store.keys());
        let changed = !is_revoked(before, &revoked.origin);
        let user = self.users.peek(request.user_id);
        // A repeated one counts from now on: an entry that an old list lacks is older than it.
        let known = self.is_again(user.as_deref(), request, before, (&revoked.origin, READ_FOR));
        // Stored first: no token is handed out any more, whatever the tenant and the provider answer.
        let told = self.store_revocation(&key, &revoked, known).await?;
        let again = !self.knowledge.begin_revoking(told.digest());
        let held = (&account, &vault_key);
        let (at_provider, detail) = self.revoke_held(request, provider, (&told, again), held).await;
        self.vault.forget(|key| key.user == request.user_id && key.connection == account.connection());
        self.vault.forget_shared(Some(request.user_id)).await;
        Ok(Revocation { at_provider, detail, account, revoked: told, changed, again })
    }
}

impl Inner {
    fn identity_of<'a>(
        &self,
        request: &TokenRequest<'_>,
        provider: &Provider,
        user: &'a User,
    ) -> Result<&'a Identity, Error> {
        match choose(user, provider, request.account) {
            Choice::One(identity) => Ok(identity),
            Choice::None => Err(self.not_connected(provider, Source::Identities, request.account)),
            Choice::Ambiguous(accounts) => {
                let detail = "the user has several accounts at this provider; name one with Idp-Account";
                Err(Error::new(Reason::AccountAmbiguous(accounts), detail))
            }
        }
    }

    /// The user as Auth0 has them now: a sign-in that is not read yet would be taken for one after the revocation. An account that is
    /// absent or revoked already is read less often, so that a repeated call costs the tenant little. While the tenant gives no answer,
    /// the cached record counts.
    async fn read_for_revocation(
        &self,
        request: &TokenRequest<'_>,
        provider: &Provider,
    ) -> Result<Arc<User>, Error> {
        let mut since = self.clock.now();
        let lookup = self.users.get_newer(request.user_id, request.issued_at).await?;
        match self.identity_of(request, provider, &lookup.user) {
            Ok(identity) => {
                let key = self.identity_key(request.user_id, provider, &account(identity));
                let cached = self.grants.read(&key).await?;
                if cached.record().is_some_and(|record| record.state == GrantState::Revoked) {
                    since -= READ_FOR;
                }
            }
            Err(error) if error.is_not_found() => {
                return Ok(self.users.reread_for_absent(request.user_id, &lookup).await?.user);
            }
            Err(error) => return Err(error),
        }
        match self.users.read_since(request.user_id, since).await {
            Err(error) if error.excuses_stale() => {
                let effect = "a sign-in that was not read yet will lift the revocation";
                tracing::warn!(event = "revocation_by_cached_record", %error, effect);
                Ok(lookup.user)
            }
            read => Ok(read?.user),
        }
    }

    /// The account that is meant, and the user's Connected Accounts: what is compared later must be what stands there now.
    async fn read_vault_for_revocation(
        &self,
        request: &TokenRequest<'_>,
        provider: &Provider,
    ) -> Result<Option<(Account, Arc<[ConnectedAccount]>)>, Error> {
        let several = request.account.is_none() && provider.connections.len() > 1;
        let named = Inner::vault_account(provider, request.account);
        let seen =
            if several { self.users.connected_accounts(request.user_id).await? } else { Arc::default() };
        let Some(account) = connected_in(&seen, provider).filter(|_| several).or(named) else {
            return Ok(None);
        };
        let vault_key = self.vault.key(request, account.connection(), account.user_id());
        if self.vault.peek(&vault_key).is_none() && !self.vault.admits(&vault_key) {
            return Ok(None);
        }
        let cached = self.grants.read(&self.vault_connection_key(request.user_id, &account)).await?;
        let is_repeated = cached.record().is_some_and(|record| record.state == GrantState::Revoked);
        let now = if is_repeated {
            self.users.reread_connected_accounts(request.user_id).await?
        } else {
            self.users.connected_accounts_now(request.user_id).await?
        };
        Ok(Some((connected_in(&now, provider).filter(|_| several).unwrap_or(account), now)))
    }

    /// Where a revocation of the account is filed: with its whole connection, since the vault does not say which account a token is for.
    fn vault_connection_key(&self, user: &str, account: &Account) -> GrantKey {
        GrantKey::new(&self.tenant, user, Source::Vault, &Account::new(account.connection(), None))
    }

    /// Has the provider revoke the token that the vault holds. Each time takes an exchange, so it is done once in a while for
    /// the whole connection, whatever account of it is named.
    async fn revoke_held(
        &self,
        request: &TokenRequest<'_>,
        provider: &Provider,
        (told, again): (&RevokedGrant, bool),
        (account, key): (&Account, &VaultKey),
    ) -> (RevokedAtProvider, Option<String>) {
        let exchange = request.subject_token.filter(|_| self.vault.serves(request));
        let Some((subject, _)) = exchange.zip(provider.revocation_url()) else {
            // There is no token to revoke, or no endpoint: the answer says which.
            return self.revoke_at_provider(provider, told.digest_of(account), None, None).await;
        };
        if self.knowledge.was_revoked(|| told.digest_of(account)) {
            return revoked_already();
        }
        if again {
            let detail =
                "an account of this connection was to be revoked a moment ago; try again in a minute";
            return (RevokedAtProvider::No, Some(detail.to_owned()));
        }
        let held = self.vault.get(key, subject).await.ok().map(|(held, _)| held);
        let access = held.as_ref().map(|held| &held.bearer);
        self.revoke_at_provider(provider, told.digest_of(account), access, None).await
    }

    /// Asks the provider to revoke.
    async fn revoke_at_provider(
        &self,
        provider: &Provider,
        grant: Digest,
        access: Option<&BearerToken>,
        refresh: Option<&SecretString>,
    ) -> (RevokedAtProvider, Option<String>) {
        let (secrets, now) = (&self.refresher.secrets, self.clock.now());
        let (at_provider, detail) =
            call::revoke(provider, &*self.transport, secrets, access, refresh, now).await;
        if at_provider == RevokedAtProvider::Yes {
            self.knowledge.note_revoked(grant);
        }
        report(provider, at_provider);
        (at_provider, detail)
    }

    /// Whether all replicas were told of this revocation within so long: `before` is what is stored.
    fn is_again(
        &self,
        user: Option<&User>,
        request: &TokenRequest<'_>,
        before: Option<&GrantRecord>,
        (origin, within): (&Fingerprint, Duration),
    ) -> bool {
        let Some(before) = before.filter(|record| is_revoked(Some(record), origin)) else { return false };
        let age = self.clock.now().duration_since(before.updated_at);
        // A sign-in since then would lift it.
        let signed_in = |user: &User| signed_in_since(user, request.issued_at, before.updated_at);
        age.is_ok_and(|age| age < within) && !user.is_some_and(signed_in)
    }

    /// Stores a revocation for every client that has refreshed the grant, and for those to come. The same one `again` is only
    /// looked up.
    async fn store_revocation(
        &self,
        key: &GrantKey,
        record: &GrantRecord,
        again: bool,
    ) -> Result<RevokedGrant, Error> {
        let mut record = record.clone();
        // In whole seconds: it counts after what lifted the one before.
        if let Some(last) = self.revocations.last(key).filter(|last| *last > seconds(record.updated_at)) {
            record.updated_at = SystemTime::UNIX_EPOCH + Duration::from_secs(last);
        }
        let (revoked, record) = (RevokedGrant::new(key, &record), &record);
        if again {
            return Ok(revoked);
        }
        // The client's own record first: it counts before that of all clients, should the caller leave in between.
        self.grants.overwrite(key, record).await?;
        if key.client.is_some() {
            self.grants.overwrite(&key.clone().with_client(None), record).await?;
        }
        self.revocations.add(&revoked);
        (self.on_revoked)(revoked.clone());
        Ok(revoked)
    }
}

/// The account that a call without `Idp-Account` gets: of the first connection that the user has connected.
fn connected_in(accounts: &[ConnectedAccount], provider: &Provider) -> Option<Account> {
    let has = |name: &&String| accounts.iter().any(|entry| entry.connection == **name);
    provider.connections.iter().find(has).map(|name| Account::new(name.as_str(), None))
}

fn revoked_already() -> (RevokedAtProvider, Option<String>) {
    (RevokedAtProvider::Yes, Some("the provider revoked it a moment ago".to_owned()))
}

/// Whether the grant that began with this copy of Auth0's is revoked already.
fn is_revoked(record: Option<&GrantRecord>, origin: &Fingerprint) -> bool {
    record.is_some_and(|record| record.state == GrantState::Revoked && record.origin == *origin)
}

/// A revocation that has seen nothing yet.
fn revoked(now: SystemTime) -> GrantRecord {
    let origin = Fingerprint(String::new());
    GrantRecord { state: GrantState::Revoked, ..GrantRecord::starting(origin, None, now) }
}

fn report(provider: &Provider, at_provider: RevokedAtProvider) {
    tracing::info!(event = "account_revoked", provider = %provider.name, at_provider = at_provider.as_str());
}
