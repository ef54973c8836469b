//! Who comes first, and that everybody comes at last.

use super::StoreUnderTest;
use super::setup::{Checked, Program, Sender, accepted, again, ids, keyless, seconds};
use crate::{ChangeId, StoreError};

/// So many that were attempted and can be attempted again, and nothing else.
async fn retries(
    program: &Program,
    sender: &mut Sender,
    count: usize,
) -> Result<Vec<ChangeId>, StoreError> {
    sender.drain().await?;
    let mut retries = Vec::new();
    for _ in 0..count {
        retries.push(program.add(keyless("{}")).await?);
    }
    assert_eq!(sender.claim(count).await?, retries);
    let settled = retries.iter().map(|id| (*id, again(0))).collect();
    sender.step(settled, 0).await?;
    Ok(retries)
}

async fn fresh(program: &Program, count: usize) -> Result<Vec<ChangeId>, StoreError> {
    let mut fresh = Vec::new();
    for _ in 0..count {
        fresh.push(program.add(keyless("{}")).await?);
    }
    Ok(fresh)
}

pub(super) async fn retries_get_a_half(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let retries = retries(&program, &mut sender, 10).await?;
    let fresh = fresh(&program, 10).await?;
    let claimed = sender.claim(8).await?;
    assert_eq!(claimed.len(), 8);
    let of_retries = claimed.iter().filter(|id| retries.contains(id)).count();
    assert!((1..=4).contains(&of_retries), "{of_retries} of 8");
    let of_fresh: Vec<_> = claimed.iter().filter(|id| fresh.contains(id)).collect();
    assert!(of_fresh.into_iter().eq(&fresh[..8 - of_retries]));
    Ok(())
}

pub(super) async fn what_is_left_is_used(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let retries = retries(&program, &mut sender, 10).await?;
    let fresh_one = fresh(&program, 1).await?;
    let claimed = sender.claim(8).await?;
    assert_eq!(claimed.len(), 8, "seven retries and a fresh one");
    assert!(claimed.contains(&fresh_one[0]));

    fresh(&program, 10).await?;
    let claimed = sender.claim(8).await?;
    assert_eq!(claimed.len(), 8, "three retries and five fresh ones");
    let rest = sender.claim(100).await?;
    assert_eq!(rest.len(), 5);
    let all = [claimed, rest].concat();
    assert_eq!(all.iter().filter(|id| retries.contains(id)).count(), 3);
    Ok(())
}

/// Fresh ones come faster than they are sent.
pub(super) async fn retries_do_not_starve_of_fresh_ones(store: &impl StoreUnderTest) -> Checked {
    for limit in [1, 2, 5] {
        let program = Program::new(store).await?;
        let mut sender = program.sender().await?;
        let mut waiting = retries(&program, &mut sender, 5).await?;
        for _ in 0..40 {
            fresh(&program, limit).await?;
            for id in sender.claim(limit).await? {
                waiting.retain(|waiting| *waiting != id);
                sender.settle(id, accepted()).await?;
            }
        }
        assert_eq!(waiting, [], "with a limit of {limit}");
    }
    Ok(())
}

/// Every one of them can be attempted again at once.
pub(super) async fn retries_do_not_starve_of_each_other(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut sender = program.sender().await?;
    let mut waiting = retries(&program, &mut sender, 10).await?;
    for second in 1..=20 {
        sender.elapsed = seconds(second);
        let claimed = ids(&sender.claim_whole(2).await?);
        waiting.retain(|waiting| !claimed.contains(waiting));
        let settled = claimed.into_iter().map(|id| (id, again(second)));
        sender.step(settled.collect(), 0).await?;
    }
    assert_eq!(waiting, []);
    Ok(())
}

pub(super) async fn fresh_ones_do_not_starve_of_retries(store: &impl StoreUnderTest) -> Checked {
    for limit in [1, 2, 5] {
        let program = Program::new(store).await?;
        let mut sender = program.sender().await?;
        retries(&program, &mut sender, 10).await?;
        let mut waiting = fresh(&program, 5).await?;
        for second in 1..=20 {
            sender.elapsed = seconds(second);
            for id in sender.claim(limit).await? {
                waiting.retain(|waiting| *waiting != id);
                sender.settle(id, again(second)).await?;
            }
        }
        assert_eq!(waiting, [], "with a limit of {limit}");
    }
    Ok(())
}
