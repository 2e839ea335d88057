//! Hosted connect: one link that connects, reconnects or widens an account (`[connect]`).
//!
//! A link carries a [`Ticket`], sealed with the store's keys. Its page has one button; behind it the browser goes to Auth0,
//! and the user who signs in there must be the ticket's. Nothing of a flow is kept here: a flow travels with the browser, as
//! the sealed `state` of each redirect, bound to the browser by a cookie. What was used is remembered where used proofs are.

mod callback;
mod cookie;
mod finish;
mod link;
mod my_account;
mod pages;
mod parts;
mod refusal;
mod remove;
mod return_to;
mod seal;
mod start;
mod tenant;
mod ticket;
mod visit;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use caller_auth::{OneUse, ReplayStore};
use http::Method;
use http::request::Parts;
use mgmt_auth::ClientCredentials;
use url::Url;

pub(crate) use self::link::{Ask, BadAsk};
pub(crate) use self::parts::{ConnectParts, Offer};
pub(crate) use self::visit::Connected;

use self::cookie::Cookies;
use self::refusal::{Refusal, Refused};
use self::return_to::ReturnAddresses;
use self::seal::{Sealer, digest};
use self::tenant::SignIn;
use self::ticket::Ticket;
use self::visit::Visit;
use crate::body::{Body, BodyReader};
use crate::fleet::Fleet;

/// Hosted connect as configured.
pub(crate) struct HostedConnect {
    /// `server.public_url`, without a slash at its end.
    address: String,
    /// Its origin, as `Origin` names it.
    origin: String,
    /// Where the form's redirects may lead, as a page's policy writes it.
    form_action: String,
    sealer: Sealer,
    cookies: Cookies,
    ticket_ttl: Duration,
    return_to: ReturnAddresses,
    sign_in: SignIn,
    /// The Custom API Client of Token Vault, where accounts are kept there.
    exchange: Option<ClientCredentials>,
    providers: BTreeMap<String, Offer>,
    replays: Arc<dyn ReplayStore>,
    fleet: Arc<Fleet>,
    /// Reads the forms.
    forms: BodyReader,
}

impl HostedConnect {
    /// Answers a request to `/connect/…`; `path` is what stands behind `/connect/`.
    pub(crate) async fn visit(&self, request_id: &str, path: &str, (parts, body): (&Parts, Body)) -> Visit {
        let visit = match (parts.method.clone(), path) {
            (Method::HEAD, _) => Ok(Visit::page(pages::head())),
            (Method::GET, "callback") => self.callback(request_id, parts).await,
            (Method::GET, provider) => self.show(request_id, provider, parts),
            (Method::POST, provider) if provider != "callback" => {
                self.press(request_id, provider, (parts, body)).await
            }
            _ => Ok(Visit::not_allowed(if path == "callback" { "GET, HEAD" } else { "GET, HEAD, POST" })),
        };
        visit.unwrap_or_else(|refused| refused.visit(request_id))
    }

    /// Uses up a ticket or one of its states, each of which works once.
    async fn use_up(&self, id: [&str; 2], ticket: &Ticket, keep: Duration) -> Result<(), Refused> {
        let used = OneUse::new(digest(&id), keep).of(digest(&["user", &ticket.user]));
        match self.replays.first_use(used).await {
            Ok(true) => Ok(()),
            Ok(false) => Err(Refusal::Used.of(ticket)),
            Err(_) => Err(Refusal::Unavailable.of(ticket)),
        }
    }

    /// The address of a provider's page.
    fn page_address(&self, provider: &str) -> Option<Url> {
        let mut url = Url::parse(&self.address).ok()?;
        url.path_segments_mut().ok()?.pop_if_empty().extend(["connect", provider]);
        Some(url)
    }
}

#[cfg(test)]
mod tests;
