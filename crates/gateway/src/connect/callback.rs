//! `GET /connect/callback`: the browser comes back from Auth0.

use std::time::SystemTime;

use http::request::Parts;

use super::HostedConnect;
use super::refusal::{Refusal, Refused};
use super::seal::Purpose;
use super::start::member;
use super::tenant::{SignedIn, plain_word};
use super::ticket::{Flow, Leg};
use super::visit::{Visit, is_visited};
use crate::time::unix_seconds;

/// What an authorization server says when `prompt=none` was not enough (OpenID Connect Core 1.0, section 3.1.2.6).
const ASK_ALOUD: [&str; 4] =
    ["login_required", "consent_required", "interaction_required", "account_selection_required"];
/// Longest code of either kind.
const LONGEST_CODE: usize = 512;

impl HostedConnect {
    pub(super) async fn callback(&self, request_id: &str, parts: &Parts) -> Result<Visit, Refused> {
        is_visited(&parts.headers)?;
        let query = parts.uri.query().unwrap_or_default().as_bytes();
        let flow = self.returned(query, parts).await?;
        let session = self.cookies.session(&parts.headers, &flow.id);
        let visit = match member(query, "error") {
            Some(error) => self.failed_at_tenant(request_id, &flow, &error),
            None => self.go_on(request_id, &flow, query, session).await,
        };
        Ok(if session.is_some() { visit.cookie(self.cookies.drop_session(&flow.id)) } else { visit })
    }

    /// The flow that comes back: made here, by this browser, not too long ago, for the first time.
    async fn returned(&self, query: &[u8], parts: &Parts) -> Result<Flow, Refused> {
        let state = member(query, "state").ok_or(Refusal::Forged)?;
        let flow: Flow = self.sealer.open(Purpose::State, &state).ok_or(Refusal::Forged)?;
        let ticket = &flow.ticket;
        let now = SystemTime::now();
        let browser = self.cookies.browser(&parts.headers);
        if browser.is_none_or(|browser| browser.digest() != flow.browser) {
            return Err(Refusal::OtherBrowser.of(ticket));
        }
        if flow.expires <= unix_seconds(now) {
            return Err(Refusal::Expired.of(ticket));
        }
        // RFC 9207: where the answer says who gave it, it must be the one who was asked.
        if member(query, "iss").is_some_and(|iss| iss != self.sign_in.issuer) {
            return Err(Refusal::OtherIssuer.of(ticket));
        }
        self.admits(ticket)?;
        self.use_up(["connect state", &flow.id], ticket, Self::remember_for(flow.expires, now)).await?;
        Ok(flow)
    }

    /// Auth0 says no.
    fn failed_at_tenant(&self, request_id: &str, flow: &Flow, error: &str) -> Visit {
        if let Some(aloud) = flow.leg.aloud().filter(|_| ASK_ALOUD.contains(&error)) {
            return self.send(request_id, &flow.ticket, flow.browser.clone(), aloud);
        }
        if error == "access_denied" {
            return self.denied(request_id, &flow.ticket);
        }
        let cause = format!("the tenant answered {}", plain_word(error));
        self.failed(request_id, &flow.ticket, &cause)
    }

    async fn go_on(&self, request_id: &str, flow: &Flow, query: &[u8], session: Option<&str>) -> Visit {
        let short = |name| member(query, name).filter(|code| (1..=LONGEST_CODE).contains(&code.len()));
        if flow.leg == Leg::Vault {
            return match short("connect_code") {
                Some(code) => self.complete_later(request_id, flow, code, session),
                None => self.failed(request_id, &flow.ticket, "no connect_code came"),
            };
        }
        let Some(code) = short("code") else {
            return self.failed(request_id, &flow.ticket, "no code came");
        };
        let signed_in = match self.sign_in.redeem(&code, flow, SystemTime::now()).await {
            Ok(signed_in) => signed_in,
            Err(cause) => return self.failed(request_id, &flow.ticket, cause),
        };
        self.signed_in(request_id, flow, signed_in).await
    }

    /// The user who signed in must be the one whom the link was made for: sent to another user, a link does nothing.
    async fn signed_in(&self, request_id: &str, flow: &Flow, signed_in: SignedIn) -> Visit {
        let ticket = &flow.ticket;
        let is_user = signed_in.user == ticket.user;
        match &flow.leg {
            Leg::Account if is_user => self.connected(request_id, ticket),
            Leg::Account => Refusal::OtherAccount.of(ticket).visit(request_id),
            _ if !is_user => Refusal::OtherUser.of(ticket).visit(request_id),
            Leg::SignIn { .. } if ticket.vault => {
                self.connect(request_id, flow, &signed_in.access_token).await
            }
            Leg::SignIn { .. } => self.send(request_id, ticket, flow.browser.clone(), Leg::Account),
            Leg::Complete { session, code, verifier, .. } => {
                let completion = (session.as_str(), code.as_str(), verifier.as_str());
                self.complete(request_id, ticket, completion, &signed_in.access_token).await
            }
            Leg::Vault => self.failed(request_id, ticket, "a code came where none was asked for"),
        }
    }
}
