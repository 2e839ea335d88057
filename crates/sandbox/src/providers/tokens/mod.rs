//! Where the providers refresh and revoke grants: each with its own parameters, errors and rotation (facts
//! 1.3 and the "refresh" sections).

mod bitbucket;
mod client;
mod entra;
mod facebook;
mod github;
mod google;
mod plain;

use crate::http::Answer;
use crate::inner::Inner;
use crate::journal::entry::Entry;
use crate::kinds::ProviderKind;

/// Answers when the path is a token or revocation endpoint of this provider.
pub(super) fn answer(inner: &Inner, kind: ProviderKind, entry: &Entry, segments: &[&str]) -> Option<Answer> {
    match kind {
        ProviderKind::Google => google::answer(inner, entry, segments),
        ProviderKind::GitHub => github::answer(inner, entry, segments),
        ProviderKind::Facebook => facebook::answer(inner, entry, segments),
        ProviderKind::Bitbucket => bitbucket::answer(inner, entry, segments),
        ProviderKind::Microsoft => entra::answer(inner, entry, segments),
        ProviderKind::OAuth2 => plain::answer(inner, entry, segments),
    }
}
