//! Steps that nobody waits for, and lanes that many have freed.

use std::task::{Context, Waker};

use super::*;
use crate::Mending;

/// Begins a step, and does not wait for it.
fn begin_and_drop(lease: &mut dyn Lease, settled: Vec<Settled>, claim: Claim) {
    let mut step = lease.advance(settled, claim);
    let context = &mut Context::from_waker(Waker::noop());
    drop(step.as_mut().poll(context));
}

/// Claims until there is nothing more.
fn claim_all(lease: &mut dyn Lease, limit: usize) -> Vec<i64> {
    let mut all = Vec::new();
    loop {
        let advanced = advance(lease, vec![], claim(limit));
        all.extend(ids(&advanced));
        if !advanced.has_more {
            return all;
        }
    }
}

#[test]
fn what_an_abandoned_step_has_claimed_is_claimed_again() {
    let folder = folder();
    let store = open(folder.path());
    for record in ["a", "b"] {
        add(&store, raw(record, "{}"));
    }
    let mut lease = block_on(store.lease()).unwrap();
    begin_and_drop(&mut *lease, vec![], claim(1));
    begin_and_drop(&mut *lease, vec![], claim(1));
    let advanced = advance(&mut *lease, vec![], claim(9));
    let mut claimed = ids(&advanced);
    claimed.sort_unstable();
    assert_eq!(claimed, [1, 2]);
    assert!(advanced.claimed.iter().all(|claimed| claimed.attempt == 1));
}

#[test]
fn an_abandoned_step_has_settled_all_the_same() {
    let folder = folder();
    let store = open(folder.path());
    for body in ["1", "2"] {
        add(&store, raw("a", body));
    }
    let mut lease = block_on(store.lease()).unwrap();
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(1))), [1]);
    begin_and_drop(&mut *lease, vec![delivered(1)], claim(0));
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(9))), [2]);
}

#[test]
fn news_stays_until_somebody_has_looked() {
    let folder = folder();
    let store = open(folder.path());
    let mut lease = block_on(store.lease()).unwrap();
    advance(&mut *lease, vec![], claim(9));
    assert!(!block_on(lease.has_news()).unwrap());
    add(&store, raw("a", "{}"));
    for _ in 0..2 {
        assert!(block_on(lease.has_news()).unwrap());
    }
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(9))), [1]);
    assert!(!block_on(lease.has_news()).unwrap(), "its own step is none");
}

#[test]
fn lanes_without_a_change_do_not_hide_one_behind_them() {
    const LETTERS: i64 = 600;

    let folder = folder();
    let store = open(folder.path());
    for number in 1..=LETTERS {
        add(&store, raw(&number.to_string(), "{}"));
    }
    let mut lease = block_on(store.lease()).unwrap();
    let all = claim_all(&mut *lease, 1000);
    let dead = all.iter().map(|id| dead(*id, true)).collect();
    advance(&mut *lease, dead, claim(0));
    let follower = add(&store, raw(&LETTERS.to_string(), "{}")).number();
    assert!(claim_all(&mut *lease, 9).is_empty(), "it is held");
    for number in all {
        let id = ChangeId::new(number).unwrap();
        block_on(store.mend(id, Mending::Pass)).unwrap();
    }
    assert_eq!(claim_all(&mut *lease, 9), [follower]);
}

#[test]
fn more_lanes_than_are_kept_in_memory_are_set_aside() {
    let folder = folder();
    let store = open(folder.path());
    for number in 1..=600 {
        add(&store, raw(&number.to_string(), "{}"));
    }
    let mut lease = block_on(store.lease()).unwrap();
    let all = claim_all(&mut *lease, 1000);
    let unattempted = all
        .iter()
        .map(|id| settled(*id, Settlement::Unattempted))
        .collect();
    advance(&mut *lease, unattempted, claim(0));
    let in_memory = format!("{lease:?}").matches("Record {").count();
    assert!(in_memory <= 256, "{in_memory}");
    let mut again = claim_all(&mut *lease, 7);
    again.sort_unstable();
    assert_eq!(again, all);
}

/// It comes before what is in flight, and what is in flight is not accepted.
#[test]
fn a_letter_that_is_retried_beside_one_in_flight_has_its_turn() {
    for (holds, settle) in [
        (false, again as fn(i64, u64) -> Settled),
        (true, |id, _| dead(id, true)),
    ] {
        let folder = folder();
        let store = open(folder.path());
        for body in ["1", "2"] {
            add(&store, raw("a", body));
        }
        let mut lease = block_on(store.lease()).unwrap();
        advance(&mut *lease, vec![], claim(9));
        let advanced = advance(&mut *lease, vec![dead(1, false)], claim(9));
        assert_eq!(ids(&advanced), [2]);
        block_on(store.mend(ChangeId::new(1).unwrap(), Mending::Retry)).unwrap();
        assert!(claim_all(&mut *lease, 9).is_empty(), "one at a time");
        let advanced = advance(&mut *lease, vec![settle(2, 5)], claim(9));
        assert_eq!(ids(&advanced), [1], "{holds}");
    }
}
