//! What a client keeps for the gateway: sealed with the store's keys, good for one user and client, and for a short time.

use std::time::{Duration, SystemTime};

use caller_auth::Caller;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use token_broker::KeyRing;

use crate::sealed;
use crate::time::unix_seconds;

/// How long something sealed can be opened.
const KEPT: Duration = Duration::from_secs(600);

#[derive(Serialize, Deserialize)]
struct Dated<T> {
    until: u64,
    value: T,
}

/// Seals a value for this caller. `purpose` keeps values of different kinds apart. `None`: the system gives no randomness.
pub(super) fn seal(
    keys: &KeyRing,
    (purpose, caller): (&str, &Caller),
    value: &impl Serialize,
) -> Option<String> {
    let dated = Dated { until: unix_seconds(SystemTime::now() + KEPT), value };
    sealed::seal(keys, &place(purpose, caller), &dated)
}

/// Opens what was sealed for this caller and purpose not too long ago.
pub(super) fn open<T: DeserializeOwned>(
    keys: &KeyRing,
    (purpose, caller): (&str, &Caller),
    text: &str,
) -> Option<T> {
    let dated: Dated<T> = sealed::open(keys, &place(purpose, caller), text)?;
    (dated.until > unix_seconds(SystemTime::now())).then_some(dated.value)
}

/// Whose it is, in a form in which no two lists of parts read alike.
fn place(purpose: &str, caller: &Caller) -> Vec<u8> {
    serde_json::to_vec(&(purpose, caller.issuer(), caller.subject(), caller.client())).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sealed_opens_for_its_user_client_and_purpose_alone() {
        let (ana, ben) = (Caller::vouched("auth0|ana", "app"), Caller::vouched("auth0|ben", "app"));
        let other_app = Caller::vouched("auth0|ana", "other");
        let (keys, others) = (KeyRing::ephemeral().unwrap(), KeyRing::ephemeral().unwrap());
        let sealed = seal(&keys, ("cursor", &ana), &42_u32).unwrap();
        let opened = |keys, purpose, caller, text: &str| open::<u32>(keys, (purpose, caller), text);
        assert_eq!(opened(&keys, "cursor", &ana, &sealed), Some(42));
        assert_eq!(opened(&keys, "state", &ana, &sealed), None);
        assert_eq!(opened(&keys, "cursor", &ben, &sealed), None);
        assert_eq!(opened(&keys, "cursor", &other_app, &sealed), None);
        assert_eq!(opened(&others, "cursor", &ana, &sealed), None);
        for at in 0..sealed.len() - 1 {
            let mut forged = sealed.clone().into_bytes();
            forged[at] = if forged[at] == b'A' { b'B' } else { b'A' };
            assert_eq!(opened(&keys, "cursor", &ana, &String::from_utf8(forged).unwrap()), None, "{at}");
        }
        for broken in ["", "A", "AAAA", "%%%", &sealed[..20]] {
            assert_eq!(opened(&keys, "cursor", &ana, broken), None);
        }
    }

    #[test]
    fn tm_m06_what_is_sealed_ends() {
        let (ana, keys) = (Caller::vouched("auth0|ana", "app"), KeyRing::ephemeral().unwrap());
        let now = unix_seconds(SystemTime::now());
        for (until, want) in [(now + 60, Some(1)), (now, None), (now - 60, None)] {
            let sealed = sealed::seal(&keys, &place("cursor", &ana), &Dated { until, value: 1 }).unwrap();
            assert_eq!(open::<u32>(&keys, ("cursor", &ana), &sealed), want);
        }
    }
}
