//! The MCP endpoint from its settings.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::config::{McpTools, Settings};
use crate::state::McpState;
use crate::stores::Stores;

/// The endpoint, where it is enabled. Validation has seen to it that there is a public address.
pub(super) fn endpoint(settings: &Settings, stores: &Stores) -> Option<McpState> {
    let own = &settings.mcp;
    let public = settings.server.public_url.as_ref().filter(|_| own.enabled)?;
    let offered = |name: &&String| own.providers.as_ref().is_none_or(|names| names.contains(name));
    let providers: Vec<&String> = settings.providers.keys().filter(offered).collect();
    let base = public.path().trim_end_matches('/');
    let origin = public.origin().ascii_serialization();
    let listed = own.origins.as_ref().unwrap_or(&settings.cors.origins);
    // The console shows its user the tools: it is a page of this origin.
    let console = settings.console.enabled.then(|| origin.clone());
    Some(McpState {
        metadata: format!("{origin}/.well-known/oauth-protected-resource{base}{}", own.path),
        public: format!("{origin}{base}"),
        path: own.path.clone(),
        scopes: reading_scopes(settings, &providers),
        providers: providers.into_iter().map(|name| name.as_str().into()).collect(),
        meta: own.tools.contains(&McpTools::Meta),
        typed: own.tools.contains(&McpTools::Typed),
        max_result: own.max_result.as_usize(),
        legacy: own.legacy,
        origins: listed.iter().cloned().chain(console).collect(),
        store: Arc::clone(&stores.grants),
    })
}

/// The scopes of rules that let a caller read. A client that needs another is told so when it does.
fn reading_scopes(settings: &Settings, providers: &[&String]) -> BTreeSet<String> {
    let reads = |method: &String| ["GET", "HEAD", "*"].iter().any(|read| method.eq_ignore_ascii_case(read));
    let rules =
        providers.iter().filter_map(|name| settings.providers.get(*name)).flat_map(|entry| &entry.rules);
    rules
        .filter(|rule| rule.allow && (rule.methods.is_empty() || rule.methods.iter().any(reads)))
        .filter_map(|rule| rule.require_scope.clone())
        .collect()
}
