//! One request of a browser, and what became of it.

use std::sync::Arc;

use caller_auth::Caller;
use http::header::{HeaderName, SET_COOKIE};
use http::{HeaderMap, HeaderValue, Response};
use token_broker::{Account, Source};

use super::refusal::Refusal;
use super::ticket::Ticket;
use crate::body::Body;
use crate::outcome::Code;
use crate::problem::Problem;

/// What became of a visit, for the records too.
pub(crate) struct Visit {
    /// The answer, or the problem to answer with.
    pub(crate) response: Result<Response<Body>, Problem>,
    /// The user whom the ticket was made for, and the app, once a ticket is known.
    pub(crate) caller: Option<Arc<Caller>>,
    /// The provider.
    pub(crate) provider: Option<String>,
    /// The connection, and the account where one was meant.
    pub(crate) account: Option<(String, Option<String>)>,
    /// What to write into the records.
    pub(crate) outcome: Code,
    /// What was connected just now.
    pub(crate) connected: Option<Connected>,
}

/// An account that was connected just now.
pub(crate) struct Connected {
    /// The user.
    pub(crate) user: String,
    /// Where its tokens come from.
    pub(crate) source: Source,
    /// The account. Without a user id: one of the connection.
    pub(crate) account: Account,
}

impl Visit {
    /// An answer about no ticket.
    pub(super) fn page(response: Response<Body>) -> Self {
        Self {
            response: Ok(response),
            caller: None,
            provider: None,
            account: None,
            outcome: Code::Ok,
            connected: None,
        }
    }

    pub(super) fn not_allowed(methods: &'static str) -> Self {
        let problem = Problem::new(Code::MethodNotAllowed).allow(methods);
        Self { response: Err(problem), outcome: Code::MethodNotAllowed, ..Self::page(super::pages::head()) }
    }

    /// Notes whose account it is about.
    pub(super) fn about(self, ticket: &Ticket) -> Self {
        Self {
            caller: Some(Arc::new(Caller::vouched(
                &ticket.user,
                ticket.client.as_deref().unwrap_or_default(),
            ))),
            provider: Some(ticket.provider.clone()),
            account: Some((ticket.connection.clone(), ticket.account.clone())),
            ..self
        }
    }

    /// Sets a cookie, or takes one away.
    pub(super) fn cookie(mut self, cookie: Option<HeaderValue>) -> Self {
        if let (Ok(response), Some(cookie)) = (&mut self.response, cookie) {
            response.headers_mut().append(SET_COOKIE, cookie);
        }
        self
    }
}

fn has(headers: &HeaderMap, name: &'static str, words: &[&str]) -> bool {
    let name = HeaderName::from_static(name);
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split([',', ';'])).any(|word| {
        let word = word.trim();
        words.iter().any(|known| word.eq_ignore_ascii_case(known))
    })
}

/// A page that a person looks at, in a window of its own. Browsers that say nothing about it are believed: a link that is
/// opened does nothing by itself, and the pages forbid frames.
pub(super) fn is_visited(headers: &HeaderMap) -> Result<(), Refusal> {
    let ahead = has(headers, "sec-purpose", &["prefetch", "prerender"])
        || has(headers, "purpose", &["prefetch", "preview"])
        || has(headers, "x-purpose", &["preview"])
        || has(headers, "x-moz", &["prefetch"]);
    let framed = has(headers, "sec-fetch-dest", &["iframe", "frame", "embed", "object", "fencedframe"]);
    if ahead || framed { Err(Refusal::NotVisited) } else { Ok(()) }
}

/// A form that a page of this origin sent.
pub(super) fn is_own_form(headers: &HeaderMap, origin: &str) -> Result<(), Refusal> {
    let site = headers.get_all("sec-fetch-site").iter().all(|value| value.as_bytes() == b"same-origin");
    let mut origins = headers.get_all(http::header::ORIGIN).iter();
    let named = origins.next().is_some_and(|value| value.as_bytes() == origin.as_bytes());
    if site && named && origins.next().is_none() { Ok(()) } else { Err(Refusal::ForeignForm) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn headers(list: &[(&'static str, &'static str)]) -> HeaderMap {
        list.iter()
            .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
            .collect()
    }

    #[test]
    fn tm_h05_frames_and_pages_loaded_ahead_are_no_visits() {
        for list in [
            [("sec-purpose", "prefetch")],
            [("sec-purpose", "prefetch;prerender")],
            [("sec-purpose", "prefetch;anonymous-client-ip")],
            [("purpose", "Prefetch")],
            [("x-moz", "prefetch")],
            [("sec-fetch-dest", "iframe")],
            [("sec-fetch-dest", "object")],
        ] {
            assert_eq!(is_visited(&headers(&list)), Err(Refusal::NotVisited), "{list:?}");
        }
        assert_eq!(
            is_visited(&headers(&[("sec-fetch-dest", "document"), ("sec-fetch-mode", "navigate")])),
            Ok(())
        );
        assert_eq!(is_visited(&headers(&[])), Ok(()));
    }

    #[test]
    fn only_a_form_of_this_origin_counts() {
        let own = |list| is_own_form(&headers(list), "https://gw.example").is_ok();
        assert!(own(&[("origin", "https://gw.example")]));
        assert!(own(&[("origin", "https://gw.example"), ("sec-fetch-site", "same-origin")]));
        for bad in [
            &[][..],
            &[("origin", "null")],
            &[("origin", "https://evil.example")],
            &[("origin", "https://gw.example.evil.example")],
            &[("origin", "http://gw.example")],
            &[("sec-fetch-site", "same-origin")],
            &[("origin", "https://gw.example"), ("sec-fetch-site", "same-site")],
            &[("origin", "https://gw.example"), ("origin", "https://evil.example")],
        ] {
            assert!(!own(bad), "{bad:?}");
        }
    }
}
