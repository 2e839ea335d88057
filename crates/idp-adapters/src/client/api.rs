//! What all typed clients do: one call to one provider with one token.

use std::{
    collections::BTreeMap,
    fmt,
    sync::Arc,
    time::{Duration, SystemTime},
};

use http::{
    HeaderMap, HeaderValue, Method, StatusCode,
    header::{ACCEPT, IF_NONE_MATCH, IF_RANGE, LOCATION, RANGE},
};
use secrecy::{ExposeSecret, SecretString};
use token_keeper::BearerToken;
use tracing::{Instrument, field};
use url::Url;

use super::{
    Error, TokenSource,
    details::Details,
    http::{Answer, HttpClient, Opened},
    request::Request,
    sending::{Payload, Sending},
};
use crate::{
    Adapter, Classified, Head, Kind, Outbound, Outcome,
    exchange::{is_confidential, segment},
    hints, outcome,
};

/// So many redirects on the provider's own origin are followed (a renamed repository is one).
const MAX_HOPS: usize = 3;

/// A provider, a token, and how to get there.
pub(crate) struct Api {
    pub(crate) adapter: Arc<dyn Adapter>,
    /// In place of all of the provider's hosts.
    pub(crate) base: Option<Url>,
    /// In place of single hosts; goes before `base`.
    pub(crate) upstreams: BTreeMap<String, Url>,
    pub(crate) token: TokenSource,
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
            None => self.base(&request.host)?,
        };
        let base = self.adapter.base_path(url.path().trim_end_matches('/'), &request.host, &request.path);
        let path = format!("{base}{}", request.path);
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
        if next.origin() != base.origin() || !is_confidential(&next) || denied {
            return Err(foreign());
        }
        next.set_fragment(None);
        Ok(next)
    }

    /// The provider's host that calls without another one go to.
    pub(crate) fn default_host(&self) -> &str {
        self.adapter.default_origin().unwrap_or_default().trim_start_matches("https://")
    }

    /// Sends a call and reads its answer; errors of the provider become errors here.
    pub(crate) async fn send(&self, request: &Request) -> Result<Answer, Error> {
        let payload = request.body.clone().map_or(Payload::Empty, Payload::Bytes);
        let opened = self.open(request, payload, None).await?;
        opened.whole().await.map_err(|transport| Error::transport(self.kind(), transport))
    }

    /// Sends a call; errors of the provider become errors here, the body of a success is yet to be read.
    pub(crate) async fn open(
        &self,
        request: &Request,
        payload: Payload,
        timeout: Option<Duration>,
    ) -> Result<Opened, Error> {
        let span = tracing::debug_span!(
            "provider_call",
            provider = self.kind().as_str(),
            method = request.method.as_str(),
            status = field::Empty,
            outcome = field::Empty,
        );
        let sent = self.open_in(request, payload, timeout).instrument(span.clone()).await;
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

    /// The call, and once more with another token where the provider did not accept the first.
    async fn open_in(
        &self,
        request: &Request,
        payload: Payload,
        timeout: Option<Duration>,
    ) -> Result<Opened, Error> {
        let url = self.url(request)?;
        self.check_scope(request)?;
        let unavailable = |error| Error::token(self.kind(), error);
        let token = self.token.token().await.map_err(unavailable)?;
        let again = payload.again();
        let refused = match self.follow(request, url.clone(), payload, timeout, &token).await {
            Err(error) if error.is_token_dead() => error,
            other => return other,
        };
        // The source is told of a refused stream, too: the next call needs another token.
        match (self.token.replacement(&token).await, again) {
            (Some(Ok(replacement)), Some(payload)) => {
                self.follow(request, url, payload, timeout, &replacement).await
            }
            (Some(Err(reason)), _) => Err(refused.without_replacement(reason)),
            _ => Err(refused),
        }
    }

    /// Sends a call to `url` with this token, and to where a redirect leads.
    async fn follow(
        &self,
        request: &Request,
        url: Url,
        mut payload: Payload,
        timeout: Option<Duration>,
        token: &BearerToken,
    ) -> Result<Opened, Error> {
        let mut to = To::Provider(url);
        for _ in 0..=MAX_HOPS {
            let sending = match &to {
                To::Provider(url) => self.outbound(request, url.clone(), token),
                To::Download(url) => download(request, url.clone()),
            };
            let sending = Sending { body: std::mem::take(&mut payload), timeout, ..sending };
            let opened = self.http.open(sending).await;
            let opened = opened.map_err(|transport| Error::transport(self.kind(), transport))?;
            let conditional = request.headers.contains_key(IF_NONE_MATCH);
            match (opened.status, &to) {
                (status, _) if status.is_success() => return Ok(opened),
                (StatusCode::NOT_MODIFIED, _) if conditional => return Ok(opened),
                (status, To::Provider(url)) if status.is_redirection() => {
                    to = self.hop(request, url, &opened.headers)?;
                }
                (_, to) => {
                    let answer = opened.whole().await;
                    let answer = answer.map_err(|transport| Error::transport(self.kind(), transport))?;
                    let classified = match to {
                        To::Provider(_) => self.classify(request, &answer),
                        To::Download(_) => download_refused(&answer),
                    };
                    let details = Details::of(&answer.headers, &answer.body, token);
                    return Err(Error::refused(self.kind(), answer.status, classified, details));
                }
            }
        }
        Err(Error::link(self.kind(), "the provider redirects in circles"))
    }

    fn outbound<'a>(&self, request: &'a Request, mut url: Url, token: &BearerToken) -> Sending<'a> {
        let mut outbound = Outbound::new(request.headers.clone());
        for (name, value) in &self.headers {
            outbound.headers.entry(name).or_insert(value.clone());
        }
        self.adapter.required_headers(&request.host, &mut outbound.headers);
        outbound.headers.entry(ACCEPT).or_insert(HeaderValue::from_static("application/json"));
        self.adapter.place_token(token, self.app_secret.as_ref(), &mut outbound);
        if !outbound.query.is_empty() {
            let pairs = outbound.query.iter().map(|(name, value)| (*name, value.expose_secret()));
            url.query_pairs_mut().extend_pairs(pairs);
        }
        Sending {
            method: &request.method,
            url,
            headers: outbound.headers,
            body: Payload::Empty,
            timeout: None,
        }
    }

    /// Where a redirect of a GET leads: on the provider's own origin with the token, to one of its download hosts without.
    fn hop(&self, request: &Request, from: &Url, headers: &HeaderMap) -> Result<To, Error> {
        let refused = || Error::link(self.kind(), "the provider redirects elsewhere; it was not followed");
        let location = headers.get(LOCATION).and_then(|to| std::str::from_utf8(to.as_bytes()).ok());
        let to = location.filter(|_| request.method == Method::GET).and_then(|to| from.join(to).ok());
        let to = to.ok_or_else(refused)?;
        if self.adapter.is_download(&to, self.base.as_ref()) {
            return Ok(To::Download(to));
        }
        self.own_url(&request.host, to.as_str()).map(To::Provider).map_err(|_| refused())
    }

    fn check_scope(&self, request: &Request) -> Result<(), Error> {
        let Some(granted) = &self.granted else { return Ok(()) };
        match self.adapter.missing_scope(&request.method, &request.host, &request.path, granted) {
            Some(classified) => Err(Error::foreseen(self.kind(), classified)),
            None => Ok(()),
        }
    }

    fn classify(&self, request: &Request, answer: &Answer) -> Classified {
        let head = Head::new(&request.method, answer.status, &answer.headers);
        let mut head = head.target(&request.host, &request.path);
        if let Some(granted) = &self.granted {
            head = head.granted(granted);
        }
        self.adapter.classify_body(&head, &answer.body, SystemTime::now())
    }
}

/// Where a request goes.
enum To {
    Provider(Url),
    /// Without any credential.
    Download(Url),
}

/// What a download host's refusal means. It saw no token, so it says nothing about one.
fn download_refused(answer: &Answer) -> Classified {
    let hint = hints::retry_after(&answer.headers, SystemTime::now());
    let classified = outcome::by_status(answer.status, hint, Duration::from_secs(60));
    match classified.outcome {
        Outcome::TokenDead | Outcome::Denied => Classified::new(Outcome::Rejected),
        _ => classified,
    }
}

/// A download from a host that must not see the token: only what says which part is wanted goes along.
fn download(request: &Request, url: Url) -> Sending<'_> {
    let mut headers = HeaderMap::new();
    for name in [ACCEPT, RANGE, IF_RANGE] {
        if let Some(value) = request.headers.get(&name) {
            headers.insert(name, value.clone());
        }
    }
    Sending { method: &request.method, url, headers, body: Payload::Empty, timeout: None }
}

impl fmt::Debug for Api {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Api")
            .field("provider", &self.kind())
            .field("base", &self.base.as_ref().map(Url::as_str))
            .finish_non_exhaustive()
    }
}
