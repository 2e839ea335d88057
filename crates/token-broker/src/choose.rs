//! Which identity a request means. Pure.

use user_store::{Identity, User};

use crate::{Account, AccountSelector, Provider};

/// The result.
#[derive(Debug)]
pub(crate) enum Choice<'a> {
    /// This one.
    One(&'a Identity),
    /// The caller has to say which.
    Ambiguous(Vec<Account>),
    /// None.
    None,
}

pub(crate) fn account(identity: &Identity) -> Account {
    Account::of(identity)
}

/// The identity of `user` at `provider` that `selector` means.
///
/// The order of the list has no meaning. An account without a token is left out where others have one, unless the
/// caller names it.
pub(crate) fn choose<'a>(
    user: &'a User,
    provider: &Provider,
    selector: Option<&AccountSelector>,
) -> Choice<'a> {
    let meant = || {
        user.identities()
            .iter()
            .filter(|identity| provider.owns(identity))
            .filter(|identity| selector.is_none_or(|s| s.matches(identity.connection(), identity.user_id())))
    };
    let only_usable = meant().any(usable);
    let mut found = meant().filter(|identity| !only_usable || usable(identity));
    match (found.next(), found.next()) {
        (None, _) => Choice::None,
        (Some(one), None) => Choice::One(one),
        (Some(one), Some(other)) => {
            Choice::Ambiguous([one, other].into_iter().chain(found).map(account).collect())
        }
    }
}

fn usable(identity: &Identity) -> bool {
    identity.bearer().is_some() || identity.refresh_token().is_some()
}

#[cfg(test)]
mod tests;
