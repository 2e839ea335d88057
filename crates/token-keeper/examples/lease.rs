//! Keeps a short lease alive for a program that uses it now and then.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};
use std::time::Duration;

use token_keeper::{FailedLoad, FromFn, Keeper, Loaded, Window};
use tokio::time::sleep;

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() {
    // Numbered leases that last a second; every third request fails.
    let last = Arc::new(AtomicU32::new(0));
    let leases = FromFn::new(move || {
        let number = last.fetch_add(1, Ordering::Relaxed) + 1;
        async move {
            if number.is_multiple_of(3) {
                return Err(FailedLoad::new("no lease just now"));
            }
            Ok(Loaded::new(number, Window::new(Duration::from_millis(700), Duration::from_secs(1))))
        }
    });
    let keeper = Keeper::builder(leases)
        .name("lease")
        .backoff(Duration::from_millis(100), Duration::from_secs(1))
        .build();
    // Without this line the lease is renewed in the background of the first use after 700 ms.
    let keeping = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.keep().await }
    });
    for _ in 0..10 {
        match keeper.get().await {
            Ok(lease) => println!("lease {lease}, {:?} left", keeper.status().expires_in),
            Err(error) => println!("no lease: {error:?}"),
        }
        sleep(Duration::from_millis(300)).await;
    }
    keeping.abort();
}
