//! What is claimed.

use std::collections::BTreeSet;

use super::StoreUnderTest;
use super::setup::{
    Checked, Program, Sender, accepted, again, at, date, ids, keyless, raw, record, seconds,
};

pub(super) async fn no_more_than_the_limit(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    for _ in 0..10 {
        program.add(keyless("{}")).await?;
    }
    let mut sender = program.sender().await?;
    for (limit, claimed) in [(0, 0), (1, 1), (3, 3), (0, 0), (5, 5), (5, 1), (5, 0)] {
        let advanced = sender.step(Vec::new(), limit).await?;
        assert!(advanced.claimed.len() <= limit);
        let rest = sender.claim(claimed - advanced.claimed.len()).await?;
        assert_eq!(advanced.claimed.len() + rest.len(), claimed);
    }
    Ok(())
}

pub(super) async fn nothing_is_claimed_twice(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let mut seen = BTreeSet::new();
    for _ in 0..5 {
        for _ in 0..4 {
            program.add(keyless("{}")).await?;
        }
        for id in sender.claim(3).await? {
            assert!(seen.insert(id), "{id} is claimed already");
        }
    }
    for id in sender.claim(100).await? {
        assert!(seen.insert(id), "{id} is claimed already");
    }
    assert_eq!(seen.len(), 20);
    Ok(())
}

pub(super) async fn the_oldest_come_first(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut expected = Vec::new();
    // A clock that is set back changes nothing about the order.
    for age in [9, 3, 7, 1, 5] {
        expected.push(program.add(at(age, keyless("{}"))).await?);
    }
    let mut sender = program.sender().await?;
    let mut claimed = sender.claim(2).await?;
    claimed.extend(sender.claim(3).await?);
    assert_eq!(claimed, expected);
    Ok(())
}

pub(super) async fn a_step_settles_and_claims(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let first = program.add(raw("a", "{}")).await?;
    let second = program.add(raw("a", "{}")).await?;
    let mut sender = program.sender().await?;
    assert_eq!(sender.claim(1).await?, [first]);
    let advanced = sender.step(vec![(first, accepted())], 1).await?;
    assert_eq!(ids(&advanced.claimed), [second]);
    Ok(())
}

pub(super) async fn a_claim_says_all(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let change = at(7, raw("a", r#"{"sku":"a"}"#));
    let id = program.add(change.clone()).await?;
    let mut sender = program.sender().await?;
    let keyed = change
        .request
        .with_idempotency_key(change.idempotency_key.clone());
    for attempt in 1..=3 {
        let claimed = sender.only().await?;
        assert_eq!(claimed.id, id);
        assert_eq!(claimed.request, keyed);
        assert_eq!(claimed.record, Some(record("a")));
        assert_eq!(claimed.attempt, attempt);
        assert_eq!(claimed.enqueued, date(7));
        assert_eq!(claimed.first_attempt, date(Sender::NOW));
        assert_eq!(program.entry(id).await?.attempts, attempt);
        sender.elapsed += seconds(1);
        sender.settle(id, again(0)).await?;
    }
    Ok(())
}
