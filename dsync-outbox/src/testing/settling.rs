//! How attempts end.

use super::StoreUnderTest;
use super::setup::{
    Checked, Program, Sender, accepted, again, date, dead, fails, failure, keyless, raw, seconds,
    update,
};
use crate::store::Settlement;
use crate::{Filter, State, StoreErrorKind};

pub(super) async fn delivered(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let id = program.add(raw("a", "{}")).await?;
    let mut sender = program.sender().await?;
    sender.claim(1).await?;
    sender.settle(id, again(0)).await?;
    sender.claim(1).await?;
    let process_id = Some("p-1".to_owned());
    let settlement = Settlement::Delivered {
        process_id: process_id.clone(),
    };
    sender.settle(id, settlement).await?;
    let entry = program.entry(id).await?;
    assert_eq!(entry.state, State::Delivered { process_id });
    assert_eq!(entry.ended, Some(date(Sender::NOW)));
    assert_eq!((entry.attempts, entry.failure), (2, None));
    assert_eq!(sender.claim(10).await?, []);
    Ok(())
}

pub(super) async fn again_after_a_pause(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let (first, second) = (
        program.add(keyless("{}")).await?,
        program.add(keyless("{}")).await?,
    );
    let mut sender = program.sender().await?;
    sender.claim(2).await?;
    let settled = vec![(first, again(30)), (second, again(20))];
    let advanced = sender.step(settled, 10).await?;
    assert!(advanced.claimed.is_empty());
    assert_eq!(advanced.next, Some(seconds(20)));
    let entry = program.entry(first).await?;
    assert_eq!((&entry.state, entry.ended), (&State::Pending, None));
    assert_eq!(entry.failure, Some(failure()));

    sender.elapsed = seconds(19);
    assert_eq!(sender.claim(10).await?, []);
    sender.elapsed = seconds(20);
    let advanced = sender.step(Vec::new(), 10).await?;
    assert_eq!(super::setup::ids(&advanced.claimed), [second]);
    assert_eq!(advanced.next, Some(seconds(30)));
    sender.settle(second, accepted()).await?;
    sender.elapsed = seconds(31);
    let advanced = sender.step(Vec::new(), 10).await?;
    assert_eq!(super::setup::ids(&advanced.claimed), [first]);
    assert_eq!(advanced.next, None);
    Ok(())
}

pub(super) async fn a_pause_holds_the_lane_only(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let first = program.add(raw("a", "{}")).await?;
    let second = program.add(raw("a", "{}")).await?;
    let mut sender = program.sender().await?;
    sender.claim(1).await?;
    sender.settle(first, again(10)).await?;
    let other = program.add(raw("b", "{}")).await?;
    assert_eq!(sender.claim(10).await?, [other]);
    assert_eq!(program.state(second).await?, State::Pending);
    sender.elapsed = seconds(10);
    assert_eq!(sender.claim(10).await?, [first]);
    sender.settle(first, accepted()).await?;
    assert_eq!(sender.claim(10).await?, [second]);
    Ok(())
}

pub(super) async fn dead_and_held(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let letter = program
        .dead_letter(&mut sender, raw("a", "{}"), true)
        .await?;
    let entry = program.entry(letter).await?;
    assert_eq!(entry.state, State::Dead { holds: true });
    assert_eq!(entry.failure, Some(failure()));
    assert_eq!(entry.ended, Some(date(Sender::NOW)));

    let held = program.add(raw("a", "{}")).await?;
    let other = program.add(raw("b", "{}")).await?;
    assert_eq!(sender.claim(10).await?, [other]);
    assert_eq!(program.state(held).await?, State::Held { by: letter });
    Ok(())
}

pub(super) async fn dead_and_passed(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let letter = program.add(raw("a", "{}")).await?;
    let next = program.add(raw("a", "{}")).await?;
    sender.claim(1).await?;
    let advanced = sender.step(vec![(letter, dead(false))], 10).await?;
    assert_eq!(super::setup::ids(&advanced.claimed), [next]);
    let state = program.state(letter).await?;
    assert_eq!(state, State::Dead { holds: false });
    assert_eq!(program.state(next).await?, State::Pending);
    Ok(())
}

pub(super) async fn claimed_for_nothing(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let id = program.add(update("a", "1")).await?;
    let mut sender = program.sender().await?;
    sender.claim(1).await?;
    sender.settle(id, Settlement::Unattempted).await?;
    assert_eq!(program.entry(id).await?.attempts, 0);

    // It was claimed all the same, and a program may not know how far it came.
    let later = program.0.add(update("a", "2")).await?;
    assert_eq!(later.superseded, None);
    let claimed = sender.only().await?;
    assert_eq!((claimed.id, claimed.attempt), (id, 1));
    Ok(())
}

pub(super) async fn only_what_is_claimed_is_settled(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let claimed = program.add(keyless("{}")).await?;
    let mut sender = program.sender().await?;
    sender.claim(1).await?;
    let waiting = program.add(keyless("{}")).await?;

    // All or nothing: what could be settled is not, and what could be claimed is not.
    let settled = vec![(claimed, accepted()), (waiting, accepted())];
    assert!(fails(sender.step(settled, 10), StoreErrorKind::Refused).await);
    let pending = program.0.list(Filter::Pending, None, 10).await?;
    assert_eq!(super::setup::entry_ids(&pending), [claimed, waiting]);
    assert_eq!(program.entry(waiting).await?.attempts, 0);

    let twice = vec![(claimed, accepted()), (claimed, again(0))];
    assert!(fails(sender.step(twice, 10), StoreErrorKind::Refused).await);
    sender.settle(claimed, accepted()).await?;
    assert!(fails(sender.settle(claimed, accepted()), StoreErrorKind::Refused).await);
    assert_eq!(sender.claim(10).await?, [waiting]);
    Ok(())
}
