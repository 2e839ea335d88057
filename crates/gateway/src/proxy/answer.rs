//! From a provider's classified answer to the one the caller gets.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_DISPOSITION, CONTENT_LENGTH, CONTENT_LOCATION, CONTENT_TYPE, RETRY_AFTER};
use http::response::Parts as Head;
use http::{HeaderMap, HeaderValue, Response, StatusCode};
use idp_adapters::{Classified, LinkMember, LinkPurpose, Outcome};
use leak_guard::LeakGuard;
use url::Url;

use super::bodies::Timed;
use super::hygiene::{self, EndToEnd};
use super::instructions::ErrorMode;
use super::json::{JsonRules, Rewriter, RewrittenBody};
use super::links::{self, LinkBase, Links};
use super::outbound::Outbound;
use super::redirect::{self, Redirect};
use super::send::{AnswerBody, Received};
use crate::body::{self, Body};
use crate::call_error::CallError;
use crate::error_table::{self, classified_code};
use crate::headers::{DEPRECATION, IDP_OUTCOME, SUNSET};
use crate::problem::Problem;
use crate::provider::ProviderRuntime;
use crate::route::{ProxyRoute, host_of};
use crate::state::{CallToken, Calls, RequestContext, RequestRecord};
use crate::telemetry::ScrubPlace;
use crate::time::seconds_rounded_up;
use crate::upstream::Place;

/// Everything an answer is made with.
pub(super) struct Delivery<'a> {
    pub(super) calls: &'a Calls,
    pub(super) context: &'a RequestContext<'a>,
    pub(super) provider: &'a ProviderRuntime,
    pub(super) route: ProxyRoute<'a>,
    pub(super) headers: &'a EndToEnd<'a>,
    pub(super) outbound: &'a Outbound<'a>,
    /// The token that was sent last.
    pub(super) token: &'a CallToken,
    pub(super) mode: ErrorMode,
}

/// What becomes of a provider's answer.
pub(super) enum Answered {
    /// The caller gets it.
    Now(Response<Body>),
    /// The caller gets what is at this address ([`Delivery::download`]). The place among the calls in flight is still held.
    Elsewhere(Url, Option<Place>),
}

impl Delivery<'_> {
    /// The answer, or the problem that stands in its place.
    pub(super) fn answer(
        &self,
        received: Received,
        place: Option<Place>,
        record: &mut RequestRecord,
    ) -> Result<Answered, Problem> {
        let Received { head, body, classified } = received;
        if classified.outcome == Outcome::RateLimited {
            self.calls.metrics.upstream_rate_limited(&self.provider.label);
        }
        if head.headers.contains_key(DEPRECATION) || head.headers.contains_key(SUNSET) {
            self.calls.metrics.upstream_deprecated(&self.provider.label);
            self.calls.deprecations.warn(self.provider, self.outbound.plan());
        }
        if self.mode == ErrorMode::Problem && head.status.as_u16() >= 400 {
            let connect = &self.provider.connect;
            let user = record.caller.as_ref().map_or("", |caller| caller.subject());
            let may_ask = self.calls.may_ask(user, self.token, &classified);
            let answer = (head.status, &classified);
            return Err(error_table::provider_answer(connect, self.token, answer, may_ask));
        }
        let needs_links = links::in_headers(&head.headers)
            || self.drops_members(&head.headers)
            || (head.status.is_success() && self.wants_links(&head.headers));
        let links = needs_links.then(|| self.links());
        let method = self.outbound.method();
        let redirect = links.as_ref().map_or(Redirect::None, |links| {
            redirect::examine(self.provider, links, method, head.status, &head.headers)
        });
        match redirect {
            Redirect::Blocked(error) => Err(error.into()),
            Redirect::Fetch(url) => Ok(Answered::Elsewhere(url, place)),
            Redirect::None => self.deliver(head, body, &classified, links, place, record).map(Answered::Now),
        }
    }

    /// The answer from the address that the provider's answer leads to.
    pub(super) async fn download(
        &self,
        url: Url,
        place: Option<Place>,
        record: &mut RequestRecord,
    ) -> Result<Response<Body>, Problem> {
        let (metrics, headers, method) = (&self.calls.metrics, self.headers, self.outbound.method());
        let fetching = redirect::fetch(metrics, self.provider, method, headers, url, &mut record.secrets);
        let (head, incoming) = fetching.await?.into_parts();
        let classified = self.classify_download(&head)?;
        let body = AnswerBody::Straight(Timed::new(incoming, self.provider.client.idle()));
        self.deliver(head, body, &classified, None, place, record)
    }

    /// What became of a download. Its host was given no credential: a 401 or 403 says that the signed address is not good,
    /// which concerns neither the app's login nor the user's rights.
    fn classify_download(&self, head: &Head) -> Result<Classified, Problem> {
        let status = head.status;
        let classified = match status.as_u16() {
            ..400 => Classified::new(Outcome::Ok),
            429 => {
                self.calls.metrics.upstream_rate_limited(&self.provider.label);
                Classified::limited(redirect::retry_after(&head.headers))
            }
            401 | 403 => return Err(CallError::DownloadRefused(status).into()),
            400..500 => Classified::new(Outcome::Rejected),
            _ => Classified::new(Outcome::Error),
        };
        if self.mode == ErrorMode::Problem && status.as_u16() >= 400 {
            return Err(error_table::download_answer(status, &classified));
        }
        Ok(classified)
    }

    #[expect(clippy::too_many_arguments, reason = "the parts of one answer, used once each")]
    fn deliver(
        &self,
        mut head: Head,
        body: AnswerBody,
        classified: &Classified,
        links: Option<Links>,
        place: Option<Place>,
        record: &mut RequestRecord,
    ) -> Result<Response<Body>, Problem> {
        if head.status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(CallError::SwitchedProtocols.into());
        }
        let bodiless = *self.outbound.method() == http::Method::HEAD
            || matches!(head.status, StatusCode::NO_CONTENT | StatusCode::NOT_MODIFIED);
        let encoded = leak_guard::is_encoded(&head.headers);
        let adapter = self.provider.plan.adapter();
        let stripper = adapter.strips_token_members().then(|| LeakGuard::new(&[], true));
        let stripper = stripper.filter(|stripper| !bodiless && stripper.strips(&head.headers));
        let strip = stripper.is_some();
        // A followed download is a file, whatever it holds.
        let drops = !bodiless && links.is_some() && self.drops_members(&head.headers);
        let removes = strip || drops;
        // A part of a document does not tell where its members begin.
        let partial = head.status == StatusCode::PARTIAL_CONTENT;
        // A link that stays leads the app, and its caller token, to the provider.
        let rewrites = links.is_some() && head.status.is_success() && self.wants_links(&head.headers);
        let unread = encoded && (adapter.echo_prone() || removes || rewrites);
        if !bodiless && (unread || (partial && removes)) {
            return Err(CallError::UninspectableAnswer.into());
        }
        let json = links.as_ref().filter(|_| !encoded && !partial).and_then(|links| {
            let rules = self.json_rules(head.status, &head.headers);
            (!rules.is_empty()).then(|| Rewriter::new(rules, links.clone()))
        });
        if head.status == StatusCode::UNAUTHORIZED {
            // About the request, or it would not have come here: an app takes a 401 for the end of its own login.
            head.status = StatusCode::FORBIDDEN;
        }
        hygiene::clean_answer(&mut head.headers, bodiless);
        if let Some(links) = &links {
            if self.drops_capabilities() {
                links.drop_foreign(&mut head.headers, &CONTENT_LOCATION);
            }
            links.rewrite_headers(&mut head.headers);
        }
        if json.is_some() || strip {
            head.headers.remove(CONTENT_LENGTH);
            leak_guard::remove_digests(&mut head.headers);
        }
        self.set_headers(&mut head.headers, classified);
        let code = classified_code(classified.outcome);
        record.outcome = Some(code);
        let mut body = if bodiless { body::empty() } else { rewritten(body, json, place) };
        if let Some(stripper) = stripper {
            let (metrics, label) = (self.calls.metrics.clone(), self.provider.label.clone());
            let report = move |hits: u64| metrics.leak_scrub(&label, ScrubPlace::Body, hits);
            body = body::boxed(stripper.body(body, true, report));
        }
        let mut response = Response::from_parts(head, body);
        // HTTP/2 and HTTP/1.1 are ours to choose on this side.
        *response.version_mut() = http::Version::default();
        *response.extensions_mut() = http::Extensions::new();
        Ok(response)
    }

    /// Outcome, wait and browser protection.
    fn set_headers(&self, headers: &mut HeaderMap, classified: &Classified) {
        let code = classified_code(classified.outcome);
        headers.insert(IDP_OUTCOME, HeaderValue::from_static(code.as_str()));
        if let Some(wait) = classified.retry_after {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds_rounded_up(wait)));
        }
        hygiene::protect_answer(headers, self.context.cross_origin);
    }

    /// How links of the provider's answer are rewritten.
    fn links(&self) -> Links {
        let (context, provider, route) = (self.context, self.provider, self.route);
        let address = &self.calls.address;
        let public = address.url.as_ref().map(|url| url.as_str().trim_end_matches('/').to_owned());
        let scheme = match &address.url {
            Some(url) if url.scheme() == "http" => "http",
            Some(_) => "https",
            None => context.peer.scheme(),
        };
        let base = match (route.virtual_host, &public, context.authority) {
            (Some(name), _, authority) => LinkBase::Virtual {
                scheme,
                port: authority.and_then(port_of).unwrap_or_default().to_owned(),
                host: (name.to_owned(), route.host.unwrap_or_default().to_owned()),
            },
            (None, Some(public), _) => LinkBase::Origin(public.clone()),
            (None, None, Some(authority)) if address.hosts_are_validated => {
                LinkBase::Origin(format!("{scheme}://{authority}"))
            }
            _ => LinkBase::Path,
        };
        Links::new(
            Arc::clone(&provider.plan),
            Arc::clone(&provider.name),
            base,
            public,
            Arc::clone(&provider.virtual_hosts),
            self.outbound.plan(),
        )
    }

    /// Whether a body of this type may hold links to rewrite.
    fn wants_links(&self, headers: &HeaderMap) -> bool {
        let adapter = self.provider.plan.adapter();
        adapter.links().iter().any(|link| self.is_rewritten(link))
            && headers.get(CONTENT_TYPE).is_some_and(is_json)
            && !(adapter.attaches_files() && headers.get(CONTENT_DISPOSITION).is_some_and(is_attachment))
    }

    /// Whether short-lived links are taken out of this provider's answers.
    fn drops_capabilities(&self) -> bool {
        self.provider.drop_capabilities && !self.provider.plan.adapter().capability_members().is_empty()
    }

    /// Whether a body of this type, or of none, may hold members to remove.
    fn drops_members(&self, headers: &HeaderMap) -> bool {
        self.drops_capabilities()
            && headers.get(CONTENT_TYPE).is_none_or(|kind| is_json(kind) || is_lines(kind))
    }

    /// Ways to other pages always are; addresses of resources where the operator asks for it.
    fn is_rewritten(&self, link: &LinkMember) -> bool {
        link.purpose == LinkPurpose::Paging || self.provider.rewrite_urls
    }

    /// Links are rewritten in answers that succeed, members are taken out of all.
    fn json_rules(&self, status: StatusCode, headers: &HeaderMap) -> JsonRules {
        let adapter = self.provider.plan.adapter();
        let rewrites = status.is_success() && self.wants_links(headers);
        let links = adapter.links().iter().filter(|link| rewrites && self.is_rewritten(link));
        let dropped =
            if self.drops_members(headers) { adapter.capability_members().to_vec() } else { Vec::new() };
        JsonRules { links: links.cloned().collect(), dropped, untyped: !headers.contains_key(CONTENT_TYPE) }
    }
}

/// The body with its links rewritten, holding the call's place until it ends.
fn rewritten(body: AnswerBody, json: Option<Rewriter>, place: Option<Place>) -> Body {
    let inner = match body {
        AnswerBody::Straight(mut timed) => {
            timed.hold(place);
            body::boxed(timed)
        }
        AnswerBody::Read(read) => body::boxed(Held { inner: read, _place: place }),
    };
    match json {
        Some(json) => RewrittenBody::body(inner, json),
        None => inner,
    }
}

/// `:8443`, where the authority names a port.
fn port_of(authority: &str) -> Option<&str> {
    authority.get(host_of(authority).len()..)
}

fn is_json(value: &HeaderValue) -> bool {
    let media = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let ends_with = |suffix: &[u8]| {
        media.len() >= suffix.len() && media[media.len() - suffix.len()..].eq_ignore_ascii_case(suffix)
    };
    // GitHub's `application/vnd.github.raw+json` is a file as it is stored.
    let raw = media.windows(4).any(|part| part.eq_ignore_ascii_case(b".raw"));
    media.eq_ignore_ascii_case(b"application/json")
        || (ends_with(b"+json") && !raw)
        || ends_with(b"/json")
        || ends_with(b"/javascript")
}

/// A file to be saved (RFC 6266).
fn is_attachment(value: &HeaderValue) -> bool {
    let kind = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    kind.eq_ignore_ascii_case(b"attachment")
}

/// JSON texts one after another (RFC 7464 and its relatives).
fn is_lines(value: &HeaderValue) -> bool {
    let media = value.as_bytes().split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let known = ["application/json-seq", "application/x-ndjson", "application/ndjson", "application/jsonl"];
    known.iter().any(|kind| media.eq_ignore_ascii_case(kind.as_bytes()))
}

pin_project_lite::pin_project! {
    /// A body that holds its place among the calls in flight.
    struct Held<B> {
        #[pin]
        inner: B,
        _place: Option<Place>,
    }
}

impl<B: http_body::Body<Data = Bytes>> http_body::Body for Held<B> {
    type Data = Bytes;
    type Error = B::Error;

    fn poll_frame(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Result<http_body::Frame<Bytes>, B::Error>>> {
        self.project().inner.poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> http_body::SizeHint {
        self.inner.size_hint()
    }
}
