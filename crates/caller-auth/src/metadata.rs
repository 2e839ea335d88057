//! The protected-resource metadata document (RFC 9728).

use std::collections::BTreeSet;

use serde_json::{Value, json};

use crate::rules::{Dpop, Rules};

/// The document for a resource that clients reach at `resource`, with the scopes its rules ask for.
///
/// `resource` must be what the client asked (RFC 9728 section 3.3): the public URL where one is configured. `audience` is an
/// addition of ours: what an app asks Auth0 for.
#[must_use]
pub fn resource_metadata(rules: &Rules, resource: &str, scopes: &BTreeSet<String>) -> Value {
    let texts = |list: &[std::sync::Arc<str>]| list.iter().map(|text| json!(&**text)).collect::<Vec<_>>();
    let mut document = json!({
        "resource": resource,
        "authorization_servers": texts(&rules.issuers),
        "bearer_methods_supported": ["header"],
        "resource_name": &*rules.realm,
        "audience": texts(&rules.audience),
    });
    if !scopes.is_empty() {
        document["scopes_supported"] = json!(scopes);
    }
    if rules.dpop != Dpop::Off {
        document["dpop_signing_alg_values_supported"] = json!(["ES256"]);
        document["dpop_bound_access_tokens_required"] = json!(rules.dpop == Dpop::Require);
    }
    document
}
