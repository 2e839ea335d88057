//! From settings to a running application.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use mgmt_auth::Tenant;
use serde_json::json;
use token_broker::{Broker, BrokerBuilder};
use user_store::UserStore;

use super::start_error::StartError;
use super::{connect, convert, mcp, webhooks};
use crate::body::BodyReader;
use crate::config::{ProviderSettings, Settings, Source};
use crate::console::Console;
use crate::mcp::suggestions;
use crate::memory::Bounds;
use crate::provider::plan::{PlanParts, ProviderPlan};
use crate::provider::{ConnectTo, ProviderRuntime};
use crate::room;
use crate::route::VirtualHosts;
use crate::state::{
    Access, App, Calls, ConsentPrompts, Deprecations, ExplainRing, Fingerprint, Prepared, PublicAddress,
    Quotas, Recorder, TenantState, Tokens,
};
use crate::stores::Stores;
use crate::telemetry::{Audit, Metrics, ProviderLabel};
use crate::upstream::{self, UpstreamClient, UpstreamTimeouts};
use caller_auth::Verifier;

/// How long a call waits for its turn at the Management API: for a caller, and behind.
const CALLER_WAIT: Duration = Duration::from_secs(10);
const BACKGROUND_WAIT: Duration = Duration::from_secs(60);

impl App {
    /// Opens the configured store and composes the application. Nothing else is asked yet; [`App::warm`] does that.
    ///
    /// # Errors
    /// The store cannot be opened, or a part cannot be built from these settings.
    pub async fn new(settings: &Settings, metrics: Metrics, audit: Audit) -> Result<Self, StartError> {
        Self::over(settings, Stores::open(settings).await?, metrics, audit)
    }

    /// Composes the application over a store that is open already.
    ///
    /// # Errors
    /// A part cannot be built from these settings.
    pub fn over(
        settings: &Settings,
        stores: Arc<Stores>,
        metrics: Metrics,
        audit: Audit,
    ) -> Result<Self, StartError> {
        Self::compose(settings, stores, metrics, audit, None)
    }

    /// Composes the application that takes the place of this one. What is known of the tenant and its users stays, as far as
    /// their settings do: a reload causes no look-up, and does no harm while the tenant is down.
    ///
    /// # Errors
    /// A part cannot be built from these settings.
    pub fn successor(&self, settings: &Settings, stores: Arc<Stores>) -> Result<Self, StartError> {
        Self::compose(
            settings,
            stores,
            self.recorder.metrics.clone(),
            self.recorder.audit.clone(),
            Some(self),
        )
    }

    fn compose(
        settings: &Settings,
        stores: Arc<Stores>,
        metrics: Metrics,
        audit: Audit,
        before: Option<&Self>,
    ) -> Result<Self, StartError> {
        if before.is_none() {
            Bounds::of(settings).log();
        }
        let origin = Fingerprint::of(settings, &stores);
        let known = before.filter(|before| before.tenant.origin.is_same_tenant(&origin));
        let (tenant, users) = roots(settings, &stores, &origin, known)?;
        stores.fleet.keep_logouts_for(settings.callers.max_lifetime);
        let scopes = convert::scopes(settings);
        let (calls, hosts) = calls(settings, &tenant, users.clone(), &stores, &metrics)?;
        let tried = |name: &str| calls.providers.get(name).map(|provider| suggestions(provider));
        let console = Console::new(settings, &scopes, |name| json!(tried(name).unwrap_or_default()));
        let connect = connect::hosted(settings, &tenant, &stores)?;
        let told = before.map(|before| &before.webhooks);
        let webhooks = webhooks::webhooks(settings, &tenant, upstream_timeouts(settings), told)?;
        let explained = before.map(|before| Arc::clone(&before.recorder.explained));
        let explained =
            explained.unwrap_or_else(|| Arc::new(ExplainRing::new(Bounds::of(settings).explained)));
        let was_ready = known.is_some_and(|known| known.tenant.was_ready.load(Ordering::Relaxed));
        Ok(Self {
            hosts,
            calls,
            recorder: Recorder { metrics, audit, explained },
            tenant: TenantState {
                tenant,
                users,
                origin,
                allow_excess_scopes: settings.tenant.allow_excess_scopes,
                was_ready: was_ready.into(),
            },
            mcp: mcp::endpoint(settings, &stores),
            stores,
            connect,
            webhooks,
            console,
            scopes,
            logout_enabled: !settings.logout.client_ids.is_empty(),
            memory: Bounds::of(settings),
        })
    }
}

/// What calls need, and which hosts stand for which provider.
fn calls(
    settings: &Settings,
    tenant: &Tenant,
    users: UserStore,
    stores: &Stores,
    metrics: &Metrics,
) -> Result<(Calls, VirtualHosts), StartError> {
    let tls = upstream::tls_config()?;
    let timeouts = upstream_timeouts(settings);
    let mut broker = broker(settings, tenant, users, stores);
    let mut providers = HashMap::new();
    let mut hosts = VirtualHosts::default();
    for (name, entry) in &settings.providers {
        let runtime = provider(name, entry, tenant, tls.clone(), timeouts)?;
        metrics.provider(&runtime.label);
        broker = broker.provider(convert::broker_provider(entry, Arc::clone(runtime.plan.adapter())));
        for (public, host) in &entry.hosts {
            hosts.insert(public, Arc::clone(&runtime.name), host);
        }
        providers.insert(Arc::clone(&runtime.name), Arc::new(runtime));
    }
    let access = Access::new(
        verifier(settings, tenant, stores),
        Quotas::new(
            &settings.quotas,
            Bounds::of(settings).quotas,
            settings.providers.iter().filter_map(|(name, entry)| Some((name.as_str(), entry.quota?))),
        ),
        Arc::clone(&stores.fleet),
        metrics.clone(),
        (settings.server.limits.in_flight, settings.vault.is_some() && convert::uses_vault(settings)),
    );
    let calls = Calls {
        access,
        tokens: Tokens::new(broker.build()?, Arc::clone(&stores.fleet)),
        providers,
        secrets: tenant.secrets().clone(),
        asked: ConsentPrompts::default(),
        deprecations: Deprecations::default(),
        prepared: Prepared::new(Bounds::of(settings).secrets),
        metrics: metrics.clone(),
        address: PublicAddress {
            url: settings.server.public_url.clone(),
            hosts_are_validated: !settings.server.allowed_hosts.is_empty(),
        },
        target_limit: settings.server.limits.uri.as_usize(),
        replay_limit: settings.server.limits.replay.as_usize(),
        read_ahead_timeout: settings.server.timeouts.header,
        bodies: BodyReader::of_callers(room::BODIES, settings.server.timeouts.header),
        forms: BodyReader::of_forms(settings.server.limits.in_flight, settings.server.timeouts.header),
        send_trace_context: settings.telemetry.send_trace_context,
    };
    Ok((calls, hosts))
}

/// The broker, without providers.
fn broker(settings: &Settings, tenant: &Tenant, users: UserStore, stores: &Stores) -> BrokerBuilder {
    let (fleet, tasks) = (Arc::clone(&stores.fleet), stores.tasks.clone());
    let tell = move |revoked| {
        let fleet = Arc::clone(&fleet);
        tasks.spawn(async move { fleet.revoke(revoked).await });
    };
    let mut broker = Broker::builder(tenant.clone(), users)
        .on_revoked(tell)
        .store(Arc::clone(&stores.grants))
        .tasks(stores.tasks.clone())
        .cache_ttl(settings.users.cache_ttl)
        .negative_ttl(settings.users.negative_ttl)
        .capacity(settings.users.capacity)
        .capacity_bytes(Bounds::of(settings).grants);
    if let Some(shared) = stores.shared.clone() {
        broker = broker.shared_vault(shared);
    }
    match vault(settings) {
        Some(vault) => broker.vault(vault),
        None => broker,
    }
}

fn upstream_timeouts(settings: &Settings) -> UpstreamTimeouts {
    let own = &settings.server.timeouts;
    UpstreamTimeouts { connect: own.connect, response: own.response, idle: own.upstream_idle }
}

/// The tenant and its users: those of the application before this one, as far as nothing about them is new.
fn roots(
    settings: &Settings,
    stores: &Stores,
    origin: &Fingerprint,
    known: Option<&App>,
) -> Result<(Tenant, UserStore), StartError> {
    let tenant = match known {
        Some(known) => known.tenant.tenant.clone(),
        None => tenant(settings, stores.shared.clone())?,
    };
    let users = match known.filter(|known| known.tenant.origin == *origin) {
        Some(known) => known.tenant.users.clone(),
        None => users(settings, &tenant, stores),
    };
    Ok((tenant, users))
}

/// User records, shared with all replicas of the store.
fn users(settings: &Settings, tenant: &Tenant, stores: &Stores) -> UserStore {
    let mut users = UserStore::builder(tenant.clone());
    if let Some(shared) = stores.shared.clone() {
        users = users.shared(shared);
    }
    users
        .cache_ttl(settings.users.cache_ttl)
        .stale_ttl(settings.users.stale_ttl)
        .negative_ttl(settings.users.negative_ttl)
        .capacity(settings.users.capacity)
        // Connected Accounts, unknown users and what was forgotten take up to an eighth of it each besides.
        .capacity_bytes(Bounds::of(settings).users / 11 * 8)
        .build()
}

/// Verification as the settings say, with keys of its own, for a diagnosis: it shares nothing with a running gateway.
pub(crate) fn caller_verifier(settings: &Settings) -> Result<Verifier, StartError> {
    Ok(Verifier::with_rules(convert::rules(settings), Arc::new(tenant(settings, None)?)))
}

/// Verification that shares used ids and logout marks with all replicas of the store.
fn verifier(settings: &Settings, tenant: &Tenant, stores: &Stores) -> Verifier {
    let mut rules = convert::rules(settings);
    rules.nonce_key = Some(stores.nonce_key.clone());
    // Users who sign in again have two tokens for a while.
    let tokens = usize::try_from(settings.users.capacity.saturating_mul(2)).unwrap_or(usize::MAX);
    rules.cache_capacity = rules.cache_capacity.max(tokens);
    rules.cache_bytes = Bounds::of(settings).tokens;
    let keys = Arc::new(tenant.clone());
    Verifier::shared(rules, keys, Arc::clone(&stores.replays), stores.fleet.marks().clone())
}

fn tenant(
    settings: &Settings,
    shared: Option<Arc<dyn token_broker::FleetStore>>,
) -> Result<Tenant, StartError> {
    let own = &settings.tenant;
    let credentials = own
        .proof
        .credentials(&own.client_id)
        .ok_or_else(|| StartError::Tenant("the client's proof is missing".to_owned()))?;
    let keys = &settings.callers.keys;
    let mut builder = Tenant::builder(&own.domain);
    if let Some(shared) = shared {
        builder = builder.token_store(shared);
    }
    builder
        .base_url(own.base_url.clone())
        .audience(own.audience.clone())
        .credentials(credentials)
        .required_scopes(settings.required_scopes().iter().copied())
        .connect_timeout(settings.server.timeouts.connect)
        // No caller waits longer for the rate limit than for a provider.
        .longest_waits(settings.server.timeouts.response.min(CALLER_WAIT), BACKGROUND_WAIT)
        .keys(mgmt_auth::KeyPolicy::new(keys.max_age, keys.cooldown, keys.stale))
        .build()
        .map_err(|error| StartError::Tenant(error.to_string()))
}

fn vault(settings: &Settings) -> Option<token_broker::VaultSettings> {
    let audience = settings.vault.as_ref()?.audience.clone();
    Some(token_broker::VaultSettings::new(convert::vault_client(settings)?, audience))
}

/// How requests to a provider are planned.
pub(super) fn plan(name: &str, entry: &ProviderSettings) -> Result<ProviderPlan, StartError> {
    let plan = ProviderPlan::new(PlanParts {
        adapter: convert::adapter(entry)?,
        base_url: Some(&entry.base_url),
        upstreams: &entry.upstreams,
        encoded_slash: Some(entry.encoded_slash),
        policy: convert::policy(entry)?,
        downloads: &entry.download_hosts,
    });
    plan.ok_or_else(|| StartError::Provider {
        name: name.to_owned(),
        detail: "base_url or upstreams is no http(s) origin".to_owned(),
    })
}

fn provider(
    name: &str,
    entry: &ProviderSettings,
    tenant: &Tenant,
    tls: rustls::ClientConfig,
    timeouts: UpstreamTimeouts,
) -> Result<ProviderRuntime, StartError> {
    let plan = plan(name, entry)?;
    let adapter = plan.adapter();
    let kind = adapter.kind();
    let endpoints = adapter.endpoints(Some(&entry.base_url));
    let profile_url = entry.profile_url.clone().or_else(|| endpoints.profile_url?.parse().ok());
    let secret = config_secret(entry);
    let version = convert::version(entry, &**plan.adapter());
    Ok(ProviderRuntime {
        name: name.into(),
        label: ProviderLabel::configured(name, &entry.base_url),
        plan: Arc::new(plan),
        client: UpstreamClient::new(tls, timeouts, entry.max_in_flight, entry.allow_private_network),
        redirects: entry.redirects,
        rewrite_urls: entry.rewrite_urls,
        version,
        drop_capabilities: entry.capability_urls == crate::config::CapabilityUrls::Drop,
        virtual_hosts: entry
            .hosts
            .iter()
            .map(|(public, host)| (public.to_ascii_lowercase(), host.to_ascii_lowercase()))
            .collect(),
        disconnect_scope: entry.disconnect_scope.clone(),
        check_scopes: entry.check_scopes,
        profile_url,
        connect: ConnectTo::new(tenant.base_url(), name, &entry.connections, kind),
        uses_vault: entry.source.contains(&Source::Vault),
        secret,
    })
}

/// Only Facebook wants a proof of the secret with every call; for the others it is never read here.
fn config_secret(entry: &ProviderSettings) -> Option<mgmt_auth::SecretSource> {
    entry.secret().filter(|_| entry.adapter == idp_adapters::Kind::Facebook)
}
