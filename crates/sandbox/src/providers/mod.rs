//! The providers' APIs: one port each, told apart by path and, for Google, by `Host`.

mod bitbucket;
mod common;
pub(crate) mod downloads;
mod facebook;
mod github;
mod google;
mod microsoft;
mod oauth2;
mod query;
mod session;
mod tokens;

use std::sync::Arc;

use ::http::Response;

use crate::http::Body;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;

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
