//! What all typed clients do: one call to one provider with one token.

use std::{collections::BTreeMap, fmt, sync::Arc, time::SystemTime};

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, IF_NONE_MATCH, LOCATION, USER_AGENT},
};
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;
use tracing::{Instrument, field};
use url::Url;

use super::{
    Error,
    http::{Answer, HttpClient, Sending, is_safe},
    request::Request,
};
use crate::{Adapter, Head, Kind, Outbound, Outcome, exchange::segment};

/// So many redirects on the provider's own origin are followed (a renamed repository is one).
const MAX_HOPS: usize = 3;

/// A provider, a token, and how to get there.
pub(crate) struct Api {
    pub(crate) adapter: Arc<dyn Adapter>,
    /// In place of all of the provider's hosts.
    pub(crate) base: Option<Url>,
    /// In place of single hosts; goes before `base`.
    pub(crate) upstreams: BTreeMap<String, Url>,
    pub(crate) token: BearerToken,
    pub(crate) app_secret: Option<SecretString>,
    pub(crate) granted: Option<Vec<String>>,
    pub(crate) http: HttpClient,
    /// The version in front of every path, where the provider has one.
    pub(crate) version: String,
    /// Headers that all calls carry.
    pub(crate) headers: HeaderMap,
}

impl Api {
    pub(crate) fn kind(&self) -> Kind {
        self.adapter.kind()
    }

    /// Where the calls for a provider's host really go.
    pub(crate) fn base(&self, host: &str) -> Result<Url, Error> {
        if let Some(url) = self.upstreams.get(host).or(self.base.as_ref()) {
            return Ok(url.clone());
        }
        Url::parse(&format!("https://{host}")).map_err(|_| Error::input(self.kind(), "no such host"))
    }

    /// The URL of a call, the proof of the app's secret not yet in it.
    fn url(&self, request: &Request) -> Result<Url, Error> {
        if let Some(invalid) = request.invalid {
            return Err(Error::input(self.kind(), invalid));
        }
        let mut url = match &request.next {
            Some(next) => return Ok(next.clone()),
            None => self.base(request.host)?,
        };
        let path = format!("{}{}", url.path().trim_end_matches('/'), request.path);
        url.set_path(&path);
        if !request.query.is_empty() {
            // Spaces as %20, which every server reads; not every one reads a plus.
            let pair = |(name, value): &(String, String)| format!("{}={}", segment(name), segment(value));
            url.set_query(Some(&request.query.iter().map(pair).collect::<Vec<_>>().join("&")));
        }
        Ok(url)
    }

    /// A URL out of an answer or cursor, as one to call with the token: on the origin and below the path that the
    /// calls of `host` go to, nowhere else.
    pub(crate) fn own_url(&self, host: &str, url: &str) -> Result<Url, Error> {
        let base = self.base(host)?;
        let foreign =
            || Error::link(self.kind(), "the next page is not at the provider; it was not followed");
        let mut next = base.join(url).map_err(|_| foreign())?;
        let below = base.path().trim_end_matches('/');
        let path = next.path().strip_prefix(below).filter(|path| path.starts_with('/'));
        let denied = path.is_none_or(|path| self.adapter.denies(&Method::GET, host, path).is_some());
        if next.origin() != base.origin() || !is_safe(&next) || denied {
            return Err(foreign());
        }
        next.set_fragment(None);
        Ok(next)
    }

    /// Sends a call; errors of the provider become errors here.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let span = tracing::debug_span!(
            "provider_call",
            provider = self.kind().as_str(),
            method = request.method.as_str(),
            status = field::Empty,
            outcome = field::Empty,
        );
        let sent = self.send_in(request).instrument(span.clone()).await;
        let (status, outcome) = match &sent {
            Ok(answer) => (Some(answer.status), Outcome::Ok),
            Err(error) => (error.status(), error.outcome()),
        };
        if let Some(status) = status {
            span.record("status", status.as_u16());
        }
        span.record("outcome", field::debug(outcome));
        sent
    }

    async fn send_in(&self, request: &Request) -> Result<Answer, Error> {
        let mut url = self.url(request)?;
        self.check_scope(request)?;
        for _ in 0..=MAX_HOPS {
            let answer = self.exchange(request, url.clone()).await?;
            let asked = request.headers.contains_key(IF_NONE_MATCH);
            match answer.status {
                status if status.is_success() => return Ok(answer),
                StatusCode::NOT_MODIFIED if asked => return Ok(answer),
                status if status.is_redirection() => url = self.hop(request, &url, &answer)?,
                _ => return Err(self.refused(request, &answer)),
            }
        }
        Err(Error::link(self.kind(), "the provider redirects in circles"))
    }

    async fn exchange(&self, request: &Request, mut url: Url) -> Result<Answer, Error> {
        let mut outbound = Outbound { headers: request.headers.clone(), query: Vec::new() };
        for (name, value) in &self.headers {
            outbound.headers.entry(name).or_insert(value.clone());
        }
        self.adapter.required_headers(request.host, &mut outbound.headers);
        outbound.headers.entry(USER_AGENT).or_insert(HeaderValue::from_static(crate::USER_AGENT));
        outbound.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        self.adapter.place_token(&self.token, self.app_secret.as_ref(), &mut outbound);
        if !outbound.query.is_empty() {
            let pairs = outbound.query.iter().map(|(name, value)| (*name, value.expose_secret()));
            url.query_pairs_mut().extend_pairs(pairs);
        }
        let (headers, body) = (outbound.headers, request.body.clone());
        let sending = Sending { method: &request.method, url, headers, body };
        self.http.exchange(sending).await.map_err(|error| Error::transport(self.kind(), error))
    }

    /// Where a redirect of a GET on the provider's own origin leads.
    fn hop(&self, request: &Request, from: &Url, answer: &Answer) -> Result<Url, Error> {
        let refused = || Error::link(self.kind(), "the provider redirects elsewhere; it was not followed");
        let location = answer.headers.get(LOCATION).and_then(|to| to.to_str().ok());
        let to = location.filter(|_| request.method == Method::GET).and_then(|to| from.join(to).ok());
        self.own_url(request.host, to.ok_or_else(refused)?.as_str()).map_err(|_| refused())
    }

    fn check_scope(&self, request: &Request) -> Result<(), Error> {
        let Some(granted) = &self.granted else { return Ok(()) };
        match self.adapter.missing_scope(&request.method, request.host, &request.path, granted) {
            Some(classified) => Err(Error::foreseen(self.kind(), classified)),
            None => Ok(()),
        }
    }

    fn refused(&self, request: &Request, answer: &Answer) -> Error {
        let head = Head::new(&request.method, answer.status, &answer.headers);
        let mut head = head.target(request.host, &request.path);
        if let Some(granted) = &self.granted {
            head = head.granted(granted);
        }
        let classified = self.adapter.classify_body(&head, &answer.body, SystemTime::now());
        Error::refused(self.kind(), answer.status, classified)
    }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("provider", &self.kind())
            .field("base", &self.base.as_ref().map(Url::as_str))
            .finish_non_exhaustive()
    }
}
