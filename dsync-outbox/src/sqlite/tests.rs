//! The store in a file.

mod enqueue_in;
mod faults;
mod file;
mod lanes;
mod steps;
mod writer;

use std::path::Path;
use std::time::{Duration, SystemTime};

use dsync_core::wire::RealtimeRequest;
use dsync_core::{EntityId, EntityToken, IdempotencyKey};
use pollster::block_on;

use super::SqliteStore;
use crate::{
    Advanced, ChangeId, Claim, Coalescing, Failure, Lease, NewChange, OutboxStore, Settled,
    Settlement,
};

fn token() -> EntityToken {
    EntityToken::new("shop-product-1").unwrap()
}

/// A change that may be put together with others.
fn update(record: &str, body: &str) -> NewChange {
    let id = EntityId::new(record).unwrap();
    let request = RealtimeRequest::update(token(), body.to_owned())
        .with_id(id.clone(), "sku")
        .unwrap();
    NewChange {
        record: Some(id),
        request,
        idempotency_key: IdempotencyKey::generate(),
        coalescing: Coalescing::Whole,
        now: SystemTime::now(),
    }
}

/// A change that may not.
fn raw(record: &str, body: &str) -> NewChange {
    NewChange {
        coalescing: Coalescing::Never,
        ..update(record, body)
    }
}

fn add(store: &SqliteStore, change: NewChange) -> ChangeId {
    block_on(store.add(change)).unwrap().id
}

fn claim(limit: usize) -> Claim {
    at(limit, 0)
}

fn at(limit: usize, seconds: u64) -> Claim {
    Claim {
        limit,
        elapsed: Duration::from_secs(seconds),
        now: SystemTime::now(),
    }
}

fn advance(lease: &mut dyn Lease, settled: Vec<Settled>, claim: Claim) -> Advanced {
    block_on(lease.advance(settled, claim)).unwrap()
}

fn ids(advanced: &Advanced) -> Vec<i64> {
    advanced.claimed.iter().map(|it| it.id.number()).collect()
}

fn delivered(id: i64) -> Settled {
    settled(id, Settlement::Delivered { process_id: None })
}

fn again(id: i64, seconds: u64) -> Settled {
    let at = Duration::from_secs(seconds);
    let failure = Failure::new("busy");
    settled(id, Settlement::Again { at, failure })
}

fn dead(id: i64, holds: bool) -> Settled {
    let failure = Failure::new("no").with_answer(400, Some(r#"{"faults":[]}"#.to_owned()));
    settled(id, Settlement::Dead { holds, failure })
}

fn settled(id: i64, settlement: Settlement) -> Settled {
    Settled {
        id: ChangeId::new(id).unwrap(),
        settlement,
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn open(folder: &Path) -> SqliteStore {
    SqliteStore::open(folder.join("shop.db")).unwrap()
}
