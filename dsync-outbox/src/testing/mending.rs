//! What is done about dead letters.

use dsync_core::IdempotencyKey;

use super::StoreUnderTest;
use super::setup::{
    Checked, Program, Sender, accepted, again, bytes, date, dead, fails, failure, ids, raw, update,
};
use crate::store::Mending;
use crate::{ChangeId, State, StoreError, StoreErrorKind};

/// A dead letter, and one that it holds.
async fn held(
    program: &Program,
    sender: &mut Sender,
    record: &str,
) -> Result<[ChangeId; 2], StoreError> {
    let letter = program
        .dead_letter(sender, update(record, "1"), true)
        .await?;
    let follower = program.add(update(record, "2")).await?;
    assert_eq!(sender.claim(10).await?, []);
    Ok([letter, follower])
}

pub(super) async fn retry(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let [letter, follower] = held(&program, &mut sender, "a").await?;
    let key = program.entry(letter).await?.idempotency_key;
    program.0.mend(letter, Mending::Retry).await?;
    let entry = program.entry(letter).await?;
    assert_eq!((entry.state, entry.ended), (State::Pending, None));
    assert_eq!(entry.failure, Some(failure()), "until an attempt has ended");
    assert_eq!(program.state(follower).await?, State::Pending);

    let claimed = sender.only().await?;
    assert_eq!(claimed.id, letter);
    assert_eq!(claimed.request.idempotency_key(), Some(&key));
    assert_eq!(claimed.request.body(), "1");
    assert_eq!(claimed.attempt, 2, "its key may be known already");
    let advanced = sender.step(vec![(letter, accepted())], 10).await?;
    assert_eq!(ids(&advanced.claimed), [follower]);
    Ok(())
}

/// For whoever gives up after so many of them, or after so long.
pub(super) async fn attempts_begin_anew(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let mut letters = Vec::new();
    for record in ["a", "b", "c"] {
        let id = program.add(raw(record, "1")).await?;
        for _ in 1..=3 {
            assert_eq!(sender.claim(1).await?, [id]);
            sender.settle(id, again(0)).await?;
        }
        assert_eq!(sender.claim(1).await?, [id]);
        sender.settle(id, dead(true)).await?;
        assert_eq!(program.entry(id).await?.attempts, 4);
        letters.push(id);
    }
    let edit = Mending::Edit {
        body: bytes("2"),
        idempotency_key: IdempotencyKey::generate(),
    };
    program.0.mend(letters[0], Mending::Retry).await?;
    program.0.mend(letters[1], edit).await?;
    program.0.retry_all().await?;
    sender.now = date(900);
    for attempt in [2, 3] {
        let claimed = sender.claim_whole(10).await?;
        assert_eq!(ids(&claimed), letters);
        for claimed in claimed {
            assert_eq!(claimed.attempt, attempt);
            assert_eq!(claimed.first_attempt, date(900), "not when it first was");
            sender.settle(claimed.id, again(0)).await?;
        }
        sender.now = date(1000);
    }
    Ok(())
}

pub(super) async fn edit(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let [letter, follower] = held(&program, &mut sender, "a").await?;
    let idempotency_key = IdempotencyKey::generate();
    let edit = Mending::Edit {
        body: bytes("mended"),
        idempotency_key: idempotency_key.clone(),
    };
    program.0.mend(letter, edit).await?;
    let entry = program.entry(letter).await?;
    assert_eq!(entry.body, Some(bytes("mended")));
    assert_eq!(entry.idempotency_key, idempotency_key);
    let claimed = sender.only().await?;
    assert_eq!(claimed.id, letter);
    let expected = update("a", "mended").request;
    let expected = expected.with_idempotency_key(idempotency_key);
    assert_eq!(claimed.request, expected);
    let advanced = sender.step(vec![(letter, accepted())], 10).await?;
    assert_eq!(ids(&advanced.claimed), [follower]);
    Ok(())
}

pub(super) async fn pass(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let [letter, follower] = held(&program, &mut sender, "a").await?;
    program.0.mend(letter, Mending::Pass).await?;
    let entry = program.entry(letter).await?;
    assert_eq!(entry.state, State::Dead { holds: false });
    assert_eq!(entry.failure, Some(failure()));
    assert_eq!(entry.body, Some(bytes("1")));
    assert_eq!(program.state(follower).await?, State::Pending);
    assert_eq!(sender.claim(10).await?, [follower]);
    Ok(())
}

pub(super) async fn drop(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let [letter, follower] = held(&program, &mut sender, "a").await?;
    program.0.mend(letter, Mending::Drop).await?;
    assert_eq!(program.state(letter).await?, State::Dropped);
    assert_eq!(program.state(follower).await?, State::Pending);
    assert_eq!(program.0.counts(None).await?.dead, 0);
    assert_eq!(sender.claim(10).await?, [follower]);
    Ok(())
}

pub(super) async fn drop_of_a_dead_letter_that_was_passed(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let letter = program
        .dead_letter(&mut sender, update("a", "1"), false)
        .await?;
    program.0.mend(letter, Mending::Pass).await?;
    program.0.mend(letter, Mending::Drop).await?;
    assert_eq!(program.state(letter).await?, State::Dropped);
    Ok(())
}

pub(super) async fn only_dead_letters(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let dropped = program
        .dead_letter(&mut sender, raw("a", "{}"), true)
        .await?;
    program.0.mend(dropped, Mending::Drop).await?;
    let superseded = program.add(update("b", "1")).await?;
    let delivered = program.add(update("b", "2")).await?;
    assert_eq!(sender.claim(10).await?, [delivered]);
    sender.settle(delivered, accepted()).await?;
    let in_flight = program.add(raw("a", "{}")).await?;
    assert_eq!(sender.claim(10).await?, [in_flight]);
    let pending = program.add(raw("a", "{}")).await?;
    let unknown = ChangeId::new(1_000_000).expect("a number");

    for id in [dropped, superseded, delivered, in_flight, pending, unknown] {
        let before = program.0.show(id).await?.map(|entry| entry.state);
        for mending in [
            Mending::Retry,
            Mending::Edit {
                body: bytes("2"),
                idempotency_key: IdempotencyKey::generate(),
            },
            Mending::Pass,
            Mending::Drop,
        ] {
            let mend = program.0.mend(id, mending);
            assert!(fails(mend, StoreErrorKind::Refused).await, "{id}");
        }
        let after = program.0.show(id).await?.map(|entry| entry.state);
        assert_eq!(before, after, "{id}");
    }
    Ok(())
}

/// It was passed over, and is the first of its lane when it comes back.
pub(super) async fn a_passed_one_comes_first_again(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let letter = program
        .dead_letter(&mut sender, raw("a", "1"), false)
        .await?;
    let second = program.add(raw("a", "2")).await?;
    let third = program.add(raw("a", "3")).await?;
    assert_eq!(sender.claim(10).await?, [second]);
    sender.settle(second, accepted()).await?;
    program.0.mend(letter, Mending::Retry).await?;
    for id in [letter, third] {
        assert_eq!(sender.claim(10).await?, [id]);
        sender.settle(id, accepted()).await?;
    }

    // Dead once more, it holds what follows, and not what it follows.
    let letter = program
        .dead_letter(&mut sender, raw("b", "1"), false)
        .await?;
    let later = program
        .dead_letter(&mut sender, raw("b", "2"), true)
        .await?;
    let held = program.add(raw("b", "3")).await?;
    program.0.mend(letter, Mending::Retry).await?;
    assert_eq!(program.state(letter).await?, State::Pending);
    assert_eq!(program.state(held).await?, State::Held { by: later });
    assert_eq!(sender.claim(10).await?, [letter]);
    sender.settle(letter, accepted()).await?;
    assert_eq!(sender.claim(10).await?, []);
    Ok(())
}

pub(super) async fn while_its_lane_is_busy(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let letter = program
        .dead_letter(&mut sender, raw("a", "1"), false)
        .await?;
    let second = program.add(raw("a", "2")).await?;
    let third = program.add(raw("a", "3")).await?;
    assert_eq!(sender.claim(10).await?, [second]);
    program.0.mend(letter, Mending::Retry).await?;
    assert_eq!(sender.claim(10).await?, [], "one of a lane at a time");
    sender.settle(second, again(0)).await?;
    for id in [letter, second, third] {
        assert_eq!(sender.claim(10).await?, [id]);
        sender.settle(id, accepted()).await?;
    }
    Ok(())
}

pub(super) async fn from_another_program(store: &impl StoreUnderTest) -> Checked {
    let (sending, other) = (Program::new(store).await?, Program::new(store).await?);
    let mut sender = sending.sender().await?;
    for (record, mending) in [
        ("a", Mending::Retry),
        ("b", Mending::Pass),
        ("c", Mending::Drop),
    ] {
        let [letter, follower] = held(&sending, &mut sender, record).await?;
        // Others come and go meanwhile, so a store that remembers where it looked has gone on.
        for _ in 0..3 {
            let id = other.add(raw("other", "{}")).await?;
            assert_eq!(sender.claim(10).await?, [id]);
            sender.settle(id, accepted()).await?;
        }
        sender.has_seen_all().await?;
        other.0.mend(letter, mending.clone()).await?;
        assert!(sender.lease.has_news().await?, "{mending:?}");
        let freed = sender.only().await?.id;
        sender.settle(freed, accepted()).await?;
        if freed == letter {
            assert_eq!(sender.claim(10).await?, [follower]);
            sender.settle(follower, accepted()).await?;
        } else {
            assert_eq!(freed, follower);
        }
    }
    Ok(())
}

pub(super) async fn all(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    assert_eq!(program.0.retry_all().await?, 0);
    let mut letters = Vec::new();
    for (record, holds) in [("a", true), ("b", true), ("c", false)] {
        let letter = program
            .dead_letter(&mut sender, raw(record, "{}"), holds)
            .await?;
        letters.push(letter);
    }
    let pending = program.add(raw("d", "{}")).await?;
    assert_eq!(program.0.retry_all().await?, 3);
    assert_eq!(program.0.counts(None).await?.dead, 0);
    let mut claimed = sender.claim(10).await?;
    claimed.sort_unstable();
    assert_eq!(claimed, [letters.as_slice(), &[pending]].concat());

    sender.settle(letters[0], dead(true)).await?;
    let entry = program.entry(letters[0]).await?;
    assert_eq!((entry.attempts, entry.ended), (2, Some(date(Sender::NOW))));
    Ok(())
}
