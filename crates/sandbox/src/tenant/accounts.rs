//! Which account at a provider a sign-in with a connection yields.

use crate::inner::Inner;
use crate::kinds::ProviderKind;
use crate::text;
use crate::world::people::{Condition, Identity};
use crate::world::state::Held;

/// The account that a user has at a connection's provider: the one that `hint` names (id, login or e-mail
/// address), else the first linked one, else a new account that follows from the user and the hint. None
/// where the sandbox has no provider for the connection.
pub(super) fn account(
    inner: &Inner,
    user_id: &str,
    connection: &str,
    hint: Option<&str>,
) -> Option<Identity> {
    let state = inner.state();
    let record = state.users.get(user_id)?;
    let all = || record.identities.iter().chain(&record.connected);
    let own: Vec<&Held> = all().filter(|held| held.identity.connection == connection).collect();
    let named = |held: &&&Held| {
        let identity = &held.identity;
        hint.is_none_or(|hint| {
            hint == identity.user_id
                || hint == identity.login
                || hint.eq_ignore_ascii_case(&record.user.email)
        })
    };
    if let Some(held) = own.iter().find(named) {
        return Some(Identity { condition: Condition::Live, ..held.identity.clone() });
    }
    let others = state.users.values().flat_map(|record| record.identities.iter());
    let sample = others.map(|held| &held.identity).find(|identity| identity.connection == connection);
    let first = record.user.name.split(' ').next().unwrap_or("user").to_lowercase();
    let login = hint.map_or(first, |hint| hint.split('@').next().unwrap_or(hint).to_owned());
    let digest = text::sha256(format!("{user_id} {connection} {login}").as_bytes());
    let number = digest.iter().take(6).fold(0_u64, |number, byte| number << 8 | u64::from(*byte));
    new_account(connection, sample, &number.to_string(), &login)
}

fn new_account(connection: &str, sample: Option<&Identity>, id: &str, login: &str) -> Option<Identity> {
    let kind = sample.and_then(|identity| identity.kind).or_else(|| {
        ProviderKind::ALL
            .into_iter()
            .find(|kind| kind.strategy() == connection && *kind != ProviderKind::OAuth2)
    })?;
    let usual = match kind {
        ProviderKind::Google => Identity::google(id, login),
        ProviderKind::GitHub => Identity::github(id, login),
        ProviderKind::Bitbucket => Identity::bitbucket(&format!("{{{id}}}"), login),
        ProviderKind::Facebook => Identity::facebook(id, login),
        ProviderKind::Microsoft => Identity::microsoft(id, login),
        ProviderKind::OAuth2 => Identity::oauth2(connection, id, login),
    };
    let strategy = sample.map_or_else(|| usual.strategy.clone(), |sample| sample.strategy.clone());
    Some(usual.strategy(&strategy).connection(connection))
}
