//! Addresses by number: GitHub's own pages and redirects lead to `/repositories/{id}`, `/user/{id}` and
//! `/organizations/{id}`.

use crate::providers::session::Session;

/// The id of the first repository; the others follow.
pub(super) const FIRST: usize = 1_296_269;
/// The one organization, and its id.
pub(super) const ORGANIZATION: (&str, &str) = ("acme-corp", "21955855");

/// The same path by names, where it is one by numbers. `name` knows the repositories by their
/// position.
pub(super) fn by_name(
    session: &Session,
    segments: &[&str],
    name: impl Fn(usize) -> Option<&'static str>,
) -> Option<Vec<String>> {
    let named = |head: &[&str], rest: &[&str]| {
        Some(head.iter().chain(rest).map(|segment| (*segment).to_owned()).collect())
    };
    match segments {
        ["repositories", id, rest @ ..] => {
            let name = name(id.parse::<usize>().ok()?.checked_sub(FIRST)?)?;
            named(&["repos", session.account.login.as_str(), name], rest)
        }
        ["user", id, rest @ ..] if *id == session.account.id => {
            named(&["users", session.account.login.as_str()], rest)
        }
        ["organizations", id, rest @ ..] if *id == ORGANIZATION.1 => named(&["orgs", ORGANIZATION.0], rest),
        _ => None,
    }
}
