//! One sender after another.

use super::StoreUnderTest;
use super::setup::{Checked, Program, accepted, again, fails, keyless, raw, seconds, update};
use crate::{State, StoreErrorKind};

pub(super) async fn one_at_a_time(store: &impl StoreUnderTest) -> Checked {
    let (one, other) = (Program::new(store).await?, Program::new(store).await?);
    let id = one.add(raw("a", "{}")).await?;
    let mut sender = one.sender().await?;
    for program in [&one, &other] {
        assert!(fails(program.0.lease(), StoreErrorKind::Leased).await);
    }
    assert_eq!(sender.claim(1).await?, [id], "whoever has it keeps it");
    drop(sender);
    let mut sender = other.sender().await?;
    assert!(fails(one.0.lease(), StoreErrorKind::Leased).await);
    assert_eq!(sender.claim(1).await?, [id]);
    Ok(())
}

pub(super) async fn a_dropped_one_is_free(store: &impl StoreUnderTest) -> Checked {
    let (one, other) = (Program::new(store).await?, Program::new(store).await?);
    for _ in 0..5 {
        drop(one.sender().await?);
        drop(other.sender().await?);
    }
    Ok(())
}

pub(super) async fn attempts_go_on(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let (first, second) = (update("a", "1"), update("b", "1"));
    let keys = [
        first.idempotency_key.clone(),
        second.idempotency_key.clone(),
    ];
    let ids = [program.add(first).await?, program.add(second).await?];
    for attempt in 1..=4 {
        // Each one ends without a word about what it has claimed.
        let program = Program::new(store).await?;
        let mut sender = program.sender().await?;
        let claimed = sender.claim_whole(10).await?;
        assert_eq!(super::setup::ids(&claimed), ids);
        for (claimed, key) in claimed.iter().zip(&keys) {
            assert_eq!(claimed.attempt, attempt);
            assert_eq!(claimed.request.idempotency_key(), Some(key));
            assert_eq!(claimed.request.body(), "1");
            assert_eq!(program.state(claimed.id).await?, State::Pending);
        }
    }
    let entry = program.entry(ids[0]).await?;
    assert_eq!((entry.attempts, entry.failure), (4, None));
    Ok(())
}

pub(super) async fn pauses_end_with_it(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let id = program.add(raw("a", "{}")).await?;
    let mut sender = program.sender().await?;
    sender.elapsed = seconds(1_000);
    assert_eq!(sender.claim(1).await?, [id]);
    sender.settle(id, again(2_000)).await?;
    assert_eq!(sender.claim(1).await?, []);
    drop(sender);
    // Its clock begins anew.
    let mut sender = program.sender().await?;
    assert_eq!(sender.only().await?.attempt, 2);
    Ok(())
}

pub(super) async fn dead_letters_stay(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let letter = program
        .dead_letter(&mut sender, raw("a", "{}"), true)
        .await?;
    let held = program.add(raw("a", "{}")).await?;
    let delivered = program.add(raw("b", "{}")).await?;
    assert_eq!(sender.claim(10).await?, [delivered]);
    sender.settle(delivered, accepted()).await?;
    drop(sender);
    drop(program);

    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    assert_eq!(sender.claim(10).await?, []);
    let state = program.state(letter).await?;
    assert_eq!(state, State::Dead { holds: true });
    assert_eq!(program.state(held).await?, State::Held { by: letter });
    Ok(())
}

pub(super) async fn news_from_another_program(store: &impl StoreUnderTest) -> Checked {
    let (sending, other) = (Program::new(store).await?, Program::new(store).await?);
    let mut sender = sending.sender().await?;
    sender.has_seen_all().await?;
    let id = other.add(keyless("{}")).await?;
    for _ in 0..2 {
        let is_there = sender.lease.has_news().await?;
        assert!(is_there, "it stays news until somebody looks");
    }
    assert_eq!(sender.claim(10).await?, [id]);
    sender.has_seen_all().await?;
    Ok(())
}

/// What is in the outbox is there when nobody is.
pub(super) async fn the_store_outlives_its_handles(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let first = program.add(raw("a", "1")).await?;
    let second = program.add(raw("a", "2")).await?;
    drop(program);

    let program = Program::new(store).await?;
    assert_eq!(program.0.last().await?, Some(second));
    let mut sender = program.sender().await?;
    drop(program);
    assert_eq!(sender.claim(10).await?, [first], "a lease needs no handle");
    sender.settle(first, accepted()).await?;
    drop(sender);

    let program = Program::new(store).await?;
    assert!(program.add(raw("a", "3")).await? > second);
    let mut sender = program.sender().await?;
    assert_eq!(sender.claim(10).await?, [second]);
    Ok(())
}
