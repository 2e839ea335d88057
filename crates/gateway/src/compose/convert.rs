//! From settings to the parts' own types. One function per part, no rules of its own.

use std::collections::BTreeSet;
use std::sync::Arc;

use http::{HeaderName, HeaderValue};
use idp_adapters::Adapter;
use mgmt_auth as tenant;
use token_broker as broker;

use super::start_error::StartError;
use crate::config::{self, ProviderSettings, Settings};
use crate::provider::policy::{Conditions, GraphQlRule, Policy, Rule};
use caller_auth::{Actors, Algorithm, Authorization, Dpop, Rules};

/// Whether a provider's accounts are kept in Token Vault.
pub(super) fn uses_vault(settings: &Settings) -> bool {
    settings.providers.values().any(|provider| provider.source.contains(&config::Source::Vault))
}

/// The Custom API Client of Token Vault, where a provider's accounts are kept there.
pub(super) fn vault_client(settings: &Settings) -> Option<tenant::ClientCredentials> {
    let own = settings.vault.as_ref().filter(|_| uses_vault(settings))?;
    let tenant = &settings.tenant;
    own.proof.credentials(&own.client_id).or_else(|| tenant.proof.credentials(&tenant.client_id))
}

/// What caller tokens must look like.
pub(crate) fn rules(settings: &Settings) -> Rules {
    let callers = &settings.callers;
    let hosts = settings.providers.values().flat_map(|provider| provider.hosts.keys());
    let texts = |list: &[String]| list.iter().map(|text| text.as_str().into()).collect();
    let mut rules = Rules::new("", "");
    rules.audience = texts(&callers.audience);
    rules.issuers = texts(&callers.issuers);
    rules.algorithms = callers
        .algorithms
        .iter()
        .map(|algorithm| match algorithm {
            config::CallerAlgorithm::RS256 => Algorithm::Rs256,
            config::CallerAlgorithm::PS256 => Algorithm::Ps256,
        })
        .collect();
    rules.leeway = callers.leeway;
    rules.max_lifetime = callers.max_lifetime;
    rules.max_token = callers.max_token.min(settings.server.limits.headers).as_usize();
    rules.authorization = match callers.authorization {
        config::Authorization::Scope => Authorization::Scope,
        config::Authorization::Permissions => Authorization::Permissions,
    };
    rules.clients = callers.clients.iter().cloned().collect();
    rules.organizations = callers.organizations.iter().cloned().collect();
    rules.actors = actors(&callers.actors);
    let ruled = settings.providers.values().flat_map(|provider| &provider.rules);
    rules.claims = ruled.flat_map(|rule| rule.claims.keys().cloned()).collect();
    rules.dpop = match callers.dpop {
        config::Dpop::Off => Dpop::Off,
        config::Dpop::Allow => Dpop::Allow,
        config::Dpop::Require => Dpop::Require,
    };
    rules.dpop_nonce = callers.dpop_nonce;
    rules.public_url = settings.server.public_url.clone();
    rules.virtual_hosts = hosts.map(|host| host.to_ascii_lowercase()).collect();
    rules.realm = "idp-gateway".into();
    rules.logout_clients = settings.logout.client_ids.clone();
    rules
}

fn actors(own: &config::CallerActors) -> Actors {
    match own {
        config::CallerActors::Any => Actors::Any,
        config::CallerActors::None => Actors::None,
        config::CallerActors::Only(ids) => Actors::Only(ids.iter().cloned().collect()),
    }
}

/// An entry's adapter.
pub(super) fn adapter(settings: &ProviderSettings) -> Result<Arc<dyn Adapter>, StartError> {
    let bad = |error: serde_json::Error| StartError::Provider {
        name: settings.name.clone(),
        detail: error.to_string(),
    };
    settings.make_adapter().map_err(bad)
}

/// An entry's access and rules; the generic adapter's deny list comes first.
pub(super) fn policy(settings: &ProviderSettings) -> Result<Policy, StartError> {
    let bad = |error: crate::provider::policy::BadRule| StartError::Provider {
        name: settings.name.clone(),
        detail: error.to_string(),
    };
    let denied = settings
        .oauth2
        .deny
        .iter()
        .map(|deny| Rule::new(&deny.methods, std::slice::from_ref(&deny.path), false, None).map_err(bad));
    let ruled = settings.rules.iter().map(|rule| {
        Rule::new(&rule.methods, &rule.paths, rule.allow, rule.require_scope.clone())
            .map(|parsed| parsed.when(conditions(rule)).graphql(rule.graphql.as_ref().map(graphql)))
            .map_err(bad)
    });
    Ok(Policy {
        access: settings.access,
        denied: denied.collect::<Result<_, _>>()?,
        rules: ruled.collect::<Result<_, _>>()?,
    })
}

/// What a rule names besides methods and paths.
fn conditions(rule: &config::Rule) -> Conditions {
    Conditions {
        hosts: rule.hosts.clone(),
        clients: rule.clients.iter().cloned().collect(),
        actors: actors(&rule.actors),
        claims: rule
            .claims
            .iter()
            .map(|(name, values)| (name.clone(), values.iter().cloned().collect()))
            .collect(),
    }
}

/// What a rule opens of GraphQL.
fn graphql(section: &config::GraphQlSection) -> GraphQlRule {
    GraphQlRule {
        operations: section.operations.iter().copied().collect(),
        fields: section.fields.iter().cloned().collect(),
        depth: section.depth as usize,
        introspection: section.introspection,
        persisted: match &section.persisted {
            config::Persisted::Deny => BTreeSet::new(),
            config::Persisted::Only(hashes) => hashes.iter().cloned().collect(),
        },
    }
}

/// An entry as the broker sees it.
pub(super) fn broker_provider(settings: &ProviderSettings, adapter: Arc<dyn Adapter>) -> broker::Provider {
    let mut provider = broker::Provider::new(&*settings.name, adapter);
    provider.connections.clone_from(&settings.connections);
    provider.sources = settings
        .source
        .iter()
        .map(|source| match source {
            config::Source::Identities => broker::Source::Identities,
            config::Source::Vault => broker::Source::Vault,
        })
        .collect();
    provider.credentials = settings.credentials();
    provider.refresh = settings.refresh;
    provider.base_url = Some(settings.base_url.clone());
    provider.token_url.clone_from(&settings.token_url);
    provider.revoke_url.clone_from(&settings.revoke_url);
    provider.allow_rotation_in_memory = settings.allow_rotation_in_memory;
    provider
}

/// `api_version`.
pub(super) fn version(
    settings: &ProviderSettings,
    adapter: &dyn Adapter,
) -> Option<(HeaderName, HeaderValue)> {
    match settings.api_version.as_deref() {
        None => adapter.version_header(Some(&settings.base_url)),
        Some("") => None,
        Some(version) => {
            let (name, _) = adapter.version_header(None)?;
            Some((name, HeaderValue::from_str(version).ok()?))
        }
    }
}

/// Every scope that some rule asks for.
pub(super) fn scopes(settings: &Settings) -> BTreeSet<String> {
    let of_provider = |provider: &ProviderSettings| {
        let ruled = provider.rules.iter().filter_map(|rule| rule.require_scope.clone());
        ruled.chain(provider.disconnect_scope.clone()).collect::<Vec<_>>()
    };
    settings.providers.values().flat_map(of_provider).collect()
}
