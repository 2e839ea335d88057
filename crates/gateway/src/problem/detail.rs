//! What happened to one request, for problems that say no more than the title of their code.

use std::borrow::Cow;

use super::{Inner, Problem};
use crate::outcome::Code;

/// How much of a path a sentence holds, in bytes.
const LONGEST_PATH: usize = 200;

/// The request that a problem is about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    /// The path without the query.
    pub(crate) path: &'a str,
    /// The provider, once it is known.
    pub(crate) provider: Option<&'a str>,
}

impl Problem {
    /// Says what happened to this request, where nothing more than the title is said yet.
    pub(crate) fn about(mut self, request: Request<'_>) -> Self {
        if self.0.detail == self.0.code.title()
            && let Some(detail) = sentence(&self.0, request)
        {
            self.0.detail = detail;
        }
        self
    }
}

/// Title and detail together. A detail is a sentence of its own if it begins like one, else it goes on with the title.
pub(super) fn in_one_line(title: &str, detail: &str) -> String {
    let mut first = detail.chars();
    let begins = first.next().is_some_and(char::is_uppercase) && first.next().is_some_and(char::is_lowercase);
    match detail {
        _ if detail == title => title.to_owned(),
        _ if begins => format!("{title}. {detail}"),
        _ => format!("{title}: {detail}"),
    }
}

fn sentence(problem: &Inner, request: Request<'_>) -> Option<Cow<'static, str>> {
    let provider = request.provider.unwrap_or("the provider");
    let Request { method, path, .. } = request;
    let call = format!("{method} {}", path.get(..path.floor_char_boundary(LONGEST_PATH)).unwrap_or_default());
    let status = problem.members.provider_status;
    Some(match problem.code {
        Code::NotFound => format!("this gateway has no route for {call}").into(),
        Code::MethodNotAllowed => match problem.allow {
            Some(allow) => format!("{path} takes {allow}, not {method}").into(),
            None => format!("{path} does not take {method}").into(),
        },
        Code::UnknownProvider => match named_provider(path) {
            Some(name) => format!("this gateway has no provider '{name}'").into(),
            None => "the path names no provider of this gateway".into(),
        },
        Code::HostNotAllowed => {
            format!("{call} names a host after '~' that is not a host of {provider}").into()
        }
        Code::BadPath => format!("{call} cannot be sent to {provider} as a URL").into(),
        Code::CallerTokenInQuery => "the query contains an access token".into(),
        Code::CallerTokenInBody => "the body contains the caller's access token".into(),
        Code::UserUnknown => "the user of the access token is not in the tenant".into(),
        Code::AccountNotConnected => {
            format!("the user has no account at {provider} that the gateway can use").into()
        }
        Code::AccountAmbiguous => format!(
            "the user has {} accounts at {provider}, and the call names none",
            problem.members.accounts.len()
        )
        .into(),
        Code::ReconnectRequired => {
            format!("{provider} refused the user's token, and the gateway has no other one").into()
        }
        Code::ProviderScopeMissing => scope_missing(problem, provider).into(),
        Code::ProviderUnreachable => format!("no connection to {provider} could be made").into(),
        Code::ProviderTimeout => format!("{provider} did not answer {call} in time").into(),
        Code::ProviderRateLimited if status.is_none() => {
            format!("{provider} limits how often tokens are refreshed").into()
        }
        Code::ProviderError if status.is_none() => {
            format!("{provider} gave no usable answer when a token was refreshed").into()
        }
        // The log, which shows this one too, holds no paths.
        Code::ProviderMisconfigured => {
            format!("the gateway cannot call {provider} with the settings that it has").into()
        }
        Code::ProviderDenied | Code::ProviderRateLimited | Code::ProviderError | Code::ProviderRejected => {
            format!("{provider} answered {call} with {}", status?).into()
        }
        Code::ResponseUninspectable => {
            format!("{provider} answered {call} in an encoding that cannot be searched for tokens").into()
        }
        Code::RateLimited => format!("this caller has used up its quota of calls to {provider}").into(),
        Code::TenantRateLimited => "Auth0 answered 429 to a request that this call needed".into(),
        Code::TenantUnavailable => "Auth0 did not answer a request that this call needed".into(),
        Code::TenantMisconfigured => "Auth0 refused a request that this call needed".into(),
        Code::StoreUnavailable => "this call needs the store, and the store does not answer".into(),
        _ => return None,
    })
}

/// What Connect asks for, then what would be enough as well.
fn scope_missing(problem: &Inner, provider: &str) -> String {
    let asked: Vec<&str> =
        problem.members.connection_scope.as_deref().unwrap_or_default().split(',').collect();
    // Several missing scopes can be alternatives: the narrowest is asked for, and the others are enough as well.
    let (narrowest, others): (Vec<&str>, Vec<&str>) =
        problem.members.missing_scopes.iter().map(String::as_str).partition(|scope| asked.contains(scope));
    match (narrowest.as_slice(), others.as_slice()) {
        ([], []) => {
            format!("{provider} refused the call: the grant lacks a scope that {provider} does not name")
        }
        (one, []) | ([], one) => format!("{provider} refused the call: the grant lacks {}", one.join(", ")),
        (narrowest, others) => format!(
            "{provider} refused the call: the grant lacks {}; one of these is enough too: {}",
            narrowest.join(", "),
            others.join(", ")
        ),
    }
}

/// The name where a path has that of a provider.
fn named_provider(path: &str) -> Option<&str> {
    let rest = path.strip_prefix("/proxy/").or_else(|| path.strip_prefix("/v1/me/"))?;
    rest.split('/').next().filter(|name| !name.is_empty() && name.len() <= LONGEST_PATH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const REQUEST: Request<'_> =
        Request { method: "GET", path: "/proxy/gitlab/user", provider: Some("github") };

    fn detail(problem: Problem, request: Request<'_>) -> String {
        problem.about(request).detail_text().to_owned()
    }

    #[test]
    fn a_problem_says_what_happened_to_the_request_and_not_its_title_again() {
        let unknown = detail(Problem::new(Code::UnknownProvider), REQUEST);
        assert_eq!(unknown, "this gateway has no provider 'gitlab'");
        let allow = Problem::new(Code::MethodNotAllowed).allow("GET, HEAD");
        let docs = Request { method: "PUT", path: "/docs", provider: None };
        assert_eq!(detail(allow, docs), "/docs takes GET, HEAD, not PUT");
        let missing = Problem::new(Code::ProviderScopeMissing).missing_scopes(vec!["repo".to_owned()]);
        assert_eq!(detail(missing, REQUEST), "github refused the call: the grant lacks repo");
        let either = Problem::new(Code::ProviderScopeMissing)
            .missing_scopes(vec!["repo".to_owned(), "public_repo".to_owned()])
            .connection_scope(Some("read:user,public_repo".to_owned()));
        assert_eq!(
            detail(either, REQUEST),
            "github refused the call: the grant lacks public_repo; one of these is enough too: repo"
        );
        let own = Problem::new(Code::NotFound).detail("this replica knows no such call of yours");
        assert_eq!(detail(own, REQUEST), "this replica knows no such call of yours", "a better one stays");
    }

    #[test]
    fn a_long_path_is_cut() {
        let path = format!("/{}", "é".repeat(LONGEST_PATH));
        let text =
            detail(Problem::new(Code::NotFound), Request { method: "GET", path: &path, provider: None });
        assert!(text.len() < LONGEST_PATH + 40, "{text}");
    }
}
