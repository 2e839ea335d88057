//! Counters that every request adds to, kept beside the SDK and read at each scrape.
//!
//! The SDK hashes all labels of an instrument at each call, which for these took longer than all else about metrics. Their
//! label values are few and closed, so comparing them is cheaper.

use opentelemetry::KeyValue;
use std::sync::{
    PoisonError, RwLock,
    atomic::{AtomicI64, Ordering},
};

/// The series of one instrument with `N` labels.
#[derive(Debug)]
pub(super) struct Series<const N: usize> {
    names: [&'static str; N],
    /// In the order in which they were first counted.
    rows: RwLock<Vec<Row<N>>>,
}

#[derive(Debug)]
struct Row<const N: usize> {
    labels: [Box<str>; N],
    value: AtomicI64,
}

impl<const N: usize> Series<N> {
    /// No series yet. `names` are those of the labels.
    pub(super) fn new(names: [&'static str; N]) -> Self {
        Self { names, rows: RwLock::default() }
    }

    /// Adds to the series with these label values.
    pub(super) fn add(&self, labels: [&str; N], by: i64) {
        let is_same = |row: &Row<N>| row.labels.iter().zip(labels).all(|(known, label)| **known == *label);
        let known = self.rows.read().unwrap_or_else(PoisonError::into_inner);
        if let Some(row) = known.iter().find(|row| is_same(row)) {
            row.value.fetch_add(by, Ordering::Relaxed);
            return;
        }
        drop(known);
        let mut rows = self.rows.write().unwrap_or_else(PoisonError::into_inner);
        match rows.iter().find(|row| is_same(row)) {
            Some(row) => drop(row.value.fetch_add(by, Ordering::Relaxed)),
            None => rows.push(Row { labels: labels.map(Box::from), value: AtomicI64::new(by) }),
        }
    }

    /// Tells `observe` each series with its labels.
    pub(super) fn each(&self, mut observe: impl FnMut(i64, &[KeyValue])) {
        for row in &*self.rows.read().unwrap_or_else(PoisonError::into_inner) {
            let pairs = self.names.iter().zip(&row.labels);
            let labels: Vec<KeyValue> =
                pairs.map(|(name, label)| KeyValue::new(*name, label.to_string())).collect();
            observe(row.value.load(Ordering::Relaxed), &labels);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_combination_of_labels_is_counted_for_itself_from_many_threads() {
        let series = Series::new(["provider", "outcome"]);
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..1000 {
                        series.add(["github", "ok"], 1);
                        series.add(["google", "ok"], 2);
                        series.add(["github", "policy-denied"], 1);
                        series.add(["github", "policy-denied"], -1);
                    }
                });
            }
        });
        let mut found = Vec::new();
        series.each(|value, labels| {
            let texts: Vec<String> =
                labels.iter().map(|label| format!("{}={}", label.key, label.value)).collect();
            found.push((texts.join(" "), value));
        });
        found.sort();
        let expected = [
            ("provider=github outcome=ok", 4000),
            ("provider=github outcome=policy-denied", 0),
            ("provider=google outcome=ok", 8000),
        ];
        assert_eq!(found, expected.map(|(labels, value)| (labels.to_owned(), value)));
    }
}
