//! One load per key, whoever hangs up.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use token_keeper::{Boarding, Flights};
use tokio::sync::{Notify, oneshot};

type Loads = Flights<&'static str, u32>;

#[tokio::test]
async fn a_thousand_callers_share_one_load_that_outlives_the_first() {
    let flights = Loads::new();
    let (started, kept) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let go = Arc::new(Notify::new());
    let board = || {
        let (started, kept, go) = (started.clone(), kept.clone(), go.clone());
        let load = move || async move {
            started.fetch_add(1, Ordering::Relaxed);
            go.notified().await;
            7
        };
        flights.board(
            &"key",
            || None,
            load,
            move |_| {
                kept.fetch_add(1, Ordering::Relaxed);
            },
        )
    };
    assert!(matches!(board(), Boarding::Started(_)), "and its caller hangs up at once");
    let waiting: Vec<_> = (0..999)
        .map(|_| match board() {
            Boarding::Joined(landing) => tokio::spawn(landing.landed()),
            other => panic!("{other:?}"),
        })
        .collect();
    tokio::task::yield_now().await;
    go.notify_one();
    for landed in waiting {
        assert_eq!(landed.await.unwrap(), Some(7));
    }
    assert_eq!((started.load(Ordering::Relaxed), kept.load(Ordering::Relaxed)), (1, 1));
    assert!(flights.under_way(&"key").is_none());
}

#[tokio::test]
async fn what_is_there_needs_no_load() {
    let flights = Loads::new();
    let boarding = flights.board(&"key", || Some(3), || async { unreachable!() }, |_| unreachable!());
    assert!(matches!(boarding, Boarding::There(3)));
}

#[tokio::test]
async fn an_abandoned_load_answers_its_callers_and_keeps_nothing() {
    let flights = Loads::new();
    let kept = Arc::new(AtomicUsize::new(0));
    let board = |end: oneshot::Receiver<u32>| {
        let kept = kept.clone();
        let keep = move |value: &u32| kept.store(*value as usize, Ordering::Relaxed);
        match flights.board(&"key", || None, || async { end.await.unwrap() }, keep) {
            Boarding::Started(landing) => landing,
            other => panic!("{other:?}"),
        }
    };
    let (end_old, old) = oneshot::channel();
    let old = board(old);
    flights.abandon(&"key");
    let (end_new, new) = oneshot::channel();
    let new = board(new);
    end_new.send(2).unwrap();
    assert_eq!(new.landed().await, Some(2));
    end_old.send(1).unwrap();
    assert_eq!(old.landed().await, Some(1));
    assert_eq!(kept.load(Ordering::Relaxed), 2, "the abandoned load came later and counts for nothing");
}

#[tokio::test]
async fn a_load_that_dies_frees_its_key() {
    let flights = Loads::new();
    let boarding = flights.board(&"key", || None, || async { panic!("the load dies") }, |_| ());
    let Boarding::Started(landing) = boarding else { panic!("{boarding:?}") };
    assert_eq!(landing.landed().await, None);
    assert!(flights.under_way(&"key").is_none());
    let again = flights.board(&"key", || None, || async { 5 }, |_| ());
    let Boarding::Started(landing) = again else { panic!("{again:?}") };
    assert_eq!(landing.landed().await, Some(5));
}
