//! The one table from errors to problems: those of the crates, and those of the gateway's own modules, which are enums in the
//! words of the module.

mod calls;

use std::time::Duration;

use http::StatusCode;
use http::header::{HeaderName, HeaderValue};
use idp_adapters::{Classified, Outcome};
use token_broker::{Account, IdpToken, Reason, Source};

use self::calls::{other_method, scope_missing};
use crate::body::RequestBodyFault;
use crate::fleet::Blocked;
use crate::outcome::Code;
use crate::problem::Problem;
use crate::provider::ConnectTo;
use crate::provider::plan::PlanError;
use crate::provider::policy::PolicyError;
use crate::upstream::SendError;
use caller_auth::{Claim, LogoutRefusal, Refusal};

/// The outcome word of a provider's answer.
pub(crate) fn classified_code(outcome: Outcome) -> Code {
    match outcome {
        Outcome::Ok => Code::Ok,
        Outcome::TokenDead => Code::ReconnectRequired,
        Outcome::ScopeMissing => Code::ProviderScopeMissing,
        Outcome::Denied => Code::ProviderDenied,
        Outcome::RateLimited => Code::ProviderRateLimited,
        Outcome::Misconfigured => Code::ProviderMisconfigured,
        Outcome::Rejected => Code::ProviderRejected,
        _ => Code::ProviderError,
    }
}

fn refusal_code(reason: caller_auth::Reason) -> Code {
    use caller_auth::Reason;
    match reason {
        Reason::BadRequest => Code::BadRequest,
        Reason::TokenInQuery => Code::CallerTokenInQuery,
        Reason::TokenMissing => Code::CallerTokenMissing,
        Reason::TokenOpaque => Code::CallerTokenOpaque,
        Reason::TokenExpired => Code::CallerTokenExpired,
        Reason::TokenInvalid => Code::CallerTokenInvalid,
        Reason::ProofInvalid => Code::DpopProofInvalid,
        Reason::NotAllowed => Code::CallerNotAllowed,
        Reason::NotAUser => Code::CallerNotAUser,
        Reason::KeysUnavailable => Code::TenantUnavailable,
        Reason::KeysRateLimited => Code::TenantRateLimited,
        Reason::ReplayMemoryFull => Code::Overloaded,
        Reason::ReplayStoreUnavailable => Code::StoreUnavailable,
        // A reason that a later version of the crate adds refuses too.
        _ => Code::InternalError,
    }
}

/// The crate's sentence, and the setting that it follows from.
fn refusal_detail(refusal: &Refusal) -> String {
    let setting = refusal.mismatch.as_deref().and_then(|mismatch| match mismatch.claim {
        Claim::Lifetime => Some("callers.max_lifetime"),
        Claim::Size => Some("callers.max_token"),
        _ => None,
    });
    match setting {
        Some(setting) => format!("{} The setting is `{setting}`.", refusal.detail),
        None => refusal.detail.to_string(),
    }
}

/// A caller that was refused.
pub(crate) fn refusal(refusal: Refusal) -> Problem {
    const DPOP_NONCE: HeaderName = HeaderName::from_static("dpop-nonce");
    let mut problem = Problem::new(refusal_code(refusal.reason)).detail(refusal_detail(&refusal));
    if let Some(wait) = refusal.retry_after {
        problem = problem.retry_after(wait);
    }
    for value in refusal.challenge.values {
        problem = problem.challenge(value);
    }
    match refusal.challenge.nonce {
        Some(nonce) => problem.header(DPOP_NONCE, nonce),
        None => problem,
    }
}

/// A logout token that was refused.
pub(crate) fn logout(refusal: LogoutRefusal) -> Problem {
    match refusal {
        LogoutRefusal::Invalid(_) => Problem::new(Code::BadRequest).detail("the logout token is not valid"),
        LogoutRefusal::Unavailable { .. } => {
            Problem::new(Code::TenantUnavailable).retry_after(Duration::from_secs(5))
        }
    }
}

impl From<PlanError> for Problem {
    fn from(error: PlanError) -> Self {
        let bad_request = |detail: String| Problem::new(Code::BadRequest).detail(detail);
        match error {
            PlanError::Host => Problem::new(Code::HostNotAllowed),
            PlanError::MethodCase => bad_request("the method is not written in capitals".to_owned()).remedy(
                "Write methods in capitals: `fetch` changes `get` and `post`, but sends `patch` as it is.",
            ),
            PlanError::Path(error) => Problem::new(Code::BadPath).detail(error.to_string()),
            PlanError::Target => Problem::new(Code::BadPath),
            PlanError::QueryMember(name) => bad_request(format!(
                "the query member '{name}' is not passed to this provider"
            ))
            .remedy(format!(
                "Remove '{name}' from the query. The gateway sets it where the provider needs it."
            )),
            PlanError::QueryMethod(name) => other_method(&format!("the query member '{name}'")),
            PlanError::QueryValue(denied) => {
                let (member, word) = (denied.member, denied.word);
                bad_request(format!("'{word}' in the query member '{member}': {}", denied.reason))
                    .remedy(format!("Leave '{word}' out of '{member}'."))
            }
            PlanError::Policy(error) => error.into(),
            PlanError::ProfileUrl(url) => Problem::new(Code::ProviderMisconfigured)
                .cause(format!("the profile URL {url} cannot be called")),
        }
    }
}

impl From<PolicyError> for Problem {
    fn from(error: PolicyError) -> Self {
        let denied = |detail: &'static str| Problem::new(Code::PolicyDenied).detail(detail);
        match error {
            PolicyError::Closed(reason) => Problem::new(Code::PolicyDenied)
                .detail(format!("this path is refused at every access level: it {reason}"))
                .remedy("No setting allows this path."),
            PolicyError::NotOnHost => denied("this path is not allowed on that host of the provider"),
            PolicyError::Denied => denied("the deny list refuses this path"),
            PolicyError::ReadOnly => denied("this provider allows only GET and HEAD"),
            PolicyError::Guarded(_) => {
                denied("this path needs full access without rules, or a rule that names it")
            }
            PolicyError::NoRule => denied("no rule allows this method and path"),
            PolicyError::DeniedByRule(_) => denied("a rule denies this method and path"),
            PolicyError::GraphQl(refusal) => Problem::new(Code::PolicyDenied).detail(format!(
                "rules[{}] does not allow this GraphQL request: {}",
                refusal.rule, refusal.denied
            )),
            PolicyError::ScopeMissing { scope, .. } => scope_missing("this call", scope),
        }
    }
}

impl From<Blocked> for Problem {
    fn from(blocked: Blocked) -> Self {
        let (code, detail) = match blocked {
            Blocked::User => (Code::UserBlocked, "an operator blocked this user at the gateway"),
            Blocked::Target => (Code::PolicyDenied, "an operator blocked this at the gateway"),
        };
        Problem::new(code).detail(detail)
    }
}

/// A request body that ended early.
pub(crate) fn request_body(fault: RequestBodyFault) -> Problem {
    Problem::new(fault.code()).detail(fault.to_string())
}

impl From<SendError> for Problem {
    fn from(error: SendError) -> Self {
        match error {
            SendError::Unreachable { refused: Some(why), .. } => {
                Problem::new(Code::ProviderUnreachable).detail(format!("the connection failed: {why}"))
            }
            SendError::Unreachable { refused: None, .. } => Problem::new(Code::ProviderUnreachable),
            SendError::NoStream => Problem::new(Code::Overloaded)
                .detail("the provider allows no more calls at once on its HTTP/2 connections"),
            SendError::Timeout => Problem::new(Code::ProviderTimeout),
            SendError::Malformed => {
                Problem::new(Code::ProviderError).detail("the provider's answer is not valid HTTP")
            }
            SendError::RequestBody(fault) => request_body(fault),
            SendError::TokenInBody => Problem::new(Code::CallerTokenInBody),
        }
    }
}

/// Why the broker has no token.
pub(crate) fn broker(error: &token_broker::Error, connect: Option<&ConnectTo>) -> Problem {
    let account = |account: &Account| ConnectTo::account(connect, account);
    let parameters = |connection: Option<&str>, source: Source| connect?.parameters(connection, source, None);
    let problem = match error.reason() {
        Reason::UnknownProvider => Problem::new(Code::UnknownProvider),
        Reason::UserUnknown => Problem::new(Code::UserUnknown),
        Reason::UserBlocked => Problem::new(Code::UserBlocked).detail("the user is blocked in Auth0"),
        Reason::AccountAmbiguous(accounts) => {
            Problem::new(Code::AccountAmbiguous).accounts(accounts.iter().map(account).collect())
        }
        Reason::AccountNotConnected { connection, source } => {
            Problem::new(Code::AccountNotConnected).connect(parameters(connection.as_deref(), *source))
        }
        Reason::ReconnectRequired { account: dead, source, .. } => Problem::new(Code::ReconnectRequired)
            .detail(error.detail().to_owned())
            .accounts(vec![account(dead)])
            .connect(parameters(Some(dead.connection()), *source)),
        Reason::EndpointRefused { account: open, source, .. } => Problem::new(Code::ProviderDenied)
            .detail(error.detail().to_owned())
            .remedy(
                "Check the request and the user's rights. If the user has revoked the access, let the user connect the \
                 account again: open 'connect.url' if there is one, else use the parameters in 'connect'.",
            )
            .accounts(vec![account(open)])
            .connect(parameters(Some(open.connection()), *source)),
        Reason::CallerTokenInvalid => Problem::new(Code::CallerTokenInvalid)
            .detail("Auth0 did not accept the access token for the exchange")
            .challenge(HeaderValue::from_static("Bearer realm=\"idp-gateway\", error=\"invalid_token\"")),
        Reason::TenantRateLimited => Problem::new(Code::TenantRateLimited),
        Reason::TenantUnavailable => Problem::new(Code::TenantUnavailable),
        Reason::TenantMisconfigured => {
            Problem::new(Code::TenantMisconfigured).cause(error.detail().to_owned())
        }
        Reason::StoreUnavailable => Problem::new(Code::StoreUnavailable).cause(error.detail().to_owned()),
        Reason::ProviderUnreachable => Problem::new(Code::ProviderUnreachable),
        Reason::ProviderTimeout => Problem::new(Code::ProviderTimeout),
        Reason::ProviderRateLimited => Problem::new(Code::ProviderRateLimited),
        Reason::ProviderError => Problem::new(Code::ProviderError),
        Reason::ProviderMisconfigured => {
            Problem::new(Code::ProviderMisconfigured).cause(error.detail().to_owned())
        }
        _ => Problem::new(Code::InternalError).cause(error.detail().to_owned()),
    };
    // How long a dead token is remembered is no time to try again: the user has to act.
    match error.retry_after().filter(|_| !matches!(error.reason(), Reason::ReconnectRequired { .. })) {
        Some(wait) => problem.retry_after(wait),
        None => problem,
    }
}

/// A grant the provider no longer accepts, as the provider's own answer said.
pub(crate) fn reconnect(connect: &ConnectTo, token: &IdpToken, classified: &Classified) -> Problem {
    let scope = classified.connection_scope.clone();
    Problem::new(Code::ReconnectRequired)
        .claims(classified.claims.clone())
        .accounts(vec![ConnectTo::account(Some(connect), token.account())])
        .connect(connect.parameters(Some(token.account().connection()), token.source(), scope))
}

/// A download host's error answer as a problem.
pub(crate) fn download_answer(status: StatusCode, classified: &Classified) -> Problem {
    let code = classified_code(classified.outcome);
    let mut problem = Problem::new(code).provider_status(status);
    if code.keeps_provider_status() {
        problem = problem.status(status);
    }
    match classified.retry_after {
        Some(wait) => problem.retry_after(wait),
        None => problem,
    }
}

/// A provider's error answer as a problem (`Idp-Errors: problem`). Unless `may_ask`, a missing scope is named but not asked
/// for.
pub(crate) fn provider_answer(
    connect: &ConnectTo,
    token: &IdpToken,
    (status, classified): (StatusCode, &Classified),
    may_ask: bool,
) -> Problem {
    let code = classified_code(classified.outcome);
    let mut problem = Problem::new(code)
        .provider_status(status)
        .provider_detail(classified.detail.clone())
        .claims(classified.claims.clone());
    if code.keeps_provider_status() {
        // A 401 here is about the request; an app takes one for the end of its own login.
        problem =
            problem.status(if status == StatusCode::UNAUTHORIZED { StatusCode::FORBIDDEN } else { status });
    }
    if let Some(wait) = classified.retry_after {
        problem = problem.retry_after(wait);
    }
    if classified.outcome != Outcome::ScopeMissing {
        return problem;
    }
    let problem = problem
        .missing_scopes(classified.missing_scopes.clone())
        .required_scopes(classified.required_scopes.clone());
    if !may_ask {
        return problem
            .detail(
                "the user has logged in again since this scope was requested, and the grant still lacks it",
            )
            .remedy("Do not start the login again automatically: tell the user what is missing.");
    }
    let scope = classified.connection_scope.clone();
    problem.connection_scope(scope.clone()).connect(connect.parameters(
        Some(token.account().connection()),
        token.source(),
        scope,
    ))
}
