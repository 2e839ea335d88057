use crate::source::{Source, Turn};
use std::error::Error as _;
use std::sync::atomic::Ordering;
use std::time::Duration;
use token_keeper::{Age, FailedLoad, Keeper, LoadError as _, Loaded, Window};
use tokio::time::advance;

const fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn good(takes: u64, lives: u64) -> Turn {
    Turn::Good { takes: seconds(takes), lives: seconds(lives) }
}

fn bad(hint: Option<u64>) -> Turn {
    Turn::Bad { takes: seconds(0), hint: hint.map(seconds) }
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn many_callers_share_one_load() {
    let source = Source::new([good(1, 100)]);
    let keeper = Keeper::builder(source.clone()).build();
    let callers: Vec<_> = (0..200)
        .map(|_| {
            tokio::spawn({
                let keeper = keeper.clone();
                async move { keeper.get().await }
            })
        })
        .collect();
    for caller in callers {
        assert_eq!(caller.await.unwrap().unwrap().number, 1);
    }
    assert_eq!(source.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_load_survives_the_caller_that_started_it() {
    let source = Source::new([good(5, 100)]);
    let keeper = Keeper::builder(source.clone()).build();
    let first = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.get().await }
    });
    settle().await;
    let second = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.get().await }
    });
    settle().await;
    first.abort();
    assert_eq!(second.await.unwrap().unwrap().number, 1);
    assert_eq!(source.count(), 1);
}

#[tokio::test(start_paused = true)]
async fn a_stale_value_is_returned_and_renewed_in_the_background() {
    let source = Source::new([good(0, 100), good(3, 100)]);
    let keeper = Keeper::builder(source.clone()).build();
    keeper.get().await.unwrap();
    advance(seconds(80)).await;
    assert_eq!(keeper.status().age, Some(Age::Stale));
    assert_eq!(keeper.get().await.unwrap().number, 1, "returned at once");
    settle().await;
    advance(seconds(4)).await;
    settle().await;
    assert_eq!(keeper.current().unwrap().number, 2);
    assert_eq!(source.count(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outage_is_bridged_until_the_real_end_and_not_beyond() {
    let source =
        Source::new([good(0, 100), bad(None), bad(None), bad(None), bad(None), bad(None), bad(None)]);
    let keeper = Keeper::builder(source.clone()).backoff(seconds(1), seconds(4)).build();
    keeper.get().await.unwrap();
    advance(seconds(90)).await;
    assert_eq!(keeper.get().await.unwrap().number, 1);
    settle().await;
    advance(seconds(9)).await;
    assert_eq!(keeper.get().await.unwrap().number, 1);
    settle().await;
    advance(seconds(1)).await;
    assert!(keeper.current().is_none());
    assert!(keeper.get().await.is_err());
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_repeated_without_a_load_until_the_hint_is_over() {
    let source = Source::new([bad(Some(30))]);
    let keeper = Keeper::builder(source.clone()).build();
    assert!(keeper.get().await.is_err());
    for _ in 0..50 {
        assert!(keeper.get().await.is_err());
    }
    assert_eq!(source.count(), 1);
    advance(seconds(29)).await;
    assert!(keeper.get().await.is_err());
    assert_eq!(source.count(), 1);
    advance(seconds(2)).await;
    assert_eq!(keeper.get().await.unwrap().number, 2);
}

#[tokio::test(start_paused = true)]
async fn reject_clears_the_value_that_was_seen_and_no_newer_one() {
    let keeper = Keeper::builder(Source::new([])).build();
    let first = keeper.get().await.unwrap();
    assert!(keeper.reject(&first));
    assert!(!keeper.reject(&first));
    let second = keeper.get().await.unwrap();
    assert!(!keeper.reject(&first));
    assert_eq!(keeper.current().unwrap().number, second.number);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_panics_lets_its_waiters_go() {
    let source = Source::new([Turn::Panic]);
    let keeper = Keeper::builder(source.clone()).backoff(seconds(1), seconds(1)).build();
    assert!(keeper.get().await.unwrap_err().aborted);
    assert!(!keeper.status().loading);
    advance(seconds(2)).await;
    assert_eq!(keeper.get().await.unwrap().number, 2);
}

#[tokio::test(start_paused = true)]
async fn a_load_that_hangs_is_given_up() {
    let source = Source::new([good(3600, 100)]);
    let keeper = Keeper::builder(source.clone()).load_timeout(seconds(10)).build();
    assert!(keeper.get().await.unwrap_err().aborted);
}

#[tokio::test(start_paused = true)]
async fn keep_renews_ahead_of_the_end_without_requests() {
    let source = Source::new((0..100).map(|_| good(1, 100)));
    let keeper = Keeper::builder(source.clone()).build();
    let keeping = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.keep().await }
    });
    settle().await;
    for _ in 0..1000 {
        advance(seconds(1)).await;
        settle().await;
        if source.count() > 1 {
            assert!(keeper.current().is_some(), "never without a value once there was one");
        }
    }
    keeping.abort();
    assert!((12..=14).contains(&source.count()), "one load each 80 s: {}", source.count());
    assert_eq!(source.most_at_once.load(Ordering::SeqCst), 1);
}

#[tokio::test(start_paused = true)]
async fn a_keeper_prints_no_value() {
    let keeper = Keeper::builder(Source::new([])).name("thing").build();
    keeper.get().await.unwrap();
    let text = format!("{keeper:?}");
    assert!(text.contains("thing") && !text.contains("number"), "{text}");
}

#[tokio::test(start_paused = true)]
async fn a_value_over_on_arrival_is_a_failed_load() {
    let source = Source::new([good(10, 5)]);
    let keeper = Keeper::builder(source.clone()).backoff(seconds(1), seconds(1)).build();
    assert!(keeper.get().await.unwrap_err().aborted);
    assert!(keeper.current().is_none() && keeper.status().failures == 1);
    assert_eq!(source.count(), 1, "not asked for again without a pause");
}

#[tokio::test(start_paused = true)]
async fn a_caller_during_the_back_off_gets_the_time_left() {
    let keeper = Keeper::builder(Source::new([bad(Some(30))])).build();
    assert_eq!(keeper.get().await.unwrap_err().hint, Some(seconds(30)));
    advance(seconds(12)).await;
    assert_eq!(keeper.get().await.unwrap_err().hint, Some(seconds(18)));
}

#[tokio::test(start_paused = true)]
async fn tm_a01_an_absurd_retry_after_is_capped() {
    let keeper = Keeper::builder(Source::new([bad(Some(u64::MAX))])).longest_retry_after(seconds(60)).build();
    assert!(keeper.get().await.is_err());
    advance(seconds(61)).await;
    assert!(keeper.get().await.is_ok());
}

#[tokio::test(start_paused = true)]
async fn keep_replaces_a_rejected_value_at_once() {
    let source = Source::new([]);
    let keeper = Keeper::builder(source.clone()).build();
    let keeping = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.keep().await }
    });
    settle().await;
    assert!(keeper.reject(&keeper.current().unwrap()));
    settle().await;
    assert_eq!(keeper.current().unwrap().number, 2);
    keeping.abort();
}

#[tokio::test(start_paused = true)]
async fn join_waits_for_a_load_and_starts_none() {
    let source = Source::new([good(3, 100)]);
    let keeper = Keeper::builder(source.clone()).build();
    assert!(keeper.join().await.is_none());
    let first = tokio::spawn({
        let keeper = keeper.clone();
        async move { keeper.get().await }
    });
    settle().await;
    assert_eq!(keeper.join().await.unwrap().unwrap().number, 1);
    assert!(first.await.unwrap().is_ok());
    assert_eq!(source.count(), 1);
}

#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap()
}

#[test]
fn a_runtime_that_ends_during_a_load_costs_the_next_caller_nothing() {
    let source = Source::new([good(3600, 100)]);
    let keeper = Keeper::builder(source.clone()).build();
    let first = runtime();
    first.block_on(async {
        drop(tokio::spawn({
            let keeper = keeper.clone();
            async move { keeper.get().await }
        }));
        settle().await;
    });
    assert!(keeper.status().loading);
    drop(first);
    runtime().block_on(async {
        let status = keeper.status();
        assert_eq!((status.loading, status.failures, status.backing_off_for), (false, 0, None));
        assert_eq!(keeper.get().await.unwrap().number, 2);
    });
}

#[test]
fn a_caller_that_waits_for_another_runtimes_load_starts_its_own_when_that_runtime_ends() {
    let source = Source::new([good(3600, 100)]);
    let keeper = Keeper::builder(source.clone()).build();
    let (first, second) = (runtime(), runtime());
    first.block_on(async {
        drop(tokio::spawn({
            let keeper = keeper.clone();
            async move { keeper.get().await }
        }));
        settle().await;
    });
    second.block_on(async {
        let waiting = tokio::spawn({
            let keeper = keeper.clone();
            async move { keeper.get().await }
        });
        settle().await;
        first.shutdown_background();
        assert_eq!(waiting.await.unwrap().unwrap().number, 2);
    });
}

#[tokio::test(start_paused = true)]
async fn a_function_is_a_source_and_its_error_keeps_its_cause() {
    let loads = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let keeper = Keeper::from_fn(move || {
        let number = loads.fetch_add(1, Ordering::SeqCst);
        async move {
            match number {
                0 => Err(FailedLoad::new("out of order")),
                _ => Ok(Loaded::new(number, Window::new(seconds(8), seconds(10)))),
            }
        }
    });
    let error = keeper.get().await.unwrap_err();
    assert!(!error.is_aborted() && error.source().unwrap().to_string() == "out of order");
    let again = keeper.get().await.unwrap_err();
    assert!(again.retry_after().is_some(), "the back-off is told");
    advance(seconds(1)).await;
    assert_eq!(*keeper.get().await.unwrap(), 1);
}
