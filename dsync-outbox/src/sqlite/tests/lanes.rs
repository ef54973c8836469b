//! What may go out when.

use super::*;
use crate::{Filter, Mending, State};

#[test]
fn one_of_a_record_at_a_time_oldest_first() {
    let folder = folder();
    let store = open(folder.path());
    for (record, body) in [("a", "1"), ("a", "2"), ("b", "3"), ("a", "4"), ("c", "5")] {
        add(&store, raw(record, body));
    }
    let mut lease = block_on(store.lease()).unwrap();
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(2))), [1, 3]);
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(9))), [5]);
    assert_eq!(
        ids(&advance(&mut *lease, vec![delivered(1)], claim(9))),
        [2]
    );
    assert_eq!(
        ids(&advance(&mut *lease, vec![delivered(2)], claim(9))),
        [4]
    );
    let last = [4, 3, 5].map(delivered).to_vec();
    assert!(advance(&mut *lease, last, claim(9)).claimed.is_empty());
    assert_eq!(block_on(store.counts(None)).unwrap().pending, 0);
}

#[test]
fn a_long_lane_does_not_hold_up_the_others() {
    let folder = folder();
    let store = open(folder.path());
    for _ in 0..3 {
        add(&store, raw("a", "{}"));
    }
    add(&store, raw("b", "{}"));
    let mut lease = block_on(store.lease()).unwrap();
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(1))), [1]);
    // 2 and 3 were not looked at when 1 was done.
    add(&store, raw("a", "{}"));
    assert_eq!(
        ids(&advance(&mut *lease, vec![delivered(1)], claim(1))),
        [2]
    );
    assert_eq!(
        ids(&advance(&mut *lease, vec![again(2, 60)], claim(1))),
        [4]
    );
}

#[test]
fn a_claimed_change_is_never_put_together_not_even_after_a_restart() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, update("a", "1"));
    add(&store, update("a", "2"));
    let mut lease = block_on(store.lease()).unwrap();
    let advanced = advance(&mut *lease, vec![], claim(9));
    assert_eq!(ids(&advanced), [2]);
    let key = advanced.claimed[0]
        .request
        .idempotency_key()
        .unwrap()
        .clone();
    drop((lease, store));

    let store = open(folder.path());
    let added = block_on(store.add(update("a", "3"))).unwrap();
    assert_eq!(added.superseded, None);
    let later = block_on(store.add(update("a", "4"))).unwrap();
    assert_eq!(later.superseded, Some(added.id));
    let mut lease = block_on(store.lease()).unwrap();
    let advanced = advance(&mut *lease, vec![], claim(9));
    assert_eq!(ids(&advanced), [2]);
    let claimed = &advanced.claimed[0];
    assert_eq!(claimed.attempt, 2);
    assert_eq!(claimed.request.idempotency_key(), Some(&key));
    assert_eq!(claimed.request.body(), "2");
}

#[test]
fn a_pause_is_kept_by_the_clock_of_the_lease_and_ends_with_it() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    let mut lease = block_on(store.lease()).unwrap();
    advance(&mut *lease, vec![], claim(9));
    let advanced = advance(&mut *lease, vec![again(1, 60)], at(9, 10));
    assert!(advanced.claimed.is_empty());
    assert_eq!(advanced.next, Some(Duration::from_secs(60)));
    assert!(ids(&advance(&mut *lease, vec![], at(9, 59))).is_empty());
    assert_eq!(ids(&advance(&mut *lease, vec![], at(9, 60))), [1]);
    let advanced = advance(&mut *lease, vec![again(1, 1_000_000)], at(9, 60));
    assert!(advanced.claimed.is_empty());
    drop(lease);
    // A new lease has a clock of its own.
    let mut lease = block_on(store.lease()).unwrap();
    assert_eq!(advance(&mut *lease, vec![], claim(9)).claimed[0].attempt, 3);
}

/// What it has waited for was counted by another clock. It is one among others, oldest first, and no retry
/// that gets its half of the places.
#[test]
fn what_paused_under_an_older_lease_has_no_place_of_its_own() {
    let folder = folder();
    let store = open(folder.path());
    for record in ["a", "b", "c"] {
        add(&store, raw(record, "{}"));
    }
    let mut lease = block_on(store.lease()).unwrap();
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(3))), [1, 2, 3]);
    let advanced = advance(&mut *lease, vec![again(3, 5)], claim(9));
    assert!(advanced.claimed.is_empty());
    drop(lease);
    let mut lease = block_on(store.lease()).unwrap();
    assert_eq!(ids(&advance(&mut *lease, vec![], at(2, 60))), [1, 2]);
    assert_eq!(ids(&advance(&mut *lease, vec![], at(2, 60))), [3]);
}

#[test]
fn a_dead_letter_holds_its_record_until_it_is_mended_wherever() {
    let folder = folder();
    let (store, other) = (open(folder.path()), open(folder.path()));
    for _ in 0..3 {
        add(&store, raw("a", "{}"));
    }
    let mut lease = block_on(store.lease()).unwrap();
    advance(&mut *lease, vec![], claim(9));
    let advanced = advance(&mut *lease, vec![dead(1, true)], claim(9));
    assert!(advanced.claimed.is_empty());
    let counts = block_on(store.counts(None)).unwrap();
    assert_eq!((counts.pending, counts.held, counts.dead), (2, 2, 1));
    let id = ChangeId::new(1).unwrap();
    let shown = block_on(other.list(Filter::Open, Some(id), 1)).unwrap();
    assert_eq!(shown[0].state, State::Held { by: id });
    assert!(!block_on(store.is_moving(ChangeId::new(3).unwrap())).unwrap());

    advance(&mut *lease, vec![], claim(9));
    block_on(other.mend(id, Mending::Retry)).unwrap();
    assert!(block_on(lease.has_news()).unwrap());
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(9))), [1]);
    advance(&mut *lease, vec![dead(1, true)], claim(9));
    block_on(other.mend(id, Mending::Pass)).unwrap();
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(9))), [2]);
    let advanced = advance(&mut *lease, vec![dead(2, true)], claim(9));
    assert!(advanced.claimed.is_empty());
    block_on(other.mend(ChangeId::new(2).unwrap(), Mending::Drop)).unwrap();
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(9))), [3]);
    // The passed one is still there, and goes before what follows when it is retried.
    assert_eq!(block_on(other.retry_all()).unwrap(), 1);
    assert!(ids(&advance(&mut *lease, vec![], claim(9))).is_empty());
    let advanced = advance(&mut *lease, vec![delivered(3)], claim(9));
    assert_eq!(ids(&advanced), [1]);
}

#[test]
fn retries_get_half_of_the_places_while_there_is_something_new() {
    let folder = folder();
    let store = open(folder.path());
    for number in 1..=20 {
        add(&store, raw(&format!("r{number}"), "{}"));
    }
    let mut lease = block_on(store.lease()).unwrap();
    let first = ids(&advance(&mut *lease, vec![], claim(8)));
    let settled = first.iter().map(|id| again(*id, 0)).collect();
    let second = ids(&advance(&mut *lease, settled, claim(8)));
    let old = second.iter().filter(|id| first.contains(id)).count();
    assert_eq!((second.len(), old), (8, 4));
    // And all of them when there is nothing new.
    let rest = ids(&advance(&mut *lease, vec![], claim(100)));
    assert_eq!(rest.len(), 12);
}

#[test]
fn what_is_not_claimed_cannot_be_settled() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    add(&store, raw("b", "{}"));
    let mut lease = block_on(store.lease()).unwrap();
    advance(&mut *lease, vec![], claim(1));
    let settled = vec![delivered(1), delivered(2)];
    let error = block_on(lease.advance(settled, claim(9))).unwrap_err();
    assert_eq!(error.kind(), crate::StoreErrorKind::Refused);
    // Nothing of it was done.
    assert_eq!(block_on(store.counts(None)).unwrap().pending, 2);
    assert_eq!(
        ids(&advance(&mut *lease, vec![delivered(1)], claim(9))),
        [2]
    );
}

#[test]
fn a_held_lane_of_any_length_is_stepped_over_and_takes_no_memory() {
    let folder = folder();
    let store = open(folder.path());
    let mut connection = store.connect().unwrap();
    let transaction = connection.transaction().unwrap();
    for _ in 0..20_000 {
        store.add_in(&transaction, &raw("a", "{}")).unwrap();
    }
    store.add_in(&transaction, &raw("b", "{}")).unwrap();
    transaction.commit().unwrap();
    let mut lease = block_on(store.lease()).unwrap();
    assert_eq!(ids(&advance(&mut *lease, vec![], claim(1))), [1]);
    let mut steps = 0;
    let mut advanced = advance(&mut *lease, vec![dead(1, true)], claim(9));
    while advanced.has_more {
        steps += 1;
        advanced = advance(&mut *lease, vec![], claim(9));
    }
    assert_eq!(ids(&advanced), [20_001]);
    assert!(steps > 2, "a step looks at a bounded number of changes");
    assert!(format!("{lease:?}").len() < 2_000, "{lease:?}");
}
