//! The page behind a link, and its button.

use std::time::SystemTime;

use http::StatusCode;
use http::request::Parts;

use super::HostedConnect;
use super::cookie::Browser;
use super::pages::{self, Page, escape};
use super::refusal::{Refusal, Refused};
use super::seal::{Purpose, random};
use super::ticket::{Flow, LEG, Leg, Ticket};
use super::visit::{Visit, is_own_form, is_visited};
use crate::body::{Body, ReadError};
use crate::outcome::Code;
use crate::problem::Problem;
use crate::time::unix_seconds;

/// Longest form.
const LONGEST: usize = 16 * 1024;

impl HostedConnect {
    /// `GET /connect/{provider}?ticket=…`: says what is asked for, and does nothing.
    pub(super) fn show(&self, request_id: &str, provider: &str, parts: &Parts) -> Result<Visit, Refused> {
        is_visited(&parts.headers)?;
        let sealed =
            parts.uri.query().and_then(|query| member(query.as_bytes(), "ticket")).unwrap_or_default();
        let ticket = self.ticket(&sealed, provider, SystemTime::now())?;
        let browser = self.cookies.browser(&parts.headers).or_else(Browser::random);
        let (Some(browser), Some(action)) = (browser, self.page_address(&ticket.provider)) else {
            return Err(Refusal::Unavailable.of(&ticket));
        };
        let title = self.offer(&ticket).map_or(provider, |offer| offer.title(&ticket.provider));
        let page = Page {
            status: StatusCode::OK,
            outcome: Code::Ok,
            title: &format!("Connect {title}"),
            body: content(&ticket, title, action.as_str(), &sealed, &browser),
            form_action: Some(&self.form_action),
            request_id,
        };
        Ok(Visit::page(page.respond()).about(&ticket).cookie(self.cookies.set_browser(&browser)))
    }

    /// `POST /connect/{provider}`: the button. Uses the ticket up, and sends the browser to Auth0.
    pub(super) async fn press(
        &self,
        request_id: &str,
        provider: &str,
        (parts, body): (&Parts, Body),
    ) -> Result<Visit, Refused> {
        is_visited(&parts.headers)?;
        is_own_form(&parts.headers, &self.origin)?;
        let form = self.forms.read(body, LONGEST).await.map_err(|error| match error {
            ReadError::Crowded => Refusal::Crowded,
            _ => Refusal::ForeignForm,
        })?;
        let sealed = member(&form, "ticket").unwrap_or_default();
        let now = SystemTime::now();
        let ticket = self.ticket(&sealed, provider, now)?;
        let browser = self.cookies.browser(&parts.headers).filter(|browser| {
            let sent = member(&form, "token").unwrap_or_default();
            aws_lc_rs::constant_time::verify_slices_are_equal(
                sent.as_bytes(),
                browser.form_token(&ticket.id).as_bytes(),
            )
            .is_ok()
        });
        let browser = browser.ok_or_else(|| Refusal::ForeignForm.of(&ticket))?;
        let keep = Self::remember_for(ticket.expires, now);
        self.use_up(["connect ticket", &ticket.id], &ticket, keep).await?;
        Ok(self.send(request_id, &ticket, browser.digest(), Leg::SignIn { silent: true }))
    }

    /// Opens a ticket for this provider's page. What is not right with it, and the ticket where it is one of ours.
    pub(super) fn ticket(&self, sealed: &str, provider: &str, now: SystemTime) -> Result<Ticket, Refused> {
        let ticket: Ticket = self.sealer.open(Purpose::Ticket, sealed).ok_or(Refusal::Forged)?;
        // The page says what its address says.
        if ticket.provider != provider {
            return Err(Refusal::Forged.of(&ticket));
        }
        if ticket.expires <= unix_seconds(now) {
            return Err(Refusal::Expired.of(&ticket));
        }
        self.admits(&ticket)?;
        Ok(ticket)
    }

    /// Whether the account can still be connected here, and no operator has blocked it.
    pub(super) fn admits(&self, ticket: &Ticket) -> Result<(), Refused> {
        if self.offer(ticket).is_none() {
            return Err(Refusal::Unknown.of(ticket));
        }
        let (provider, connection) = (Some(ticket.provider.as_str()), Some(ticket.connection.as_str()));
        let checked = self.fleet.check(&ticket.user, provider, connection);
        checked.map_err(|blocked| Refusal::Blocked(Problem::from(blocked).code()).of(ticket))
    }

    /// Sends the browser to Auth0's authorization endpoint.
    pub(super) fn send(&self, request_id: &str, ticket: &Ticket, browser: String, leg: Leg) -> Visit {
        let google = self.offer(ticket).is_some_and(super::Offer::is_google);
        let flow = self.flow(ticket, browser, leg);
        let to = flow.and_then(|(flow, state)| self.sign_in.authorize(&flow, &state, google));
        match to {
            Some(to) => Visit::page(pages::redirect(&to)).about(ticket),
            None => Refusal::Unavailable.of(ticket).visit(request_id),
        }
    }

    /// A flow for one redirect, and its state. `None`: no randomness, or the state is too long.
    pub(super) fn flow(&self, ticket: &Ticket, browser: String, leg: Leg) -> Option<(Flow, String)> {
        let flow = Flow {
            id: random()?,
            ticket: ticket.clone(),
            browser,
            verifier: random()?,
            nonce: random()?,
            expires: unix_seconds(SystemTime::now()) + LEG,
            leg,
        };
        let state = self.sealer.seal(Purpose::State, &flow)?;
        Some((flow, state))
    }
}

/// A member of a form or query that is there exactly once.
pub(super) fn member(form: &[u8], name: &str) -> Option<String> {
    let mut values = url::form_urlencoded::parse(form).filter(|(known, _)| known == name);
    let (_, value) = values.next()?;
    values.next().is_none().then(|| value.into_owned())
}

/// What the page says.
fn content(ticket: &Ticket, title: &str, action: &str, sealed: &str, browser: &Browser) -> String {
    // The app is the client of the caller token. The caller chooses where the browser goes afterwards, so that address is no name.
    let app = match &ticket.client {
        Some(client) => format!("The app with the client id <code>{}</code>", escape(client)),
        None => "An app without a client id".to_owned(),
    };
    let back = ticket.return_to.as_deref().and_then(|url| url::Url::parse(url).ok());
    let back = match back.as_ref().and_then(|url| Some((url.host_str()?, url.port()))) {
        Some((host, None)) => format!("<p>Afterwards you are sent to <code>{}</code>.</p>", escape(host)),
        Some((host, Some(port))) => {
            format!("<p>Afterwards you are sent to <code>{}:{port}</code>.</p>", escape(host))
        }
        None => String::new(),
    };
    let asked = if ticket.scopes.is_empty() {
        format!("<p>{} lists the permissions before you agree.</p>", escape(title))
    } else {
        let list = ticket.scopes.iter().map(|scope| format!("<li><code>{}</code></li>", escape(scope)));
        format!("<h2>It asks for</h2><ul>{}</ul>", list.collect::<String>())
    };
    let account = match &ticket.account {
        Some(account) => format!(" (<code>{}</code>)", escape(account)),
        None => String::new(),
    };
    format!(
        "<p>{app} wants to use your {} account{account}.</p>{asked}{back}\
         <p>Go on only if you have just started this yourself. If you were sent this link, close the page.</p>\
         <form method=\"post\" action=\"{}\"><input type=\"hidden\" name=\"ticket\" value=\"{}\">\
         <input type=\"hidden\" name=\"token\" value=\"{}\"><button type=\"submit\">Continue to {}</button></form>",
        escape(title),
        escape(action),
        escape(sealed),
        escape(&browser.form_token(&ticket.id)),
        escape(title),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_member_that_is_there_twice_is_none() {
        assert_eq!(member(b"a=1&b=%20x", "b").as_deref(), Some(" x"));
        assert_eq!(member(b"a=1&a=1", "a"), None);
        assert_eq!(member(b"", "a"), None);
    }
}
