//! Lasting behaviours of the real services that are off until a test turns them on.

use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};

use crate::kinds::ProviderKind;

/// One lasting behaviour. What happens once, or a number of times, is a [`Fault`](crate::Fault).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Quirk {
    /// Addresses in this provider's answers begin with `http://`, as behind a proxy that ends TLS.
    PlainHttpLinks(ProviderKind),
    /// `Location` and the other headers that name an address hold a path only: RFC 9110, section 10.2.2,
    /// lets them be relative.
    RelativeLocations(ProviderKind),
    /// A refresh at this provider succeeds and returns the access token that the API refuses.
    RefreshRepeatsToken(ProviderKind),
    /// Every answer of this provider's API is compressed by gzip, also when the request asked for
    /// `identity`.
    AlwaysGzip(ProviderKind),
    /// Every answer of this provider's API carries `Deprecation` (RFC 9745) and `Sunset` (RFC 8594).
    Deprecated(ProviderKind),
    /// The Entra application has one tenant: `/common`, `/organizations` and `/consumers` answer
    /// AADSTS50194, any other tenant works.
    SingleTenant,
    /// The download hosts refuse every link, with an error document that repeats the signed address.
    LinksOver,
    /// A sign-in with a second connection joins the new account to the user of the browser's session,
    /// as an account-linking Action of the tenant does. Without it, it makes another user.
    LinkAccounts,
    /// `resource` (RFC 8707) counts where an authorization request names no `audience`: the tenant's setting
    /// Resource Parameter Compatibility Profile.
    ResourceParameter,
    /// Custom API Clients may exchange a caller's token for one of the My Account API that lists and removes connected
    /// accounts: On-Behalf-Of Token Exchange, switched on for the client, and a user-delegated client grant.
    OnBehalfOf,
    /// Applications may register themselves (`POST /oidc/register`): the tenant's setting OIDC Dynamic
    /// Application Registration. They may sign people in, and nothing else.
    OpenRegistration,
}

/// A cheap handle on the behaviours of a sandbox.
#[derive(Clone, Debug, Default)]
pub struct Quirks(Arc<Mutex<HashSet<Quirk>>>);

impl Quirks {
    /// Turns a behaviour on.
    pub fn turn_on(&self, quirk: Quirk) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(quirk);
    }

    /// Turns a behaviour off.
    pub fn turn_off(&self, quirk: Quirk) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&quirk);
    }

    /// Whether a behaviour is on.
    #[must_use]
    pub fn is_on(&self, quirk: Quirk) -> bool {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).contains(&quirk)
    }
}
