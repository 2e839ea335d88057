//! The My Account API's part of a flow, and how flows end.

use http::StatusCode;
use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use token_broker::{Account, Source};
use url::Url;

use super::HostedConnect;
use super::my_account::{AuthorizationParams, Completion, Connection};
use super::pages::{self, Page, escape};
use super::return_to::answer;
use super::seal::{Purpose, challenge};
use super::ticket::{Flow, Leg, Ticket};
use super::visit::{Connected, Visit};
use crate::outcome::Code;

/// The session of a flow at the My Account API, as the browser keeps it.
#[derive(Debug, Serialize, Deserialize)]
struct Session {
    flow: String,
    session: String,
}

impl HostedConnect {
    /// Begins the connection at the My Account API. The token is used for this request and dropped.
    pub(super) async fn connect(&self, request_id: &str, before: &Flow, token: &SecretString) -> Visit {
        let ticket = &before.ticket;
        let Some((flow, state)) = self.flow(ticket, before.browser.clone(), Leg::Vault) else {
            return self.failed(request_id, ticket, "no randomness, or the state is too long");
        };
        let google = self.offer(ticket).is_some_and(super::Offer::is_google);
        let hint = ticket.account.as_deref().filter(|_| google);
        let connection = Connection {
            connection: &ticket.connection,
            redirect_uri: &self.sign_in.callback,
            state: &state,
            code_challenge: &challenge(&flow.verifier),
            code_challenge_method: "S256",
            scopes: &ticket.scopes,
            authorization_params: hint.map(|login_hint| AuthorizationParams { login_hint }),
        };
        let begun = match self.sign_in.my_account.connect(token, &connection).await {
            Ok(begun) => begun,
            Err(error) => return self.failed(request_id, ticket, &error.to_string()),
        };
        let session = Session { flow: flow.id.clone(), session: begun.session };
        let cookie = self.sealer.seal(Purpose::Session, &session);
        let cookie = cookie.and_then(|sealed| self.cookies.set_session(&flow.id, &sealed));
        if cookie.is_none() {
            return self.failed(request_id, ticket, "the session is too long for a cookie");
        }
        Visit::page(pages::redirect(&begun.to)).about(ticket).cookie(cookie)
    }

    /// The user agreed. Completing takes an access token again, and none was kept: the browser fetches another code, without
    /// a page as a rule.
    pub(super) fn complete_later(
        &self,
        request_id: &str,
        flow: &Flow,
        code: String,
        session: Option<&str>,
    ) -> Visit {
        let session = session.and_then(|sealed| self.sealer.open::<Session>(Purpose::Session, sealed));
        let Some(session) = session.filter(|session| session.flow == flow.id) else {
            return self.failed(request_id, &flow.ticket, "the session's cookie did not come back");
        };
        let leg =
            Leg::Complete { silent: true, session: session.session, code, verifier: flow.verifier.clone() };
        self.send(request_id, &flow.ticket, flow.browser.clone(), leg)
    }

    /// Completes the connection at the My Account API.
    pub(super) async fn complete(
        &self,
        request_id: &str,
        ticket: &Ticket,
        (session, code, verifier): (&str, &str, &str),
        token: &SecretString,
    ) -> Visit {
        let completion = Completion {
            auth_session: session,
            connect_code: code,
            redirect_uri: &self.sign_in.callback,
            code_verifier: verifier,
        };
        match self.sign_in.my_account.complete(token, &completion).await {
            Ok(()) => self.connected(request_id, ticket),
            Err(error) => self.failed(request_id, ticket, &error.to_string()),
        }
    }

    /// The account is connected. What is cached of it is out of date, and so is a disconnection.
    pub(super) fn connected(&self, request_id: &str, ticket: &Ticket) -> Visit {
        let visit = self.end(request_id, ticket, &End::CONNECTED);
        let connected = Connected {
            user: ticket.user.clone(),
            source: if ticket.vault { Source::Vault } else { Source::Identities },
            account: Account::new(ticket.connection.clone(), ticket.account.clone()),
        };
        Visit { connected: Some(connected), ..visit }
    }

    /// The user said no.
    pub(super) fn denied(&self, request_id: &str, ticket: &Ticket) -> Visit {
        self.end(request_id, ticket, &End::DENIED)
    }

    /// It did not work. `cause` is for the operators' log and holds no secret.
    pub(super) fn failed(&self, request_id: &str, ticket: &Ticket, cause: &str) -> Visit {
        tracing::warn!(event = "connect_failed", request_id, provider = ticket.provider, cause);
        self.end(request_id, ticket, &End::FAILED)
    }

    /// Back to the app, or to a page.
    fn end(&self, request_id: &str, ticket: &Ticket, end: &End) -> Visit {
        let back = ticket.return_to.as_deref().and_then(|text| Url::parse(text).ok());
        let response = match back {
            Some(back) => pages::redirect(&answer(&back, end.word, request_id)),
            None => Page {
                status: end.status,
                outcome: end.outcome,
                title: end.title,
                body: format!("<p>{}</p>", escape(end.text)),
                form_action: None,
                request_id,
            }
            .respond(),
        };
        Visit { outcome: end.outcome, ..Visit::page(response).about(ticket) }
    }
}

/// How a flow ends.
struct End {
    /// `idp_connect` of the return address.
    word: &'static str,
    status: StatusCode,
    outcome: Code,
    title: &'static str,
    text: &'static str,
}

impl End {
    const CONNECTED: Self = Self {
        word: "ok",
        status: StatusCode::OK,
        outcome: Code::Ok,
        title: "The account is connected",
        text: "You may close this page and go back to the app.",
    };
    const DENIED: Self = Self {
        word: "denied",
        status: StatusCode::OK,
        outcome: Code::AccountNotConnected,
        title: "You did not agree",
        text: "Nothing was connected. You may close this page.",
    };
    const FAILED: Self = Self {
        word: "failed",
        status: StatusCode::BAD_GATEWAY,
        outcome: Code::TenantUnavailable,
        title: "The account could not be connected",
        text: "Go back to the app and start again. If it fails again, tell the people who run the app the request below.",
    };
}
