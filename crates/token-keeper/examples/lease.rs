//! Keeps a short lease alive, as seen by somebody who uses it now and then.

use std::time::Duration;

use token_keeper::{Keeper, Load, LoadError, Loaded, Window};
use tokio::time::sleep;

/// Hands out numbered leases that last a second; every third time it is out of order.
#[derive(Default)]
struct Office(std::sync::atomic::AtomicU32);

#[derive(Clone, Debug)]
struct Closed;

impl LoadError for Closed {
    fn retry_after(&self) -> Option<Duration> {
        Some(Duration::from_millis(100))
    }

    fn aborted() -> Self {
        Closed
    }
}

impl Load for Office {
    type Value = u32;
    type Error = Closed;

    async fn load(&self) -> Result<Loaded<u32>, Closed> {
        let number = self.0.fetch_add(1, std::sync::atomic::Ordering::Relaxed) + 1;
        if number.is_multiple_of(3) {
            return Err(Closed);
        }
        Ok(Loaded::new(number, Window::new(Duration::from_millis(700), Duration::from_secs(1))))
    }
}

#[tokio::main(flavor = "current_thread")]
#[expect(clippy::print_stdout, reason = "what the example is for")]
async fn main() {
    let keeper = Keeper::builder(Office::default())
        .name("lease")
        .backoff(Duration::from_millis(100), Duration::from_secs(1))
        .build();
    // Without this line the lease would be renewed all the same, behind the first use after 700 ms.
    let keeping = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.keep().await }
    });
    for _ in 0..10 {
        match keeper.get().await {
            Ok(lease) => println!("lease {lease}, {:?} left", keeper.status().expires_in),
            Err(error) => println!("none now: {error:?}"),
        }
        sleep(Duration::from_millis(300)).await;
    }
    keeping.abort();
}
