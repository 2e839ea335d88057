//! Request planning: from a caller's method, path and query to the one request that may be sent, or a refusal.
//!
//! [`ProviderPlan::plan`] is pure: no I/O, no clock, no state. What it guarantees (threats R01 to R09):
//! the connected authority is one the configuration allows, the path sent is the path that was checked byte for
//! byte, and no spelling of a denied path passes.

mod planned;

use std::collections::BTreeMap;
use std::sync::Arc;

use caller_auth::Caller;
use http::uri::PathAndQuery;
use http::{HeaderMap, Method};
use idp_adapters::{Adapter, DeniedValue, HostPattern, Kind};
use url::Url;

pub use self::planned::Plan;
use self::planned::join;
use super::graphql::{self, Documents, Requested, Sent, Unreadable};
use super::path::{self, BadPath};
use super::policy::{self, Call, Decider, GraphQlRefusal, Policy, PolicyError};
use super::upstream::{Upstream, is_host_name};

/// Everything about one configured provider that planning needs.
#[derive(Clone, Debug)]
pub(crate) struct ProviderPlan {
    adapter: Arc<dyn Adapter>,
    default_host: Arc<str>,
    /// `base_url`, where set.
    base_url: Option<Url>,
    base: Arc<Upstream>,
    upstreams: BTreeMap<String, Arc<Upstream>>,
    own_hosts: bool,
    encoded_slash: bool,
    policy: Policy,
    downloads: Box<[HostPattern]>,
}

/// What a [`ProviderPlan`] is made of.
#[derive(Debug)]
pub(crate) struct PlanParts<'a> {
    /// The adapter.
    pub adapter: Arc<dyn Adapter>,
    /// `base_url`, where set.
    pub base_url: Option<&'a Url>,
    /// `upstreams`.
    pub upstreams: &'a BTreeMap<String, Url>,
    /// `encoded_slash`, where set.
    pub encoded_slash: Option<bool>,
    /// `access` and `rules`.
    pub policy: Policy,
    /// `download_hosts`.
    pub downloads: &'a [HostPattern],
}

/// Why a call is not planned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum PlanError {
    /// The settings and the adapter do not open this host.
    Host,
    /// The method has small letters: rules and deny list name methods in capitals, and a provider may accept both.
    MethodCase,
    /// The path could be read in two ways.
    Path(BadPath),
    /// Base, path and query together are no request target.
    Target,
    /// The provider must not see this query member.
    QueryMember(&'static str),
    /// A query member names a method that is not the method of the request.
    QueryMethod(&'static str),
    /// The provider must not see this word in a query member.
    QueryValue(&'static DeniedValue),
    /// Policy refuses the call.
    Policy(PolicyError),
    /// The profile's URL cannot be called.
    ProfileUrl(Url),
}

impl PlanError {
    /// A body that is longer than what is read ahead, where the rule at this position has to see it whole.
    pub(crate) fn long_document(rule: usize, limit: usize) -> Self {
        let denied = Unreadable::TooLong(limit).into();
        Self::Policy(PolicyError::GraphQl(Box::new(GraphQlRefusal { rule, denied })))
    }

    /// The part of the policy that refuses; none where the call could not be read as one.
    pub(crate) fn decider(&self) -> Option<Decider> {
        match self {
            Self::Policy(error) => Some(error.decider()),
            _ => None,
        }
    }
}

impl From<PolicyError> for PlanError {
    fn from(error: PolicyError) -> Self {
        Self::Policy(error)
    }
}

/// What the caller asks of a provider.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ProviderCall<'a> {
    /// Who calls.
    pub caller: &'a Caller,
    /// The method.
    pub method: &'a Method,
    /// `~host`, or the virtual host's provider host.
    pub host: Option<&'a str>,
    /// The raw path under the host; empty means `/`.
    pub path: &'a str,
    /// The raw query.
    pub query: Option<&'a str>,
    /// The GraphQL in its body, as far as that is read.
    pub documents: Documents<'a>,
}

impl<'a> ProviderCall<'a> {
    /// A call without query to the provider's own host.
    pub(crate) fn new(caller: &'a Caller, method: &'a Method, path: &'a str) -> Self {
        Self { caller, method, host: None, path, query: None, documents: Documents::Unread }
    }
}

impl ProviderPlan {
    /// Prepares planning. `None` when neither the settings nor the adapter name a base URL.
    pub(crate) fn new(parts: PlanParts<'_>) -> Option<Self> {
        let adapter = parts.adapter;
        let own = adapter.default_origin().and_then(|origin| Url::parse(origin).ok());
        let base_url = parts.base_url.or(own.as_ref())?;
        let base = Arc::new(Upstream::from_url(base_url)?);
        let base_host = base.authority().host().to_ascii_lowercase();
        let own_hosts = adapter.kind() == Kind::OAuth2 || adapter.allows_host(&base_host);
        let default_host = match &own {
            Some(own) if !adapter.allows_host(&base_host) => own.host_str()?.to_owned(),
            _ => base_host,
        };
        let upstreams = parts
            .upstreams
            .iter()
            .map(|(host, url)| Some((host.to_ascii_lowercase(), Arc::new(Upstream::from_url(url)?))))
            .collect::<Option<_>>()?;
        let encoded_slash = parts.encoded_slash.unwrap_or_else(|| adapter.encoded_slash());
        let mut policy = parts.policy;
        if *default_host != *base.authority().host().to_ascii_lowercase() {
            policy.name_host(base.authority().host(), &default_host);
        }
        Some(Self {
            default_host: default_host.into(),
            base_url: parts.base_url.cloned(),
            base,
            upstreams,
            own_hosts,
            encoded_slash,
            policy,
            downloads: parts.downloads.into(),
            adapter,
        })
    }

    /// The adapter.
    pub(crate) fn adapter(&self) -> &Arc<dyn Adapter> {
        &self.adapter
    }

    /// Where a provider host is really reached, or `None` when it may not be called.
    pub(crate) fn upstream(&self, host: &str) -> Option<Arc<Upstream>> {
        let host = host.to_ascii_lowercase();
        if self.is_download_host(&host) {
            return None;
        }
        if let Some(upstream) = self.upstreams.get(&host) {
            return Some(Arc::clone(upstream));
        }
        let by_base = self.base_url.as_ref().is_some_and(|base| self.adapter.served_by_base(base, &host));
        if by_base || *host == *self.default_host || host.eq_ignore_ascii_case(self.base.authority().host()) {
            return Some(Arc::clone(&self.base));
        }
        // Under a changed base URL the adapter's other hosts belong to another operator: only `upstreams` allows them.
        if self.own_hosts && is_host_name(&host) && self.adapter.allows_host(&host) {
            return Upstream::https(&host).map(Arc::new);
        }
        None
    }

    /// The upstream configured for a host by `upstreams` (where followed downloads go).
    pub(crate) fn mirror(&self, host: &str) -> Option<&Arc<Upstream>> {
        self.upstreams.get(&host.to_ascii_lowercase())
    }

    fn serves_downloads(&self, host: &str) -> bool {
        self.adapter.download_host(host) || self.downloads.iter().any(|pattern| pattern.matches(host))
    }

    /// Whether a host only serves downloads, which are fetched without the token and never called with it.
    fn is_download_host(&self, host: &str) -> bool {
        self.serves_downloads(host) && !self.adapter.allows_host(host) && *host != *self.default_host
    }

    /// Whether a redirect may be followed to this URL, without the token: `https` at the usual port of a download host that
    /// the adapter or the operator declares, or the configured mirror of one.
    pub(crate) fn is_download(&self, url: &Url) -> bool {
        let mirror = |(host, upstream): (&String, &Arc<Upstream>)| {
            self.is_download_host(host)
                && upstream.is_origin_of(url)
                && !self.adapter.is_session_page(host, url.path())
        };
        let configured = || {
            let named = |host: &str| self.downloads.iter().any(|pattern| pattern.matches(host));
            url.scheme() == "https" && url.port().is_none() && url.host_str().is_some_and(named)
        };
        url.username().is_empty()
            && url.password().is_none()
            && (self.adapter.is_download(url, self.base_url.as_ref())
                || configured()
                || self.upstreams.iter().any(mirror))
    }

    /// Whether a redirect there says that a download wants a browser's session.
    pub(crate) fn is_session_page(&self, url: &Url) -> bool {
        let mirrored = self.upstreams.iter().filter(|(_, upstream)| upstream.is_origin_of(url));
        let mut hosts = mirrored.map(|(host, _)| host.as_str()).chain(url.host_str());
        hosts.any(|host| self.adapter.is_session_page(host, url.path()))
    }

    /// The provider host a URL of an answer of `called` belongs to, with the upstream it is reached by; `None`
    /// when the URL is not one of this provider. Where several hosts are reached at one origin, it is the one that was called,
    /// else the default one. `http` and `https` at their usual ports are alike: an API behind a TLS
    /// terminator may write either.
    pub(crate) fn owner(&self, url: &Url, called: &str) -> Option<(Arc<str>, Arc<Upstream>)> {
        self.owner_by_scheme(url, called).or_else(|| {
            let other = match url.scheme() {
                "http" => "https",
                "https" => "http",
                _ => return None,
            };
            let mut alike = url.clone();
            if url.port().is_some() || alike.set_scheme(other).is_err() {
                return None;
            }
            self.owner_by_scheme(&alike, called)
        })
    }

    fn owner_by_scheme(&self, url: &Url, called: &str) -> Option<(Arc<str>, Arc<Upstream>)> {
        if let Some(upstream) = self.upstream(called).filter(|upstream| upstream.is_origin_of(url)) {
            return Some((called.to_ascii_lowercase().into(), upstream));
        }
        if self.base.is_origin_of(url) {
            return Some((self.default_host.clone(), Arc::clone(&self.base)));
        }
        let mut others = self.upstreams.iter().filter(|(host, _)| !self.is_download_host(host));
        if let Some((host, upstream)) = others.find(|(_, upstream)| upstream.is_origin_of(url)) {
            return Some((host.as_str().into(), Arc::clone(upstream)));
        }
        if url.scheme() != "https" || url.port().is_some() {
            return None;
        }
        let host = url.host_str()?;
        self.upstream(host).map(|upstream| (host.to_ascii_lowercase().into(), upstream))
    }

    /// The provider host meant when none is named.
    pub(crate) fn default_host(&self) -> &str {
        &self.default_host
    }

    /// The path behind `/proxy/{provider}` that leads to this address of the provider, if there is one.
    pub(crate) fn path_of(&self, url: &Url) -> Option<String> {
        let raw = &url[url::Position::BeforePath..url::Position::AfterQuery];
        if self.base.is_origin_of(url) {
            return Some(raw.strip_prefix(self.base.base()).unwrap_or(raw).to_owned());
        }
        let host = url.host_str()?;
        self.upstream(host).map(|_| format!("/~{host}{raw}"))
    }

    /// Plans the call for the user's profile: its address comes from the adapter or the operator, never from a caller, and
    /// rules and scopes apply to it like to any other call.
    ///
    /// # Errors
    /// The address cannot be called, or policy refuses the call.
    pub(crate) fn plan_profile(&self, url: &Url, caller: &Caller) -> Result<Plan, PlanError> {
        let bad = || PlanError::ProfileUrl(url.clone());
        let raw = &url[url::Position::BeforePath..url::Position::AfterQuery];
        let named = url.host_str().ok_or_else(bad)?;
        let (host, upstream, target) = if let Some(mirror) = self.mirror(named) {
            (named.into(), Arc::clone(mirror), format!("{}{raw}", mirror.base()))
        } else if self.base.is_origin_of(url) {
            (self.default_host.clone(), Arc::clone(&self.base), raw.to_owned())
        } else {
            let mut origin = url.clone();
            origin.set_path("");
            origin.set_query(None);
            (named.into(), Arc::new(Upstream::from_url(&origin).ok_or_else(bad)?), raw.to_owned())
        };
        let target: PathAndQuery = target.parse().map_err(|_| bad())?;
        let path = target.path().strip_prefix(upstream.base()).unwrap_or(target.path());
        let checked = Call { caller, method: &Method::GET, host: &host, path, documents: Documents::Unread };
        let permit = self.policy.check(&*self.adapter, checked)?;
        Ok(Plan { upstream, host, target, permit })
    }

    /// The one name of a provider host, by which rules, scopes and the audit log know it: the server of the base has the default
    /// one, whatever the caller calls it.
    fn name_of(&self, host: &str) -> Arc<str> {
        let host = host.to_ascii_lowercase();
        let is_base = host.eq_ignore_ascii_case(self.base.authority().host());
        if is_base && !self.upstreams.contains_key(&host) { self.default_host.clone() } else { host.into() }
    }

    /// Checks the raw query of a request with this method, or a form that stands for one.
    ///
    /// # Errors
    /// The provider must not see one of its members or values, or a member names another method.
    pub(crate) fn check_query(&self, method: &Method, query: &str) -> Result<(), PlanError> {
        if let Some(name) = path::other_method(query, method) {
            return Err(PlanError::QueryMethod(name));
        }
        if let Some(name) = path::denied_member(query, self.adapter.denied_query()) {
            return Err(PlanError::QueryMember(name));
        }
        let denied = path::denied_value(query, self.adapter.denied_values());
        denied.map_or(Ok(()), |denied| Err(PlanError::QueryValue(denied)))
    }

    /// Whether a call of this caller that is no GET or HEAD may pass at some path.
    pub(crate) fn opens_writes(&self, caller: &Caller) -> bool {
        self.policy.opens_writes(caller)
    }

    /// Whether some call of this caller may pass.
    pub(crate) fn opens_something(&self, caller: &Caller) -> bool {
        self.policy.opens_something(caller)
    }

    /// The GraphQL of a GET, which stands in its query.
    fn documents_in_query(&self, call: &ProviderCall<'_>) -> Option<Result<Requested, Unreadable>> {
        if !matches!(*call.method, Method::GET | Method::HEAD) || !self.policy.reads_graphql() {
            return None;
        }
        self.read_documents(call, &HeaderMap::new(), &[])
    }

    /// Reads the GraphQL of a call; `None` where its path serves none.
    pub(crate) fn read_documents(
        &self,
        call: &ProviderCall<'_>,
        headers: &HeaderMap,
        body: &[u8],
    ) -> Option<Result<Requested, Unreadable>> {
        let known = self.adapter.graphql(call.path)?;
        let sent = Sent { method: call.method, query: call.query, headers, body };
        Some(graphql::read(sent, known.root_again))
    }

    /// Plans one request.
    ///
    /// # Errors
    /// Host, method, path or query cannot be sent, or policy refuses the call.
    pub(crate) fn plan(&self, call: ProviderCall<'_>) -> Result<Plan, PlanError> {
        let (host, upstream) = match call.host {
            None => (self.default_host.clone(), Arc::clone(&self.base)),
            Some(host) => {
                let upstream = self.upstream(host).ok_or(PlanError::Host)?;
                (self.name_of(host), upstream)
            }
        };
        // Rules and deny list name methods in capitals; a provider may not mind how they are written.
        if call.method.as_str().bytes().any(|byte| byte.is_ascii_lowercase()) {
            return Err(PlanError::MethodCase);
        }
        let path = if call.path.is_empty() { "/" } else { call.path };
        path::check(path, self.encoded_slash).map_err(PlanError::Path)?;
        call.query.map_or(Ok(()), |query| self.check_query(call.method, query))?;
        let in_query = self.documents_in_query(&call);
        let documents = in_query.as_ref().map_or(call.documents, Documents::Read);
        let checked = Call { caller: call.caller, method: call.method, host: &host, path, documents };
        let permit = self.policy.check(&*self.adapter, checked)?;
        let base = self.adapter.base_path(upstream.base(), &host, path);
        let target = join(&base, path, call.query).ok_or(PlanError::Target)?;
        if !upstream.base().is_empty() {
            // A base that is part of the API (`https://graph.microsoft.com/v1.0`) must not hide a closed path.
            policy::closed(&*self.adapter, Call { path: target.path(), ..checked })?;
        }
        Ok(Plan { upstream, host, target, permit })
    }
}

#[cfg(test)]
mod tests;
