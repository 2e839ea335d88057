//! A request that policy permits.

use std::sync::Arc;

use http::Uri;
use http::uri::{Parts, PathAndQuery};
use secrecy::{ExposeSecret, SecretString};

use super::super::policy::Permit;
use super::super::upstream::Upstream;

/// A permitted request: where it goes and what it asks for. Only `ProviderPlan` makes one, after policy and scopes.
///
/// Code outside of this module can pass one on:
///
/// ```
/// use gateway::state::Plan;
///
/// fn pass(plan: Plan, permitted: Plan) -> Plan {
///     permitted
/// }
/// ```
///
/// It cannot put the permit of one into another:
///
/// ```compile_fail,E0616,E0451
/// use gateway::state::Plan;
///
/// fn pass(plan: Plan, permitted: Plan) -> Plan {
///     Plan { permit: permitted.permit, ..plan }
/// }
/// ```
#[derive(Clone, Debug)]
pub struct Plan {
    pub(super) upstream: Arc<Upstream>,
    pub(super) host: Arc<str>,
    pub(super) target: PathAndQuery,
    pub(super) permit: Permit,
}

impl Plan {
    /// Where to connect.
    pub(crate) fn upstream(&self) -> &Upstream {
        &self.upstream
    }

    /// The provider host that is meant, also where an upstream stands in for it.
    pub(crate) fn host(&self) -> &str {
        &self.host
    }

    /// The same, to be kept.
    pub(crate) fn shared_host(&self) -> Arc<str> {
        Arc::clone(&self.host)
    }

    /// Base path, caller's path and caller's query, as they will be sent.
    pub(crate) fn target(&self) -> &PathAndQuery {
        &self.target
    }

    /// Why it is permitted.
    pub(crate) fn permit(&self) -> Permit {
        self.permit
    }

    /// The absolute URI to send, with query members the adapter adds. `None` while a document has yet to be judged.
    pub(crate) fn uri(&self, extra: &[(&'static str, SecretString)]) -> Option<Uri> {
        if matches!(self.permit, Permit::Document(_)) {
            return None;
        }
        let target = if extra.is_empty() {
            self.target.clone()
        } else {
            let mut text = self.target.as_str().to_owned();
            let mut separator = if self.target.query().is_some() { '&' } else { '?' };
            for (name, value) in extra {
                text.push(separator);
                text.push_str(name);
                text.push('=');
                text.extend(url::form_urlencoded::byte_serialize(value.expose_secret().as_bytes()));
                separator = '&';
            }
            PathAndQuery::try_from(text).ok()?
        };
        let mut parts = Parts::default();
        parts.scheme = Some(self.upstream.scheme().clone());
        parts.authority = Some(self.upstream.authority().clone());
        parts.path_and_query = Some(target);
        Uri::from_parts(parts).ok()
    }

    /// The caller's path, without the configured base.
    pub(crate) fn path(&self) -> &str {
        let path = self.target.path();
        path.strip_prefix(self.upstream.base()).unwrap_or(path)
    }
}

/// Base, path and query in one, unchanged.
pub(super) fn join(base: &str, path: &str, query: Option<&str>) -> Option<PathAndQuery> {
    let mut text = String::with_capacity(base.len() + path.len() + query.map_or(0, |query| query.len() + 1));
    text.push_str(base);
    text.push_str(path);
    if let Some(query) = query {
        text.push('?');
        text.push_str(query);
    }
    let target = PathAndQuery::try_from(text).ok()?;
    // The `http` crate cuts at `#`; anything that is not kept byte for byte is not sent.
    let rest = target.as_str().strip_prefix(base)?.strip_prefix(path)?;
    let kept = match query {
        None => rest.is_empty(),
        Some(query) => rest.strip_prefix('?') == Some(query),
    };
    kept.then_some(target)
}
