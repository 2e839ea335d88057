//! What a refused refresh token means.

/// What the store says after the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum StoredNow {
    /// The refresh token that was sent, or nothing.
    Same,
    /// Another refresh token: another process has refreshed meanwhile.
    Other,
    /// It cannot be read.
    Unreadable,
}

/// What Auth0 says after the refusal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TenantNow {
    /// The copy that the refresh started from.
    Same,
    /// Another copy: the user has signed in again.
    Other,
    /// It cannot be asked.
    Unreadable,
}

/// What the refusal means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Conclusion {
    /// Nothing: there is something newer.
    LookAgain,
    /// Nothing can be concluded without the store.
    StoreUnavailable,
    /// Nothing can be concluded without Auth0.
    TenantUnavailable,
    /// The grant is dead.
    Dead,
    /// The grant is dead because a refresh was cut off and its answer lost.
    Lost,
}

/// Concludes from a refusal that the provider meant for good. `single_use`: refresh tokens are spent by use. `intent`: a
/// refresh before this one was cut off.
pub(crate) fn conclude(stored: StoredNow, tenant: TenantNow, single_use: bool, intent: bool) -> Conclusion {
    match (stored, tenant) {
        (StoredNow::Other, _) => Conclusion::LookAgain,
        // Another process may have used the token.
        (StoredNow::Unreadable, _) if single_use => Conclusion::StoreUnavailable,
        (_, TenantNow::Other) => Conclusion::LookAgain,
        (_, TenantNow::Unreadable) => Conclusion::TenantUnavailable,
        (_, TenantNow::Same) if intent => Conclusion::Lost,
        (_, TenantNow::Same) => Conclusion::Dead,
    }
}
