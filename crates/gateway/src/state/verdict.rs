//! What a call would come to, without making it: the same plan and policy as for a call.

use caller_auth::{Caller, Refusal, query};
use http::header::CONTENT_TYPE;
use http::{HeaderMap, HeaderValue, Method};
use idp_adapters::Adapter;
use serde::Serialize;
use token_broker::{AccountState, AccountStatus};

use crate::call_error::CallError;
use crate::error_table;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::graphql::Documents;
use crate::provider::plan::{Plan, PlanError, ProviderCall, ProviderPlan};
use crate::provider::policy::{Decider, Permit};
use crate::route::ProxyRoute;
use crate::server::check_request;

/// A call that is asked about.
#[derive(Clone, Debug)]
pub(crate) struct Question<'a> {
    method: Method,
    route: ProxyRoute<'a>,
    query: Option<&'a str>,
    /// What it would send as `application/json`.
    body: &'a [u8],
}

/// The answer: `POST /v1/check` and `gateway check --as` give it as JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Verdict {
    /// Whether the call would be sent to the provider.
    pub(crate) allowed: bool,
    /// The rule, or the other part of the policy, that decides.
    pub(crate) rule: Option<String>,
    /// `ok`, or the code of the problem that the call would end with.
    pub(crate) outcome: &'static str,
    /// The caller's scope where a rule asks for one that is missing, else the scopes of which the provider wants one.
    pub(crate) required_scopes: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) missing_scopes: Option<Vec<String>>,
    /// The account that would be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) account: Option<String>,
    /// Its state, as in `GET /v1/me`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) state: Option<&'static str>,
    /// Why not, for people at a command line: the contract's answer has no such member.
    #[serde(skip)]
    pub(crate) detail: Option<String>,
}

/// Checks a body that would be sent as `application/json` for what the adapter refuses in it.
pub(crate) type BodyCheck = fn(&dyn Adapter, &Method, &[u8]) -> Result<(), Problem>;

/// A refusal, and the part of the policy that decides.
pub(crate) type Refused = (Problem, Option<Decider>);

impl<'a> Question<'a> {
    /// `target` is the path and query of the request under the gateway, `route` what it means, `longest` `server.limits.uri`.
    ///
    /// # Errors
    /// No request could be made of it, or the listener refuses it.
    pub(crate) fn new(
        (method, target): (&str, &'a str),
        route: impl FnOnce(&'a str) -> Option<ProxyRoute<'a>>,
        body: &'a [u8],
        longest: usize,
    ) -> Result<Self, Problem> {
        check_request(method, target, !body.is_empty(), longest)?;
        let method = Method::from_bytes(method.as_bytes())
            .map_err(|_| CallError::NoCall("the method is not a token"))?;
        let (path, query) = match target.split_once('?') {
            Some((path, query)) => (path, Some(query)),
            None => (target, None),
        };
        let route = route(path).ok_or(CallError::NoCall("the path must begin with /proxy/PROVIDER/"))?;
        if query.is_some_and(query::holds_token) {
            return Err(CallError::TokenInQuery.into());
        }
        Ok(Self { method, route, query, body })
    }

    /// The name of the provider that is called.
    pub(crate) fn provider(&self) -> &'a str {
        self.route.provider
    }

    /// Plans the call as the proxy does. `unblocked` is asked between the plan and the body; `longest` is
    /// `server.limits.replay`.
    ///
    /// # Errors
    /// The problem that the call would end with.
    pub(crate) fn plan(
        &self,
        provider: &ProviderPlan,
        caller: &Caller,
        longest: usize,
        unblocked: impl FnOnce() -> Result<(), Problem>,
    ) -> Result<Plan, Refused> {
        let asked = ProviderCall {
            host: self.route.host,
            query: self.query,
            ..ProviderCall::new(caller, &self.method, self.route.path)
        };
        let refused = |error: PlanError| {
            let decider = error.decider();
            (Problem::from(error), decider)
        };
        let plan = provider.plan(asked).map_err(refused)?;
        unblocked().map_err(|problem| (problem, Some(Decider::Block)))?;
        let Permit::Document(rule) = plan.permit() else { return Ok(plan) };
        if self.body.len() > longest {
            return Err(refused(PlanError::long_document(rule, longest)));
        }
        let headers = HeaderMap::from_iter([(CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
        let read = provider.read_documents(&asked, &headers, self.body);
        let documents = read.as_ref().map_or(Documents::Unread, Documents::Read);
        provider.plan(ProviderCall { documents, ..asked }).map_err(refused)
    }

    /// The scopes of which the provider wants one, as far as that is known.
    fn required(&self, provider: &ProviderPlan, plan: &Plan) -> Vec<String> {
        let known = provider.adapter().required_scopes(&self.method, plan.host(), plan.path());
        known.unwrap_or_default().iter().map(|scope| (*scope).to_owned()).collect()
    }

    /// The verdict on a call that policy permits; `account` is what it would use, as far as that is known. `enforced`: a scope
    /// that the grant is known to lack is refused.
    pub(crate) fn permitted(
        &self,
        provider: &ProviderPlan,
        (plan, enforced): (&Plan, bool),
        account: Option<&AccountStatus>,
        check_body: BodyCheck,
    ) -> Verdict {
        let required = self.required(provider, plan);
        let granted = account.and_then(|account| account.scopes.as_deref());
        let missing = granted.and_then(|granted| {
            provider.adapter().missing_scope(&self.method, plan.host(), plan.path(), granted)
        });
        let lost = account.is_some_and(|account| {
            account.state == AccountState::Reconnect
                || (account.state == AccountState::Expired && !account.refreshable)
        });
        let refused = match missing {
            _ if lost => Some(Code::ReconnectRequired.into()),
            Some(_) if enforced => Some(Code::ProviderScopeMissing.into()),
            _ => check_body(&**provider.adapter(), &self.method, self.body).err(),
        };
        Verdict {
            allowed: refused.is_none(),
            rule: Some(plan.permit().to_string()),
            outcome: refused.as_ref().map_or(Code::Ok, Problem::code).as_str(),
            required_scopes: required,
            missing_scopes: missing.map(|missing| missing.missing_scopes),
            account: account.map(|account| account.account.to_string()),
            state: account.map(|account| account.state.as_str()),
            detail: refused.map(|problem| problem.detail_text().to_owned()),
        }
    }
}

impl Verdict {
    /// The verdict on any call of a caller whose token is refused.
    pub(crate) fn not_accepted(refusal: Refusal) -> Self {
        Self::refused((error_table::refusal(refusal), None))
    }

    /// The verdict on a call to a provider that is not configured.
    pub(crate) fn unknown_provider() -> Self {
        Self::refused((CallError::UnknownProvider.into(), None))
    }

    /// The verdict on a call that would be refused.
    pub(crate) fn refused((problem, decider): Refused) -> Self {
        let required = problem.required().to_vec();
        Self {
            allowed: false,
            rule: decider.map(|decider| decider.to_string()),
            outcome: problem.code().as_str(),
            missing_scopes: (!required.is_empty()).then(|| required.clone()),
            required_scopes: required,
            account: None,
            state: None,
            detail: Some(problem.detail_text().to_owned()),
        }
    }
}
