//! The providers' APIs: one port each, told apart by path and, for Google, by `Host`.

mod bitbucket;
pub(crate) mod common;
pub(crate) mod downloads;
mod facebook;
mod github;
mod github_repos;
mod google;
mod microsoft;
mod oauth2;
mod tokens;
pub(crate) mod troubles;

use std::sync::Arc;

use ::http::Response;

use crate::ProviderKind;
use crate::http::Body;
use crate::inner::Inner;
use crate::journal::Entry;
use crate::world::grants::{Grant, Presented};
use crate::world::state::Account;

/// A request that carries a good token.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: Account,
    pub(crate) grant: Grant,
    pub(crate) token: String,
}

impl Session {
    pub(crate) fn has(&self, scope: &str) -> bool {
        self.grant.scopes.iter().any(|held| held == scope)
    }

    pub(crate) fn has_any(&self, scopes: &[&str]) -> bool {
        scopes.iter().any(|scope| self.has(scope))
    }
}

/// Why a request carries no good token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum NoSession {
    Missing,
    Expired,
    Revoked,
    Unknown,
}

/// Looks the one bearer token of a request up. `schemes` are the accepted ones in lower case.
pub(crate) fn session(
    inner: &Inner,
    kind: ProviderKind,
    entry: &Entry,
    schemes: &[&str],
) -> Result<Session, NoSession> {
    if !entry.headers().contains_key("authorization") {
        return Err(NoSession::Missing);
    }
    let token = entry.credential(schemes).ok_or(NoSession::Unknown)?;
    session_of(inner, kind, token)
}

/// Looks a token up, wherever it came from.
pub(crate) fn session_of(inner: &Inner, kind: ProviderKind, token: &str) -> Result<Session, NoSession> {
    let state = inner.state();
    let grant = match state.grants.present(kind, token) {
        Presented::Good(grant) => grant,
        Presented::Expired => return Err(NoSession::Expired),
        Presented::Revoked => return Err(NoSession::Revoked),
        Presented::Unknown => return Err(NoSession::Unknown),
    };
    let account = state.accounts.get(&(kind, grant.account.clone())).cloned().ok_or(NoSession::Unknown)?;
    Ok(Session { account, grant, token: token.to_owned() })
}

/// One page of `all` and whether more follow: `page` counts from 0.
pub(crate) fn page<T: Clone>(all: &[T], page: usize, size: usize) -> (Vec<T>, bool) {
    let start = page.saturating_mul(size);
    let items = all.iter().skip(start).take(size).cloned().collect();
    (items, all.len() > start.saturating_add(size))
}

/// A number out of the query.
pub(crate) fn number(entry: &Entry, name: &str, default: usize, max: usize) -> usize {
    entry.param(name).and_then(|text| text.parse().ok()).unwrap_or(default).min(max)
}

pub(crate) fn answer(inner: &Arc<Inner>, kind: ProviderKind, entry: &Entry) -> Response<Body> {
    let segments = entry.segments();
    let segments: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let Some(answer) = tokens::answer(inner, kind, entry, &segments) {
        return answer.into_response();
    }
    match kind {
        ProviderKind::Google => google::answer(inner, entry),
        ProviderKind::GitHub => github::answer(inner, entry),
        ProviderKind::Facebook => facebook::answer(inner, entry),
        ProviderKind::Bitbucket => bitbucket::answer(inner, entry),
        ProviderKind::Microsoft => microsoft::answer(inner, entry),
        ProviderKind::OAuth2 => oauth2::answer(inner, entry),
    }
}
