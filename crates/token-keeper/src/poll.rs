//! Waiting for something that only another process can bring about, such as a lease that it holds.

use std::time::Duration;
use tokio::time::{Instant, sleep};

/// Repeats `attempt` until it gives a value, or until `patience` is over. There is at least one attempt. The pause
/// between two attempts is random, between `pause` and twice that, so that processes do not ask in step.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() {
/// use std::time::Duration;
///
/// let mut attempts = 0;
/// let lease = token_keeper::poll(Duration::from_secs(1), Duration::from_millis(1), || {
///     attempts += 1;
///     std::future::ready((attempts == 3).then_some("the lease"))
/// });
/// assert_eq!(lease.await, Some("the lease"));
/// # }
/// ```
pub async fn poll<T, F>(patience: Duration, pause: Duration, mut attempt: impl FnMut() -> F) -> Option<T>
where
    F: Future<Output = Option<T>>,
{
    let until = Instant::now() + patience;
    loop {
        if let Some(value) = attempt().await {
            return Some(value);
        }
        if Instant::now() >= until {
            return None;
        }
        sleep(pause.mul_f64(1.0 + fastrand::f64())).await;
    }
}
