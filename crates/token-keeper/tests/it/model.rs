//! Random histories of loads, failures, rejections and time: no value past its end, never two loads at once.

use crate::source::{Source, Turn};
use proptest::prelude::*;
use std::sync::atomic::Ordering;
use std::time::Duration;
use token_keeper::Keeper;
use tokio::time::{Instant, advance};

#[derive(Clone, Debug)]
enum Step {
    Get,
    GetAndGoAway,
    Renew,
    Reject,
    Wait(u64),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Get),
        2 => Just(Step::GetAndGoAway),
        1 => Just(Step::Renew),
        1 => Just(Step::Reject),
        4 => (0_u64..40).prop_map(Step::Wait),
    ];
    prop::collection::vec(step, 1..60)
}

fn turns() -> impl Strategy<Value = Vec<Turn>> {
    let turn = prop_oneof![
        3 => (0_u64..8, 1_u64..60).prop_map(|(takes, lives)| Turn::Good {
            takes: Duration::from_secs(takes),
            lives: Duration::from_secs(lives),
        }),
        2 => (0_u64..8, prop::option::of(0_u64..30)).prop_map(|(takes, hint)| Turn::Bad {
            takes: Duration::from_secs(takes),
            hint: hint.map(Duration::from_secs),
        }),
        1 => Just(Turn::Panic),
    ];
    prop::collection::vec(turn, 0..20)
}

async fn play(turns: Vec<Turn>, steps: Vec<Step>) -> Result<(), TestCaseError> {
    let source = Source::new(turns);
    let keeper =
        Keeper::builder(source.clone()).backoff(Duration::from_secs(1), Duration::from_secs(8)).build();
    let mut seen = None;
    for step in steps {
        match step {
            Step::Get => {
                let (had, loads) = (keeper.current(), source.count());
                match keeper.get().await {
                    Ok(value) => {
                        prop_assert!(Instant::now() < value.ends_at, "a value past its end");
                        if let Some(had) = had {
                            prop_assert_eq!(
                                had.number,
                                value.number,
                                "a caller with a value does not wait for another"
                            );
                        }
                        seen = Some(value);
                    }
                    Err(_) => prop_assert!(had.is_none(), "an outage hid a value that was still good"),
                }
                prop_assert!(source.count() <= loads + 1, "one call, more than one load");
            }
            Step::GetAndGoAway => {
                let caller = tokio::spawn({
                    let keeper = keeper.clone();
                    async move { keeper.get().await }
                });
                tokio::task::yield_now().await;
                caller.abort();
            }
            Step::Renew => {
                if let Ok(value) = keeper.renew().await {
                    prop_assert!(Instant::now() < value.ends_at, "a value past its end");
                }
            }
            Step::Reject => {
                if let Some(value) = &seen {
                    keeper.reject(value);
                    let still = keeper.current().is_some_and(|current| current.number == value.number);
                    prop_assert!(!still, "a rejected value is still there");
                }
            }
            Step::Wait(seconds) => advance(Duration::from_secs(seconds)).await,
        }
        if let Some(value) = keeper.current() {
            prop_assert!(Instant::now() < value.ends_at, "a value past its end");
        }
        prop_assert!(source.most_at_once.load(Ordering::SeqCst) <= 1, "two loads at once");
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn no_value_past_its_end_and_never_two_loads(turns in turns(), steps in steps()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(turns, steps))?;
    }
}
