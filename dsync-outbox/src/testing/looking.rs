//! What is seen of an outbox, and forgotten.

use std::time::{Duration, SystemTime};

use super::StoreUnderTest;
use super::setup::{
    Checked, Program, Sender, accepted, again, at, bytes, date, dead, delete, entry_ids, keyless,
    raw, seconds, update,
};
use crate::store::Mending;
use crate::{ChangeId, Counts, Filter, State, StoreError};

/// One change in each state, by their numbers. The sender is idle.
struct Each {
    sender: Sender,
    superseded: ChangeId,
    delivered: ChangeId,
    dropped: ChangeId,
    dead: ChangeId,
    held: ChangeId,
    passed: ChangeId,
    in_flight: ChangeId,
    pending: ChangeId,
}

async fn each(program: &Program) -> Result<Each, StoreError> {
    let mut sender = program.sender().await?;
    let superseded = program.add(at(1, update("a", "1"))).await?;
    let delivered = program.add(at(2, update("a", "2"))).await?;
    assert_eq!(sender.claim(1).await?, [delivered]);
    sender.settle(delivered, accepted()).await?;
    let dropped = program
        .dead_letter(&mut sender, raw("b", "3"), true)
        .await?;
    program.0.mend(dropped, Mending::Drop).await?;
    let letter = at(4, raw("c", "4"));
    let dead = program.dead_letter(&mut sender, letter, true).await?;
    let held = program.add(at(5, raw("c", "5"))).await?;
    let passed = program
        .dead_letter(&mut sender, raw("d", "6"), false)
        .await?;
    let in_flight = program.add(at(7, raw("d", "7"))).await?;
    assert_eq!(sender.claim(1).await?, [in_flight]);
    let pending = program.add(at(8, delete("e"))).await?;
    Ok(Each {
        sender,
        superseded,
        delivered,
        dropped,
        dead,
        held,
        passed,
        in_flight,
        pending,
    })
}

/// Later than anything, also than what a store dates by its own clock.
fn far_off() -> SystemTime {
    date(0) + Duration::from_secs(10_000_000_000)
}

fn count(pending: u64, held: u64, dead: u64, oldest: Option<u64>) -> Counts {
    Counts {
        pending,
        held,
        dead,
        oldest: oldest.map(date),
    }
}

pub(super) async fn counts(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    assert_eq!(program.0.counts(None).await?, Counts::default());
    let mut each = each(&program).await?;
    assert_eq!(program.0.counts(None).await?, count(3, 1, 2, Some(5)));
    for (up_to, expected) in [
        (each.dropped, count(0, 0, 0, None)),
        (each.dead, count(0, 0, 1, None)),
        (each.held, count(1, 1, 1, Some(5))),
        (each.passed, count(1, 1, 2, Some(5))),
        (each.in_flight, count(2, 1, 2, Some(5))),
        (each.pending, count(3, 1, 2, Some(5))),
    ] {
        assert_eq!(program.0.counts(Some(up_to)).await?, expected, "{up_to}");
    }
    program.0.mend(each.dead, Mending::Retry).await?;
    assert_eq!(program.0.counts(None).await?, count(4, 0, 1, Some(4)));
    for id in [each.dead, each.held] {
        let claimed = each.sender.claim(10).await?;
        assert!(claimed.contains(&id));
        each.sender.settle(id, accepted()).await?;
    }
    assert_eq!(program.0.counts(None).await?, count(2, 0, 1, Some(7)));
    each.sender.settle(each.in_flight, dead(true)).await?;
    each.sender.settle(each.pending, accepted()).await?;
    assert_eq!(program.0.counts(None).await?, count(0, 0, 2, None));
    Ok(())
}

pub(super) async fn what_moves(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut each = each(&program).await?;
    for (up_to, expected) in [
        (each.superseded, false),
        (each.delivered, false),
        (each.dropped, false),
        (each.dead, false),
        (each.held, false),
        (each.passed, false),
        (each.in_flight, true),
        (each.pending, true),
    ] {
        assert_eq!(program.0.is_moving(up_to).await?, expected, "{up_to}");
    }
    each.sender.settle(each.in_flight, again(1_000)).await?;
    assert!(program.0.is_moving(each.in_flight).await?, "it is paused");
    assert_eq!(each.sender.claim(1).await?, [each.pending]);
    each.sender.settle(each.pending, accepted()).await?;
    each.sender.elapsed = seconds(1_000);
    assert_eq!(each.sender.claim(1).await?, [each.in_flight]);
    each.sender.settle(each.in_flight, accepted()).await?;
    assert!(!program.0.is_moving(each.pending).await?);
    program.0.mend(each.dead, Mending::Pass).await?;
    assert!(!program.0.is_moving(each.dead).await?);
    assert!(program.0.is_moving(each.held).await?);
    Ok(())
}

pub(super) async fn filters(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let each = each(&program).await?;
    let pending = vec![each.held, each.in_flight, each.pending];
    let dead = vec![each.dead, each.passed];
    let mut open = [pending.as_slice(), &dead].concat();
    open.sort_unstable();
    let ended = vec![each.superseded, each.delivered, each.dropped];
    for (filter, expected) in [
        (Filter::Open, open),
        (Filter::Pending, pending),
        (Filter::Dead, dead),
        (Filter::Ended, ended),
    ] {
        let listed = program.0.list(filter, None, 100).await?;
        assert_eq!(entry_ids(&listed), expected, "{filter:?}");
        for entry in listed {
            assert_eq!(entry.body, None, "a list is without bodies");
            let shown = program.entry(entry.id).await?;
            assert_eq!(entry.state, shown.state);
            assert_eq!(entry.failure, shown.failure);
            assert_eq!((entry.ended, entry.enqueued), (shown.ended, shown.enqueued));
            assert_eq!(entry.record, shown.record);
        }
    }
    Ok(())
}

pub(super) async fn pages(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut all = Vec::new();
    for _ in 0..10 {
        all.push(program.add(keyless("{}")).await?);
    }
    let mut seen = Vec::new();
    loop {
        let after = seen.last().copied();
        let page = program.0.list(Filter::Open, after, 4).await?;
        if page.is_empty() {
            break;
        }
        assert!(page.len() <= 4);
        assert!(
            after < Some(page[0].id),
            "a page goes on where the last one ended"
        );
        seen.extend(entry_ids(&page));
    }
    assert_eq!(seen, all);
    assert!(program.0.list(Filter::Open, None, 0).await?.is_empty());
    let rest = program.0.list(Filter::Open, Some(all[7]), 100).await?;
    assert_eq!(entry_ids(&rest), all[8..]);
    Ok(())
}

pub(super) async fn every_state(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let each = each(&program).await?;
    let sent = State::Delivered { process_id: None };
    let by = each.delivered;
    for (id, state, attempts, has_ended, body) in [
        (each.superseded, State::Superseded { by }, 0, true, None),
        (each.delivered, sent, 1, true, None),
        (each.dead, State::Dead { holds: true }, 1, true, Some("4")),
        (
            each.held,
            State::Held { by: each.dead },
            0,
            false,
            Some("5"),
        ),
        (
            each.passed,
            State::Dead { holds: false },
            1,
            true,
            Some("6"),
        ),
        (each.dropped, State::Dropped, 1, true, None),
        (each.in_flight, State::Pending, 1, false, Some("7")),
        (each.pending, State::Pending, 0, false, Some("")),
    ] {
        let entry = program.entry(id).await?;
        assert_eq!(entry.state, state, "{id}");
        assert_eq!(entry.attempts, attempts, "{id}");
        assert_eq!(entry.ended.is_some(), has_ended, "{id}");
        assert_eq!(entry.body, body.map(bytes), "{id}");
        let is_dead = matches!(entry.state, State::Dead { .. });
        assert_eq!(entry.failure.is_some(), is_dead, "{id}");
    }
    let unknown = ChangeId::new(each.pending.number() + 1).expect("a number");
    assert!(program.0.show(unknown).await?.is_none());
    Ok(())
}

pub(super) async fn forgetting(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let superseded = program.add(update("a", "1")).await?;
    let delivered = program.add(at(2, update("a", "2"))).await?;
    assert_eq!(sender.claim(1).await?, [delivered]);
    sender.settle(delivered, accepted()).await?;
    // It ended when the later one came, and that when the sender said so.
    assert_eq!(program.0.forget(date(2), 100).await?, 0);
    assert_eq!(program.0.forget(date(3), 100).await?, 1);
    assert!(program.0.show(superseded).await?.is_none());
    assert_eq!(program.0.forget(date(Sender::NOW), 100).await?, 0);
    assert_eq!(program.0.forget(date(Sender::NOW + 1), 100).await?, 1);
    assert!(program.0.show(delivered).await?.is_none());
    drop(sender);

    each(&program).await?;
    assert_eq!(program.0.forget(far_off(), 0).await?, 0);
    assert_eq!(program.0.forget(far_off(), 1).await?, 1);
    assert_eq!(program.0.forget(far_off(), 100).await?, 2);
    assert_eq!(program.0.forget(far_off(), 100).await?, 0);
    assert!(program.0.list(Filter::Ended, None, 100).await?.is_empty());
    let open = program.0.list(Filter::Open, None, 100).await?;
    assert_eq!(open.len(), 5, "those that are open stay");
    Ok(())
}

pub(super) async fn a_number_is_never_used_again(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let first = program.add(raw("a", "{}")).await?;
    let mut sender = program.sender().await?;
    assert_eq!(sender.claim(1).await?, [first]);
    sender.settle(first, accepted()).await?;
    assert_eq!(program.0.forget(far_off(), 100).await?, 1);
    assert_eq!(program.0.last().await?, Some(first));
    drop((program, sender));

    let program = Program::new(store).await?;
    assert_eq!(program.0.last().await?, Some(first));
    assert!(program.add(raw("a", "{}")).await? > first);
    Ok(())
}
