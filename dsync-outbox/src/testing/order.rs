//! Numbers and lanes.

use dsync_core::EntityToken;
use dsync_core::wire::RealtimeRequest;
use futures_util::future::try_join_all;

use super::StoreUnderTest;
use super::setup::{Checked, Program, accepted, keyless, raw, record};
use crate::store::NewChange;

pub(super) async fn numbers_grow(store: &impl StoreUnderTest) -> Checked {
    let (one, other) = (Program::new(store).await?, Program::new(store).await?);
    assert_eq!(one.0.last().await?, None);
    let mut last = None;
    for program in [&one, &other, &one, &one, &other] {
        let id = Some(program.add(raw("a", "{}")).await?);
        assert!(id > last, "{id:?} after {last:?}");
        assert_eq!(one.0.last().await?, id);
        last = id;
    }
    Ok(())
}

pub(super) async fn a_lane_is_in_order(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(program.add(raw("a", "{}")).await?);
    }
    let mut sender = program.sender().await?;
    for id in expected {
        assert_eq!(sender.claim(10).await?, [id]);
        assert_eq!(sender.claim(10).await?, [], "one of a lane at a time");
        sender.settle(id, accepted()).await?;
    }
    assert_eq!(sender.claim(10).await?, []);
    Ok(())
}

pub(super) async fn lanes_do_not_wait_for_each_other(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let a = program.add(raw("a", "{}")).await?;
    let later = program.add(raw("a", "{}")).await?;
    let b = program.add(raw("b", "{}")).await?;
    let mut sender = program.sender().await?;
    assert_eq!(sender.claim(10).await?, [a, b]);
    sender.settle(b, accepted()).await?;
    assert_eq!(sender.claim(10).await?, []);
    sender.settle(a, accepted()).await?;
    assert_eq!(sender.claim(10).await?, [later]);
    Ok(())
}

pub(super) async fn changes_without_a_record_have_a_lane_each(
    store: &impl StoreUnderTest,
) -> Checked {
    let program = Program::new(store).await?;
    let mut expected = Vec::new();
    for _ in 0..5 {
        expected.push(program.add(keyless("{}")).await?);
    }
    let mut sender = program.sender().await?;
    assert_eq!(sender.claim(10).await?, expected);
    assert_eq!(program.0.counts(None).await?.pending, 5);
    Ok(())
}

pub(super) async fn a_lane_is_of_one_entity_too(store: &impl StoreUnderTest) -> Checked {
    let program = Program::new(store).await?;
    let order = EntityToken::new("shop-order-1").expect("visible ASCII");
    let product = program.add(raw("a", "{}")).await?;
    let order = program
        .add(NewChange {
            request: RealtimeRequest::update(order, "{}").with_entity_id(record("a")),
            ..raw("a", "")
        })
        .await?;
    let mut sender = program.sender().await?;
    assert_eq!(sender.claim(10).await?, [product, order]);
    Ok(())
}

pub(super) async fn programs_add_at_the_same_time(store: &impl StoreUnderTest) -> Checked {
    let (one, other) = (Program::new(store).await?, Program::new(store).await?);
    let adding = (0..40).map(|n| [&one, &other][n % 2].add(raw("a", "{}")));
    let mut ids = try_join_all(adding).await?;
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 40);

    let mut sender = one.sender().await?;
    for id in ids {
        assert_eq!(sender.claim(10).await?, [id]);
        sender.settle(id, accepted()).await?;
    }
    Ok(())
}
