//! Why a visit ends at a page of ours, in words for people.

use http::StatusCode;

use super::pages::{Page, escape};
use super::ticket::Ticket;
use super::visit::Visit;
use crate::outcome::Code;

/// Why nothing more is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// A browser loads the page ahead, or another page shows it in a frame.
    NotVisited,
    /// The ticket or the state was not made here, or not for this address.
    Forged,
    /// Too late.
    Expired,
    /// A link or a state works once.
    Used,
    /// The form does not come from the page.
    ForeignForm,
    /// The browser that comes back is not the one that went, or keeps no cookies.
    OtherBrowser,
    /// The user who signed in is not the one whom the link was made for.
    OtherUser,
    /// The account belongs to another user of the tenant, or to none.
    OtherAccount,
    /// An operator or the tenant has blocked the user.
    Blocked(Code),
    /// The provider is not configured any more, or not with this connection.
    Unknown,
    /// Auth0's answer names another issuer.
    OtherIssuer,
    /// Too many forms arrive slowly.
    Crowded,
    /// The store does not say whether the link was used.
    Unavailable,
}

/// A refusal, and the ticket that the visit was about where it is one of ours.
#[derive(Debug)]
pub(super) struct Refused(pub(super) Refusal, pub(super) Option<Box<Ticket>>);

impl From<Refusal> for Refused {
    fn from(refusal: Refusal) -> Self {
        Self(refusal, None)
    }
}

impl Refused {
    /// The visit that ends so. Its outcome is the word in the audit log and in `Idp-Outcome`.
    pub(super) fn visit(self, request_id: &str) -> Visit {
        let ((status, outcome), (title, text)) = (self.0.code(), self.0.text());
        let body = format!("<p>{}</p>", escape(text));
        let page = Page { status, outcome, title, body, form_action: None, request_id };
        let visit = Visit { outcome, ..Visit::page(page.respond()) };
        match self.1 {
            Some(ticket) => visit.about(&ticket),
            None => visit,
        }
    }
}

impl Refusal {
    /// The same about a ticket.
    pub(super) fn of(self, ticket: &Ticket) -> Refused {
        Refused(self, Some(Box::new(ticket.clone())))
    }

    fn code(self) -> (StatusCode, Code) {
        match self {
            Self::NotVisited => (StatusCode::SERVICE_UNAVAILABLE, Code::BadRequest),
            Self::Forged | Self::OtherIssuer => (StatusCode::BAD_REQUEST, Code::BadRequest),
            Self::Expired | Self::Used => (StatusCode::GONE, Code::BadRequest),
            Self::ForeignForm | Self::OtherBrowser => (StatusCode::FORBIDDEN, Code::BadRequest),
            Self::OtherUser => (StatusCode::FORBIDDEN, Code::CallerNotAllowed),
            Self::OtherAccount => (StatusCode::FORBIDDEN, Code::AccountNotConnected),
            Self::Blocked(code) => (StatusCode::FORBIDDEN, code),
            Self::Unknown => (StatusCode::NOT_FOUND, Code::UnknownProvider),
            Self::Crowded => (StatusCode::SERVICE_UNAVAILABLE, Code::Overloaded),
            Self::Unavailable => (StatusCode::SERVICE_UNAVAILABLE, Code::StoreUnavailable),
        }
    }

    fn text(self) -> (&'static str, &'static str) {
        match self {
            Self::NotVisited => {
                ("Open this link in its own window", "It does nothing in a frame or when it is preloaded.")
            }
            Self::Forged => ("This link is not valid", "Go back to the app, and start again from there."),
            Self::Expired => ("This link has expired", "Go back to the app, and start again from there."),
            Self::Used => (
                "This link was used already",
                "A link works once. Go back to the app, and start again from there.",
            ),
            Self::ForeignForm => (
                "This request did not come from our page",
                "Open the link again, and press its button. The page needs cookies.",
            ),
            Self::OtherBrowser => (
                "This browser did not start the connection",
                "Open the link and finish in one browser that keeps cookies. If you did not start this yourself, \
                 close this page: nothing was connected.",
            ),
            Self::OtherUser => (
                "This link was made for another user",
                "You are not signed in as the user that the link was made for. Nothing was connected. \
                 If you were sent this link, do not use it.",
            ),
            Self::OtherAccount => (
                "This account is not one of yours here",
                "The account that you signed in with at the provider is not linked to your user, and nothing has changed \
                 for your user. Start again and choose the account that you connected before. To use a new account, it must \
                 first be linked to your user: ask the app's operator about account linking.",
            ),
            Self::Blocked(_) => (
                "You may not connect accounts here",
                "An operator has blocked this. Ask the people who run the app.",
            ),
            Self::Unknown => (
                "This account can no longer be connected here",
                "The configuration has changed since the link was made. Go back to the app, and start again from there.",
            ),
            Self::OtherIssuer => {
                ("The answer came from another server", "Nothing was connected. Start again from the app.")
            }
            Self::Crowded => ("Too many requests at the same time", "Press the button again in a moment."),
            Self::Unavailable => {
                ("This does not work at the moment", "Wait a moment, and open the link again.")
            }
        }
    }
}
