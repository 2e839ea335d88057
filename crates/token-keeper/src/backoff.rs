use std::time::Duration;

/// Exponential back-off with full jitter in its upper half, as plain data.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Backoff {
    pub(crate) min: Duration,
    pub(crate) max: Duration,
}

impl Backoff {
    /// The pause after `failures` failures in a row (at least one). `random` is in `0.0..1.0`.
    /// A hint of the source (`Retry-After`) is a lower bound; jitter never goes below it.
    pub(crate) fn delay(self, failures: u32, hint: Option<Duration>, random: f64) -> Duration {
        let exponent = failures.saturating_sub(1).min(20);
        let ceiling = self.min.saturating_mul(1 << exponent).min(self.max);
        let own = ceiling.mul_f64(0.5 + random.clamp(0.0, 1.0) / 2.0);
        hint.map_or(own, |hint| hint.max(own))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const BACKOFF: Backoff = Backoff { min: Duration::from_secs(1), max: Duration::from_secs(60) };

    #[test]
    fn it_doubles_up_to_its_ceiling() {
        let seconds = |failures| BACKOFF.delay(failures, None, 1.0).as_secs();
        assert_eq!([1, 2, 3, 4, 7, 8, u32::MAX].map(seconds), [1, 2, 4, 8, 60, 60, 60]);
        assert_eq!(BACKOFF.delay(3, None, 0.0), Duration::from_secs(2));
    }

    #[test]
    fn a_hint_is_a_lower_bound() {
        assert_eq!(BACKOFF.delay(1, Some(Duration::from_secs(90)), 0.3), Duration::from_secs(90));
        assert_eq!(BACKOFF.delay(4, Some(Duration::from_secs(1)), 1.0), Duration::from_secs(8));
    }
}
