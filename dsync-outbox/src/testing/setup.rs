//! What the checks have in common.

use std::future::Future;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dsync_core::wire::RealtimeRequest;
use dsync_core::{EntityId, EntityToken, IdempotencyKey};

use super::StoreUnderTest;
use crate::store::{
    Advanced, Claim, Claimed, Coalescing, Lease, NewChange, OutboxStore, Settled, Settlement,
};
use crate::{ChangeId, Entry, Failure, State, StoreError};

/// What a check gives: an error fails it too.
pub(super) type Checked = Result<(), StoreError>;

/// The date and time, so many seconds after the checks began.
pub(super) fn date(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000 + seconds)
}

pub(super) fn seconds(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub(super) fn token() -> EntityToken {
    EntityToken::new("shop-product-1").expect("visible ASCII")
}

pub(super) fn record(id: &str) -> EntityId {
    EntityId::new(id).expect("a short text")
}

fn whole(id: &str, request: RealtimeRequest) -> NewChange {
    let request = request.with_id(record(id), "sku").expect("a short name");
    NewChange {
        record: Some(record(id)),
        request,
        idempotency_key: IdempotencyKey::generate(),
        coalescing: Coalescing::Whole,
        now: date(0),
    }
}

pub(super) fn create(id: &str, body: &'static str) -> NewChange {
    whole(id, RealtimeRequest::create(token(), body))
}

pub(super) fn update(id: &str, body: &'static str) -> NewChange {
    whole(id, RealtimeRequest::update(token(), body))
}

pub(super) fn delete(id: &str) -> NewChange {
    whole(id, RealtimeRequest::delete(token(), record(id)))
}

/// A change that stays as it is.
pub(super) fn raw(id: &str, body: &'static str) -> NewChange {
    NewChange {
        coalescing: Coalescing::Never,
        ..update(id, body)
    }
}

/// A create whose record has no key.
pub(super) fn keyless(body: &'static str) -> NewChange {
    NewChange {
        record: None,
        request: RealtimeRequest::create(token(), body),
        ..raw("none", "")
    }
}

pub(super) fn sole(change: NewChange) -> NewChange {
    NewChange {
        coalescing: Coalescing::SolePublisher,
        ..change
    }
}

pub(super) fn at(seconds: u64, change: NewChange) -> NewChange {
    NewChange {
        now: date(seconds),
        ..change
    }
}

pub(super) fn failure() -> Failure {
    Failure::new("no").with_answer(503, None)
}

pub(super) fn accepted() -> Settlement {
    Settlement::Delivered { process_id: None }
}

pub(super) fn dead(holds: bool) -> Settlement {
    Settlement::Dead {
        holds,
        failure: failure(),
    }
}

/// To be tried again when the lease is so many seconds old.
pub(super) fn again(after: u64) -> Settlement {
    Settlement::Again {
        at: seconds(after),
        failure: failure(),
    }
}

/// A program that adds changes and looks in.
pub(super) struct Program(pub(super) Arc<dyn OutboxStore>);

impl Program {
    pub(super) async fn new(store: &impl StoreUnderTest) -> Result<Self, StoreError> {
        store.open().await.map(Self)
    }

    pub(super) async fn add(&self, change: NewChange) -> Result<ChangeId, StoreError> {
        self.0.add(change).await.map(|added| added.id)
    }

    pub(super) async fn sender(&self) -> Result<Sender, StoreError> {
        Ok(Sender {
            lease: self.0.lease().await?,
            elapsed: Duration::ZERO,
            now: date(Sender::NOW),
        })
    }

    pub(super) async fn entry(&self, id: ChangeId) -> Result<Entry, StoreError> {
        let entry = self.0.show(id).await?;
        Ok(entry.unwrap_or_else(|| panic!("the change {id} is lost")))
    }

    pub(super) async fn state(&self, id: ChangeId) -> Result<State, StoreError> {
        Ok(self.entry(id).await?.state)
    }

    /// Adds a change and makes a dead letter of it.
    pub(super) async fn dead_letter(
        &self,
        sender: &mut Sender,
        change: NewChange,
        holds: bool,
    ) -> Result<ChangeId, StoreError> {
        let id = self.add(change).await?;
        assert_eq!(sender.claim(1).await?, [id]);
        sender.settle(id, dead(holds)).await?;
        Ok(id)
    }
}

/// Whoever takes changes out.
pub(super) struct Sender {
    pub(super) lease: Box<dyn Lease>,
    pub(super) elapsed: Duration,
    /// The date and time that a step says.
    pub(super) now: SystemTime,
}

impl Sender {
    /// What a new one takes for now.
    pub(super) const NOW: u64 = 500;

    pub(super) async fn step(
        &mut self,
        settled: Vec<(ChangeId, Settlement)>,
        limit: usize,
    ) -> Result<Advanced, StoreError> {
        let settled = settled.into_iter();
        let settled = settled.map(|(id, settlement)| Settled { id, settlement });
        let claim = Claim {
            limit,
            elapsed: self.elapsed,
            now: self.now,
        };
        self.lease.advance(settled.collect(), claim).await
    }

    /// Claims until there are so many, or there is nothing more.
    pub(super) async fn claim_whole(&mut self, limit: usize) -> Result<Vec<Claimed>, StoreError> {
        let mut claimed = Vec::new();
        for _ in 0..10_000 {
            let advanced = self.step(Vec::new(), limit - claimed.len()).await?;
            claimed.extend(advanced.claimed);
            if claimed.len() >= limit || !advanced.has_more {
                return Ok(claimed);
            }
        }
        panic!("the store says for ever that there is more");
    }

    /// Claims one after the other until it is this one's turn.
    pub(super) async fn claim_up_to(&mut self, id: ChangeId) -> Checked {
        loop {
            let claimed = self.claim(1).await?;
            if claimed.contains(&id) {
                return Ok(());
            }
            assert_ne!(claimed, [], "{id} is never claimed");
        }
    }

    pub(super) async fn claim(&mut self, limit: usize) -> Result<Vec<ChangeId>, StoreError> {
        let claimed = self.claim_whole(limit).await?;
        Ok(ids(&claimed))
    }

    pub(super) async fn settle(&mut self, id: ChangeId, settlement: Settlement) -> Checked {
        self.step(vec![(id, settlement)], 0).await.map(drop)
    }

    /// Looks until there is no news, which comes to an end: what a store takes for news at most is what
    /// this sender has done itself.
    pub(super) async fn has_seen_all(&mut self) -> Checked {
        for _ in 0..5 {
            assert_eq!(self.claim(10).await?, []);
            if !self.lease.has_news().await? {
                return Ok(());
            }
        }
        panic!("there is news, though nothing has come");
    }

    /// Delivers whatever can be claimed.
    pub(super) async fn drain(&mut self) -> Checked {
        loop {
            let claimed = self.claim(100).await?;
            if claimed.is_empty() {
                return Ok(());
            }
            let settled = claimed.into_iter().map(|id| (id, accepted()));
            self.step(settled.collect(), 0).await?;
        }
    }

    /// Claims the next one, which has to be the only one.
    pub(super) async fn only(&mut self) -> Result<Claimed, StoreError> {
        let mut claimed = self.claim_whole(100).await?;
        assert_eq!(claimed.len(), 1, "{:?}", ids(&claimed));
        Ok(claimed.remove(0))
    }
}

pub(super) fn ids(claimed: &[Claimed]) -> Vec<ChangeId> {
    claimed.iter().map(|claimed| claimed.id).collect()
}

pub(super) fn entry_ids(entries: &[Entry]) -> Vec<ChangeId> {
    entries.iter().map(|entry| entry.id).collect()
}

pub(super) fn bytes(text: &'static str) -> Bytes {
    Bytes::from_static(text.as_bytes())
}

/// Whether the error is of a kind, and nothing but an error.
pub(super) async fn fails<T>(
    call: impl Future<Output = Result<T, StoreError>>,
    kind: crate::StoreErrorKind,
) -> bool {
    call.await.is_err_and(|error| error.kind() == kind)
}
