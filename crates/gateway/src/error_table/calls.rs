//! What a call that ends without the provider's answer becomes.

use std::time::Duration;

use http::{HeaderName, StatusCode};

use crate::call_error::CallError;
use crate::outcome::Code;
use crate::problem::Problem;

fn too_slow(limit: Duration) -> Problem {
    Problem::new(Code::ProviderTimeout)
        .detail(format!("the provider's answer did not end within {} s", limit.as_secs()))
        .remedy("Request less data, or call the same path below /proxy, which streams the answer.")
}

fn share_taken(detail: &'static str) -> Problem {
    Problem::new(Code::RateLimited).detail(detail).retry_after(Duration::from_secs(1))
}

pub(super) fn other_method(what: &str) -> Problem {
    Problem::new(Code::BadRequest)
        .detail(format!("{what} names a method that is not the method of the request"))
        .remedy("Send the request with that method, and without the name of another one.")
}

fn nothing_open() -> Problem {
    Problem::new(Code::PolicyDenied)
        .detail("the rules open no call at this provider to this caller")
        .remedy("Ask the operator for a rule that opens a call to this app, agent or user.")
}

fn nominated(name: &HeaderName) -> Problem {
    Problem::new(Code::BadRequest).detail(format!("'Connection' names '{name}'")).remedy(
        "Remove that name from 'Connection': the field describes the body and must reach the provider.",
    )
}

fn session_page() -> Problem {
    Problem::new(Code::RedirectBlocked)
        .detail("the provider redirected to a page where a browser signs in")
        .remedy(
            "Ask the provider's API for the file: this address serves it to a browser with a session only.",
        )
}

impl From<CallError> for Problem {
    fn from(error: CallError) -> Self {
        let blocked = |detail: &'static str| Problem::new(Code::RedirectBlocked).detail(detail);
        let bad_request = |detail: String| Problem::new(Code::BadRequest).detail(detail);
        let provider_error = |detail: &'static str| Problem::new(Code::ProviderError).detail(detail);
        match error {
            CallError::UnknownProvider => Problem::new(Code::UnknownProvider),
            CallError::QuotaSpent(wait) => Problem::new(Code::RateLimited).retry_after(wait),
            CallError::ShareTaken => share_taken("too many calls of this user to this provider are in flight"),
            CallError::RequestsTaken => share_taken("too many requests of this user are in flight"),
            CallError::ProviderBusy => {
                Problem::new(Code::Overloaded).detail("too many calls to this provider are in flight")
            }
            CallError::RepeatedHeader(name) => bad_request(format!("'{name}' is sent more than once")),
            CallError::UnreadableHeader(name) => {
                bad_request(format!("'{name}' contains bytes that are not visible ASCII"))
            }
            CallError::NominatedContent(name) => nominated(&name),
            CallError::ErrorMode => bad_request("'Idp-Errors' is 'passthrough' or 'problem'".to_owned()),
            CallError::Account(error) => bad_request(format!("'Idp-Account': {error}")),
            CallError::NoCall(detail) => bad_request(detail.to_owned()),
            CallError::TokenInQuery => Problem::new(Code::CallerTokenInQuery),
            CallError::TokenInPath => {
                Problem::new(Code::CallerTokenInQuery).detail("the path contains the access token")
            }
            CallError::TokenInHeader => Problem::new(Code::CallerTokenInBody)
                .detail("a header other than 'Authorization' contains the access token")
                .remedy("Send the token in the 'Authorization' header only; it must never reach a provider."),
            CallError::TokenInBody => Problem::new(Code::CallerTokenInBody),
            CallError::NothingOpen => nothing_open(),
            CallError::DisconnectScope(scope) => scope_missing("disconnecting", scope),
            CallError::NoProfileUrl(name) => Problem::new(Code::ProviderMisconfigured).cause(format!(
                "providers.{name}.profile_url is not set and cannot be derived from base_url"
            )),
            CallError::UnreadableProfile => provider_error("the provider's profile cannot be read"),
            CallError::AnswerEndedEarly => provider_error("the provider's answer ended early"),
            CallError::AnswerTooSlow(limit) => too_slow(limit),
            CallError::SwitchedProtocols => provider_error("the provider switched protocols without a request"),
            CallError::UninspectableAnswer => Problem::new(Code::ResponseUninspectable),
            CallError::ForeignRedirect => Problem::new(Code::RedirectBlocked)
                .detail("the provider redirected to a host that is not one of its own"),
            CallError::SessionPage => session_page(),
            CallError::TokenInRedirect => Problem::new(Code::RedirectBlocked)
                .detail("the provider redirected to an address that holds the token"),
            CallError::DownloadRefused(status) => provider_error("the download host refused the address that the provider had signed")
                .provider_status(status)
                .remedy("Repeat the call: the provider signs a new address each time."),
            CallError::MethodOverride(name) => other_method(&format!("'{name}'")),
            CallError::OverriddenForm => bad_request(
                "a form that stands for a query is longer than 64 KiB, or holds a member that is not passed to this provider".to_owned(),
            )
            .remedy("Send a GET request instead, or remove that member."),
            CallError::TooManyRedirects => blocked("the download redirected more than three times"),
            CallError::BodyNotRepeatable => {
                repeat("the provider refused the token and the request's body cannot be sent again")
            }
            CallError::RefreshedElsewhere => {
                repeat("the provider refused a token that another replica had refreshed")
            }
        }
    }
}

pub(super) fn scope_missing(what: &str, scope: String) -> Problem {
    Problem::new(Code::CallerScopeMissing)
        .detail(format!("{what} needs the scope '{scope}' in the access token"))
        .required_scopes(vec![scope.clone()])
        .missing_scopes(vec![scope])
}

/// A fresh token is there, but not for this call.
fn repeat(detail: &'static str) -> Problem {
    Problem::new(Code::ProviderError)
        .status(StatusCode::SERVICE_UNAVAILABLE)
        .detail(detail)
        .remedy("Repeat the call now: a new token is available.")
        .retry_after(Duration::ZERO)
}
