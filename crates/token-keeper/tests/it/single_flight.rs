//! One load per key, whichever caller goes away.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use token_keeper::{Flight, SingleFlight};
use tokio::sync::{Notify, oneshot};

type Loads = SingleFlight<&'static str, u32>;

#[tokio::test]
async fn a_thousand_callers_share_one_load_that_outlives_the_first() {
    let loads = Loads::new();
    let (started, kept) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let go = Arc::new(Notify::new());
    let start = || {
        let (started, kept, go) = (started.clone(), kept.clone(), go.clone());
        let load = move || async move {
            started.fetch_add(1, Ordering::Relaxed);
            go.notified().await;
            7
        };
        loads.join_or_start(
            &"key",
            || None,
            load,
            move |_| {
                kept.fetch_add(1, Ordering::Relaxed);
            },
        )
    };
    assert!(matches!(start(), Flight::Started(_)), "and its caller goes away at once");
    let waiting: Vec<_> = (0..999)
        .map(|_| match start() {
            Flight::Joined(pending) => tokio::spawn(pending.wait()),
            other => panic!("{other:?}"),
        })
        .collect();
    tokio::task::yield_now().await;
    go.notify_one();
    for answer in waiting {
        assert_eq!(answer.await.unwrap(), Some(7));
    }
    assert_eq!((started.load(Ordering::Relaxed), kept.load(Ordering::Relaxed)), (1, 1));
    assert!(loads.pending(&"key").is_none());
}

#[tokio::test]
async fn a_cached_value_needs_no_load() {
    let loads = Loads::new();
    let flight = loads.join_or_start(&"key", || Some(3), || async { unreachable!() }, |_| unreachable!());
    assert!(matches!(flight, Flight::Cached(3)));
}

#[tokio::test]
async fn a_discarded_load_answers_its_callers_and_keeps_nothing() {
    let loads = Loads::new();
    let kept = Arc::new(AtomicUsize::new(0));
    let start = |end: oneshot::Receiver<u32>| {
        let kept = kept.clone();
        let keep = move |value: &u32| kept.store(*value as usize, Ordering::Relaxed);
        match loads.join_or_start(&"key", || None, || async { end.await.unwrap() }, keep) {
            Flight::Started(pending) => pending,
            other => panic!("{other:?}"),
        }
    };
    let (end_old, old) = oneshot::channel();
    let old = start(old);
    loads.discard(&"key");
    let (end_new, new) = oneshot::channel();
    let new = start(new);
    end_new.send(2).unwrap();
    assert_eq!(new.wait().await, Some(2));
    end_old.send(1).unwrap();
    assert_eq!(old.wait().await, Some(1));
    assert_eq!(kept.load(Ordering::Relaxed), 2, "the discarded load came later and counts for nothing");
}

#[tokio::test]
async fn a_load_that_panics_frees_its_key() {
    let loads = Loads::new();
    let flight = loads.join_or_start(&"key", || None, || async { panic!("the load panics") }, |_| ());
    let Flight::Started(pending) = flight else { panic!("{flight:?}") };
    assert_eq!(pending.wait().await, None);
    assert!(loads.pending(&"key").is_none());
    let again = loads.join_or_start(&"key", || None, || async { 5 }, |_| ());
    let Flight::Started(pending) = again else { panic!("{again:?}") };
    assert_eq!(pending.wait().await, Some(5));
}
