//! The verdict sees what it is there to see.

use std::time::SystemTime;

use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{EntityId, IdempotencyKey};
use dsync_crash_tests::item::{Item, Kept};
use dsync_crash_tests::verdict::Verdict;
use dsync_outbox::{ChangeId, Entry, Failure, State};

fn id(number: i64) -> ChangeId {
    ChangeId::new(number).unwrap()
}

fn kept(number: i64) -> Kept {
    Kept {
        id: id(number),
        sku: "s".to_owned(),
        version: u64::try_from(number).unwrap(),
        operation: Operation::Update,
        needs_no_sending: false,
    }
}

fn delivered() -> State {
    State::Delivered { process_id: None }
}

fn key(number: i64) -> IdempotencyKey {
    IdempotencyKey::new(format!("key-{number}")).unwrap()
}

fn entry(number: i64, state: State) -> Entry {
    let mut entry = Entry::new(
        id(number),
        Operation::Update,
        "crash-item-1".parse().unwrap(),
        Some(EntityId::new("s").unwrap()),
        key(number),
        SystemTime::UNIX_EPOCH,
    );
    entry.state = state;
    entry.attempts = 1;
    entry
}

fn effect(number: i64) -> RealtimeRequest {
    let version = u64::try_from(number).unwrap();
    let request = Item::new("s", version).request(Operation::Update).unwrap();
    request.with_idempotency_key(key(number))
}

#[test]
fn all_in_order_and_once_is_good() {
    let entries = [
        entry(1, State::Superseded { by: id(2) }),
        entry(2, delivered()),
        entry(3, delivered()),
    ];
    let verdict = Verdict::of(
        &[kept(1), kept(2), kept(3)],
        &entries,
        &[effect(2), effect(3)],
    );
    assert!(verdict.is_good() && verdict.superseded == 1, "{verdict}");
}

#[test]
fn a_change_that_the_outbox_forgot_is_lost() {
    let verdict = Verdict::of(&[kept(1)], &[], &[]);
    assert_eq!(verdict.lost.len(), 1);
}

#[test]
fn a_change_that_is_marked_and_never_came_is_lost() {
    let verdict = Verdict::of(&[kept(1)], &[entry(1, delivered())], &[]);
    assert_eq!(verdict.lost.len(), 1);
}

#[test]
fn a_change_that_came_with_other_bytes_is_lost() {
    let other = effect(2).with_idempotency_key(key(1));
    let verdict = Verdict::of(&[kept(1)], &[entry(1, delivered())], &[other]);
    assert_eq!(verdict.lost.len(), 1);
}

#[test]
fn what_is_superseded_by_an_earlier_change_is_lost() {
    let entries = [
        entry(1, delivered()),
        entry(2, State::Superseded { by: id(1) }),
    ];
    let verdict = Verdict::of(&[kept(1), kept(2)], &entries, &[effect(1)]);
    assert_eq!(verdict.lost.len(), 1);
}

#[test]
fn a_later_change_that_came_first_is_out_of_order() {
    let entries = [entry(1, delivered()), entry(2, delivered())];
    let verdict = Verdict::of(&[kept(1), kept(2)], &entries, &[effect(2), effect(1)]);
    assert_eq!((verdict.lost.len(), verdict.out_of_order.len()), (0, 1));
}

#[test]
fn a_change_that_came_twice_is_doubled() {
    let verdict = Verdict::of(
        &[kept(1)],
        &[entry(1, delivered())],
        &[effect(1), effect(1)],
    );
    assert_eq!(verdict.doubled.len(), 1);
}

#[test]
fn what_came_under_a_key_of_nobody_is_strange() {
    let verdict = Verdict::of(
        &[kept(1)],
        &[entry(1, delivered())],
        &[effect(1), effect(2)],
    );
    assert_eq!(verdict.strange.len(), 1);
}

#[test]
fn a_dead_letter_and_what_is_pending_after_all_was_sent_are_strange() {
    let failure = Failure::new("no");
    let mut dead = entry(1, State::Dead { holds: true });
    dead.failure = Some(failure);
    let verdict = Verdict::of(&[], &[dead, entry(2, State::Pending)], &[]);
    assert_eq!(verdict.strange.len(), 2);
}

#[test]
fn two_of_a_record_at_once_are_out_of_order() {
    let entries = [entry(1, delivered()), entry(2, delivered())];
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let verdict = || Verdict::of(&[], &entries, &[effect(1), effect(2)]);
    let one_by_one = lines("attempt key-1\nanswered key-1\nattempt key-2\nleased 2\nattempt key-2");
    assert!(verdict().with_attempts(&one_by_one, &entries).is_good());
    let at_once = lines("attempt key-1\nattempt key-2\nanswered key-1");
    assert_eq!(
        verdict()
            .with_attempts(&at_once, &entries)
            .out_of_order
            .len(),
        1
    );
}
