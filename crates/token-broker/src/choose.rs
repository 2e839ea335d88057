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
    Account::new(identity.connection(), Some(identity.user_id().to_owned()))
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
    let mut found: Vec<&Identity> = user
        .identities()
        .iter()
        .filter(|identity| provider.owns(identity))
        .filter(|identity| selector.is_none_or(|s| s.matches(identity.connection(), identity.user_id())))
        .collect();
    if found.iter().any(|identity| usable(identity)) {
        found.retain(|identity| usable(identity));
    }
    match found[..] {
        [] => Choice::None,
        [one] => Choice::One(one),
        _ => Choice::Ambiguous(found.into_iter().map(account).collect()),
    }
}

fn usable(identity: &Identity) -> bool {
    identity.bearer().is_some() || identity.refresh_token().is_some()
}

#[cfg(test)]
mod tests;
