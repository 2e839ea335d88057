//! The memory of ids that may be used once.

use std::time::Duration;

use crate::{MemoryReplays, OneUse, ReplayError, ReplayStore};

/// Whether it was the first use; `None` where there was no room.
fn told(answer: Result<bool, ReplayError>) -> Option<bool> {
    answer.map_err(|error| assert!(error.is_full())).ok()
}

#[tokio::test(start_paused = true)]
async fn tm_a17_proofs_leave_room_for_logout_tokens() {
    let replays = MemoryReplays::new(16);
    let (minutes, day) = (Duration::from_secs(420), Duration::from_secs(86_400));
    for number in 0..14 {
        assert_eq!(told(replays.first_use(OneUse::new([number; 32], minutes)).await), Some(true));
    }
    assert_eq!(told(replays.first_use(OneUse::new([14; 32], minutes)).await), None);
    assert_eq!(told(replays.first_use(OneUse::new([14; 32], day)).await), Some(true));
    assert_eq!(told(replays.first_use(OneUse::new([14; 32], day)).await), Some(false));
}

#[tokio::test(start_paused = true)]
async fn tm_a17_the_proofs_of_one_caller_leave_room_for_those_of_others() {
    let replays = MemoryReplays::new(80);
    let minutes = Duration::from_secs(420);
    let mut number = 0_u8;
    let mut send = |owner: u8| {
        number += 1;
        replays.first_use(OneUse::new([number; 32], minutes).of([owner; 32]))
    };
    // An eighth is for logout tokens. Of 70 one caller takes half, and each further one a part of what is left.
    for owner in 1..=3 {
        while send(owner).await.is_ok() {}
        assert_eq!(told(send(owner).await), None);
    }
    for owner in 10..=15 {
        assert_eq!(told(send(owner).await), Some(true), "{owner}");
    }
    assert_eq!(
        told(replays.first_use(OneUse::new([1; 32], minutes).of([15; 32])).await),
        Some(false),
        "known is known"
    );
    tokio::time::advance(minutes).await;
    let mut sent = 0;
    while replays.first_use(OneUse::new([sent; 32], minutes).of([1; 32])).await.is_ok() {
        sent += 1;
    }
    assert_eq!(sent, 35, "all of it came back");
}

#[tokio::test(start_paused = true)]
async fn tm_j09_ids_that_are_kept_long_do_not_keep_those_behind_them() {
    let replays = MemoryReplays::new(4);
    let id = |number: u8| [number; 32];
    let minutes = Duration::from_secs(300);
    assert_eq!(told(replays.first_use(OneUse::new(id(0), Duration::from_secs(86_400))).await), Some(true));
    for round in 0..3 {
        for number in 1..4 {
            assert_eq!(
                told(replays.first_use(OneUse::new(id(number), minutes)).await),
                Some(true),
                "{round}"
            );
            assert_eq!(told(replays.first_use(OneUse::new(id(number), minutes)).await), Some(false));
        }
        assert_eq!(told(replays.first_use(OneUse::new(id(9), minutes)).await), None);
        tokio::time::advance(minutes).await;
    }
    assert_eq!(
        told(replays.first_use(OneUse::new(id(0), minutes)).await),
        Some(false),
        "the day is not over"
    );
}

#[tokio::test(start_paused = true)]
async fn the_memory_of_proofs_is_bounded_and_never_forgets_too_early() {
    let memory = MemoryReplays::new(2);
    let keep = std::time::Duration::from_secs(360);
    assert_eq!(told(memory.first_use(OneUse::new([1; 32], keep)).await), Some(true));
    tokio::time::advance(keep / 2).await;
    assert_eq!(told(memory.first_use(OneUse::new([2; 32], keep)).await), Some(true));
    assert_eq!(told(memory.first_use(OneUse::new([1; 32], keep)).await), Some(false));
    assert_eq!(told(memory.first_use(OneUse::new([3; 32], keep)).await), None);
    tokio::time::advance(keep / 2).await;
    assert_eq!(told(memory.first_use(OneUse::new([3; 32], keep)).await), Some(true));
    assert_eq!(told(memory.first_use(OneUse::new([2; 32], keep)).await), Some(false));
}
