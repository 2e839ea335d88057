//! What the caches of the vault take.

use super::*;
use crate::bounds::Bounds;

/// A tenant that is not asked.
#[derive(Debug)]
struct Unasked;

impl Exchange for Unasked {
    fn exchange<'a>(
        &'a self,
        _: &'a ClientCredentials,
        _: &'a [(&'a str, &'a str)],
    ) -> BoxFuture<'a, Result<Exchanged, Refused>> {
        Box::pin(async { Err(Refused::default()) })
    }
}

#[tokio::test(start_paused = true)]
async fn tm_a11_results_and_named_accounts_of_ever_new_users_stay_within_the_bytes() {
    const HOUR: Duration = Duration::from_secs(3600);
    let bounds = Bounds::new(1 << 20, 100_000).vault;
    let ages = Ages { kept: HOUR, absent: HOUR };
    let vault = Vault::new(Arc::new(Unasked), None, bounds, ages, None, Clock::default());
    for number in 0..3_000 {
        let key = VaultKey {
            user: format!("auth0|{number}"),
            organization: None,
            audience: "https://api.acme.test".into(),
            connection: "google-oauth2".into(),
            account: Some(number.to_string()),
            scopes: Vec::new(),
        };
        let bearer = BearerToken::new("t".repeat(1000)).unwrap();
        let held = Held { bearer, scopes: None, expires_at: None, until: Instant::now() + HOUR };
        assert!(vault.admits(&key));
        vault.note_absent(key.clone());
        vault.held.insert(key, held);
    }
    vault.held.run_pending_tasks();
    vault.absent.run_pending_tasks();
    vault.hints.run_pending_tasks();
    let held: usize = vault.held.iter().map(|(key, held)| size_of_key(&key) + size_of_held(&held)).sum();
    let absent: usize = vault.absent.iter().map(|(key, _)| size_of_key(&key)).sum();
    let hints: usize = vault.hints.iter().map(|(user, _)| user.len() + HINTS_OF_ONE_USER).sum();
    for (taken, bound) in [(held, bounds.held), (absent, bounds.absent), (hints, bounds.hints)] {
        assert!(taken > 0 && taken as u64 <= bound.bytes, "{taken} of {} bytes", bound.bytes);
    }
}
