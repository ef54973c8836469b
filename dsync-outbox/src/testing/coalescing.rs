//! What becomes of changes that were not sent yet when a later one came.

use dsync_core::wire::Operation;
use dsync_core::wire::Operation::{Create, Delete, Update};

use super::StoreUnderTest;
use super::setup::{
    Checked, Program, Sender, accepted, again, at, bytes, create, date, delete, ids, keyless, raw,
    seconds, sole, update,
};
use crate::store::{Added, Coalescing, NewChange};
use crate::{State, StoreError};

fn change(operation: Operation, record: &str, body: &'static str) -> NewChange {
    match operation {
        Create => create(record, body),
        Update => update(record, body),
        Delete => delete(record),
    }
}

/// What is sent of some changes of one record, one after another.
async fn sent(sender: &mut Sender) -> Result<Vec<(Operation, &'static str)>, StoreError> {
    let mut sent = Vec::new();
    loop {
        let claimed = sender.claim_whole(10).await?;
        let Some(claimed) = claimed.first() else {
            return Ok(sent);
        };
        let body = ["1", "2", "3", ""];
        let body = body
            .into_iter()
            .find(|body| *body == claimed.request.body());
        sent.push((
            claimed.request.operation(),
            body.expect("a body that was put in"),
        ));
        sender.settle(claimed.id, accepted()).await?;
    }
}

pub(super) async fn the_table(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    for last in Operation::ALL {
        for new in Operation::ALL {
            let first = program.add(change(last, "a", "1")).await?;
            let added = program.0.add(change(new, "a", "2")).await?;
            let body = |operation: Operation, body| match operation {
                Create | Update => (operation, body),
                Delete => (Delete, ""),
            };
            let expected = match (last, new) {
                (Create, Update) => vec![(Create, "2")],
                (Update, Update) => vec![(Update, "2")],
                _ => vec![body(last, "1"), body(new, "2")],
            };
            let superseded = (expected.len() == 1).then_some(first);
            assert_eq!(added.superseded, superseded, "{last}, {new}");
            assert!(!added.needs_no_sending, "{last}, {new}");
            if superseded.is_some() {
                let by = State::Superseded { by: added.id };
                assert_eq!(program.state(first).await?, by);
            }
            assert_eq!(sent(&mut sender).await?, expected, "{last}, {new}");
        }
    }
    Ok(())
}

pub(super) async fn of_a_sole_publisher(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let first = program.add(sole(create("a", "1"))).await?;
    let added = program.0.add(at(9, sole(delete("a")))).await?;
    assert_eq!(added, Added::needs_no_sending(added.id, first));
    assert_eq!(sender.claim(10).await?, []);
    let state = program.state(first).await?;
    assert_eq!(state, State::Superseded { by: added.id });
    let entry = program.entry(added.id).await?;
    assert_eq!(entry.state, State::Delivered { process_id: None });
    assert_eq!(entry.ended, Some(date(9)));
    assert_eq!(program.0.counts(None).await?.pending, 0);

    // The update in between has nothing to say about it, but takes nothing away either.
    program.add(sole(create("b", "1"))).await?;
    program.add(sole(update("b", "2"))).await?;
    assert!(program.0.add(sole(delete("b"))).await?.needs_no_sending);

    // Both have to say it, and the create of a merged one is the first one's.
    for (record, one, other) in [
        ("c", sole(create("c", "1")), delete("c")),
        ("d", create("d", "1"), sole(delete("d"))),
    ] {
        program.add(one).await?;
        let added = program.0.add(other).await?;
        assert_eq!(added, Added::new(added.id, None), "{record}");
        let both = [(Create, "1"), (Delete, "")];
        assert_eq!(sent(&mut sender).await?, both, "{record}");
    }
    program.add(create("e", "1")).await?;
    program.add(sole(update("e", "2"))).await?;
    let added = program.0.add(sole(delete("e"))).await?;
    assert!(!added.needs_no_sending);
    assert_eq!(sent(&mut sender).await?, [(Create, "2"), (Delete, "")]);

    // An update was created before.
    program.add(sole(update("f", "1"))).await?;
    let added = program.0.add(sole(delete("f"))).await?;
    assert_eq!(added, Added::new(added.id, None));
    assert_eq!(sent(&mut sender).await?, [(Update, "1"), (Delete, "")]);
    Ok(())
}

pub(super) async fn not_if_one_says_never(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    for (first, second) in [
        (raw("a", "1"), update("a", "2")),
        (update("a", "1"), raw("a", "2")),
        (raw("a", "1"), raw("a", "2")),
    ] {
        program.add(first).await?;
        assert_eq!(program.0.add(second).await?.superseded, None);
        assert_eq!(sent(&mut sender).await?, [(Update, "1"), (Update, "2")]);
    }
    for _ in 0..2 {
        let added = NewChange {
            coalescing: Coalescing::Whole,
            ..keyless("1")
        };
        assert_eq!(program.0.add(added).await?.superseded, None);
    }
    Ok(())
}

pub(super) async fn not_once_claimed(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let first = program.add(create("a", "1")).await?;
    assert_eq!(sender.claim(1).await?, [first]);
    let in_flight = program.0.add(update("a", "2")).await?;
    assert_eq!(in_flight.superseded, None);
    // The second one was never claimed.
    let later = program.0.add(update("a", "3")).await?;
    assert_eq!(later.superseded, Some(in_flight.id));

    sender.settle(first, again(10)).await?;
    let paused = program.0.add(delete("a")).await?;
    assert_eq!(paused.superseded, None, "an update stays before a delete");
    sender.elapsed = seconds(10);
    let expected = [(Create, "1"), (Update, "3"), (Delete, "")];
    assert_eq!(sent(&mut sender).await?, expected);

    // Nor by the next sender, whatever became of the one that claimed it.
    let first = program.add(sole(create("b", "1"))).await?;
    assert_eq!(sender.claim(1).await?, [first]);
    drop(sender);
    let added = program.0.add(sole(delete("b"))).await?;
    assert_eq!(added, Added::new(added.id, None));
    let mut sender = program.sender().await?;
    assert_eq!(sent(&mut sender).await?, [(Create, "1"), (Delete, "")]);
    Ok(())
}

/// Only the last one of the lane is looked at.
pub(super) async fn not_across_others(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    program.add(update("a", "1")).await?;
    program.add(raw("a", "2")).await?;
    let other = program.add(update("b", "1")).await?;
    assert_eq!(program.0.add(update("a", "3")).await?.superseded, None);
    let added = program.0.add(update("b", "3")).await?;
    assert_eq!(added.superseded, Some(other));
    let claimed = sender.claim(10).await?;
    assert_eq!(claimed.len(), 2);
    let settled = claimed.into_iter().map(|id| (id, accepted()));
    sender.step(settled.collect(), 0).await?;
    assert_eq!(sent(&mut sender).await?, [(Update, "2"), (Update, "3")]);
    Ok(())
}

pub(super) async fn behind_a_dead_letter(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    for holds in [true, false] {
        let record = if holds { "a" } else { "b" };
        let letter = program
            .dead_letter(&mut sender, update(record, "1"), holds)
            .await?;
        let second = program.0.add(update(record, "2")).await?;
        assert_eq!(second.superseded, None, "a dead letter stays one");
        let third = program.0.add(update(record, "3")).await?;
        assert_eq!(third.superseded, Some(second.id));
        assert_eq!(program.state(letter).await?, State::Dead { holds });
        let state = program.state(second.id).await?;
        assert_eq!(state, State::Superseded { by: third.id });
    }
    assert_eq!(sent(&mut sender).await?, [(Update, "3")]);
    Ok(())
}

pub(super) async fn the_later_one_is_what_is_sent(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let first = at(3, create("a", "1"));
    let second = at(5, update("a", "2"));
    let id = program.add(first.clone()).await?;
    let added = program.0.add(second.clone()).await?;

    let entry = program.entry(id).await?;
    assert_eq!(entry.state, State::Superseded { by: added.id });
    assert_eq!(entry.ended, Some(date(5)));
    assert_eq!(entry.idempotency_key, first.idempotency_key);
    assert_eq!(entry.body, None);
    let entry = program.entry(added.id).await?;
    assert_eq!((entry.operation, entry.body), (Create, Some(bytes("2"))));

    let mut sender = program.sender().await?;
    let claimed = sender.only().await?;
    let request = create("a", "2").request;
    let request = request.with_idempotency_key(second.idempotency_key);
    assert_eq!(claimed.request, request);
    assert_eq!((claimed.enqueued, claimed.attempt), (date(5), 1));
    Ok(())
}

pub(super) async fn a_chain_of_many(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut chain = vec![program.add(create("a", "1")).await?];
    for _ in 0..9 {
        let added = program.0.add(update("a", "2")).await?;
        assert_eq!(added.superseded, chain.last().copied());
        chain.push(added.id);
    }
    for link in chain.windows(2) {
        let state = program.state(link[0]).await?;
        assert_eq!(state, State::Superseded { by: link[1] });
    }
    assert_eq!(program.0.counts(None).await?.pending, 1);
    let mut sender = program.sender().await?;
    let claimed = sender.claim_whole(10).await?;
    assert_eq!(ids(&claimed), chain[9..]);
    assert_eq!(claimed[0].request.operation(), Create);
    Ok(())
}
