//! What the samples of a contest come to.

use serde_json::Value;

use crate::report::BASE;
use crate::stage::median;

pub(super) struct Figures<'a>(pub(super) &'a Value);

impl Figures<'_> {
    fn samples<'a>(&'a self, scenario: &'a str, name: &'a str) -> impl Iterator<Item = &'a Value> {
        let all = self.0["samples"].as_array().into_iter().flatten();
        all.filter(move |sample| sample["scenario"] == scenario && sample["contestant"] == name)
    }

    fn all(&self, scenario: &str, name: &str, key: &str) -> Vec<f64> {
        self.samples(scenario, name).filter_map(|sample| sample[key].as_f64()).collect()
    }

    pub(super) fn median(&self, scenario: &str, name: &str, key: &str) -> Option<f64> {
        let mut all = self.all(scenario, name, key);
        (!all.is_empty()).then(|| median(&mut all))
    }

    /// The lowest of the rounds: what a tail is when nothing else on the machine makes it longer.
    pub(super) fn best(&self, scenario: &str, name: &str, key: &str) -> Option<f64> {
        self.all(scenario, name, key).into_iter().min_by(f64::total_cmp)
    }

    /// The median of what one is over another one in the same round.
    pub(super) fn over(&self, scenario: &str, name: &str, base: &str, key: &str) -> Option<f64> {
        let (found, base) = (self.all(scenario, name, key), self.all(scenario, base, key));
        let mut all: Vec<f64> = found
            .iter()
            .zip(&base)
            .filter(|(_, base)| **base > 0.0)
            .map(|(found, base)| found / base)
            .collect();
        (!all.is_empty()).then(|| median(&mut all))
    }

    pub(super) fn ratio(&self, scenario: &str, name: &str, key: &str) -> Option<f64> {
        self.over(scenario, name, BASE, key)
    }

    /// Resident bytes for each user that was new.
    pub(super) fn bytes_a_user(&self, name: &str) -> Option<f64> {
        let scenario = "first sight";
        let before = self.samples(scenario, name).next()?["resident_before"].as_f64()?;
        let last = self.samples(scenario, name).last()?["resident_after"].as_f64()?;
        let users: f64 = self.all(scenario, name, "requests").iter().sum();
        Some((last - before) / users)
    }

    /// Resident MiB with all users.
    pub(super) fn resident(&self, name: &str) -> Option<f64> {
        Some(self.samples("first sight", name).last()?["resident_after"].as_f64()? / 1_048_576.0)
    }

    /// Cores that other programs used while this was measured. The kernel's counters are coarse, and their difference may be
    /// below zero.
    pub(super) fn others(&self) -> f64 {
        let all = self.0["samples"].as_array().into_iter().flatten();
        let mut all: Vec<f64> = all.filter_map(|sample| sample["others"].as_f64()).collect();
        median(&mut all).max(0.0)
    }
}
