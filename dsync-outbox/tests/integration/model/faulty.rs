//! A store that fails now and then, and whose every step is held against the ledger.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, SystemTime};

use dsync_outbox::{
    Added, Advanced, ChangeId, Claim, Counts, Entry, Filter, Lease, Mending, NewChange,
    OutboxStore, Settled, Settlement, StoreError, StoreErrorKind, Storing,
};
use pollster::block_on;
use tokio::time::sleep;

use super::clock::Ticks;
use super::world::World;

/// A handle of one program. What the store inside does takes no time on the runtime's clock; what comes
/// before and after does.
#[derive(Debug)]
pub(crate) struct Faulty {
    inner: Arc<dyn OutboxStore>,
    faults: Faults,
}

#[derive(Clone, Debug)]
struct Faults {
    world: World,
    /// A sync has failed.
    is_lost: Arc<AtomicBool>,
}

/// What is to become of a call that is carried out.
struct Passage {
    after: Duration,
    is_lost: bool,
}

fn error(kind: StoreErrorKind) -> StoreError {
    StoreError::new(kind, "a fault that was made")
}

impl Faults {
    /// The time before the store does something, and whether it does.
    async fn before(&self) -> Result<Passage, StoreError> {
        if self.is_lost.load(Ordering::Relaxed) {
            return Err(error(StoreErrorKind::NotSynced));
        }
        let (before, passage, fault) = {
            let mut state = self.world.now();
            let is_calm = state.is_calm;
            let chance = &mut state.chance;
            let before = match !is_calm && chance.one_in(3) {
                true => chance.millis(1, 300),
                false => Duration::ZERO,
            };
            let passage = Passage {
                after: match !is_calm && chance.one_in(3) {
                    true => chance.millis(1, 300),
                    false => Duration::ZERO,
                },
                is_lost: !is_calm && chance.one_in(300),
            };
            let fails = chance.below(100);
            let fault = match fails {
                0 => Some(StoreErrorKind::NotSynced),
                1..4 => Some(StoreErrorKind::Busy),
                4 => Some(StoreErrorKind::Other),
                _ if state.is_disk_full => Some(StoreErrorKind::Full),
                _ => None,
            };
            (before, passage, fault.filter(|_| !is_calm))
        };
        if !before.is_zero() {
            sleep(before).await;
        }
        let Some(kind) = fault else {
            return Ok(passage);
        };
        let mut state = self.world.now();
        state.tally.store_faults += 1;
        state.tally.disks_full += u64::from(kind == StoreErrorKind::Full);
        if kind == StoreErrorKind::NotSynced {
            state.tally.syncs_failed += 1;
            self.is_lost.store(true, Ordering::Relaxed);
        }
        Err(error(kind))
    }

    /// The time after the store has done something, and whether that is said.
    async fn after(&self, passage: Passage) -> Result<(), StoreError> {
        if !passage.after.is_zero() {
            sleep(passage.after).await;
        }
        if passage.is_lost {
            self.world.now().tally.syncs_failed += 1;
            self.is_lost.store(true, Ordering::Relaxed);
            return Err(error(StoreErrorKind::NotSynced));
        }
        Ok(())
    }
}

impl Faulty {
    pub(crate) fn new(inner: Arc<dyn OutboxStore>, world: World) -> Self {
        Self {
            inner,
            faults: Faults {
                world,
                is_lost: Arc::default(),
            },
        }
    }

    /// Whether this handle, and its lease, are given up.
    pub(crate) fn is_lost(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.faults.is_lost)
    }

    fn look<'a, T: Send + 'a>(&'a self, looking: Storing<'a, T>) -> Storing<'a, T> {
        Box::pin(async move {
            let passage = self.faults.before().await?;
            let seen = block_on(looking)?;
            self.faults.after(passage).await?;
            Ok(seen)
        })
    }
}

/// A change that is kept, which nobody was told yet.
struct Unsaid<'a>(Option<&'a World>);

impl Drop for Unsaid<'_> {
    fn drop(&mut self) {
        if let Some(world) = self.0 {
            world.now().tally.crashes_before_acknowledgement += 1;
        }
    }
}

impl OutboxStore for Faulty {
    fn add(&self, change: NewChange) -> Storing<'_, Added> {
        Box::pin(async move {
            let passage = self.faults.before().await?;
            let added = block_on(self.inner.add(change.clone()))?;
            self.faults.world.now().added(&change, &added);
            let mut unsaid = Unsaid(Some(&self.faults.world));
            let said = self.faults.after(passage).await;
            unsaid.0 = None;
            said?;
            Ok(added)
        })
    }

    fn lease(&self) -> Storing<'_, Box<dyn Lease>> {
        Box::pin(async move {
            let passage = self.faults.before().await?;
            let lease = FaultyLease {
                inner: block_on(self.inner.lease())?,
                faults: self.faults.clone(),
            };
            self.faults.after(passage).await?;
            Ok(Box::new(lease) as Box<dyn Lease>)
        })
    }

    fn counts(&self, up_to: Option<ChangeId>) -> Storing<'_, Counts> {
        self.look(self.inner.counts(up_to))
    }

    fn last(&self) -> Storing<'_, Option<ChangeId>> {
        self.look(self.inner.last())
    }

    fn is_moving(&self, up_to: ChangeId) -> Storing<'_, bool> {
        self.look(self.inner.is_moving(up_to))
    }

    fn list(
        &self,
        filter: Filter,
        after: Option<ChangeId>,
        limit: usize,
    ) -> Storing<'_, Vec<Entry>> {
        self.look(self.inner.list(filter, after, limit))
    }

    fn show(&self, id: ChangeId) -> Storing<'_, Option<Entry>> {
        self.look(self.inner.show(id))
    }

    fn mend(&self, id: ChangeId, mending: Mending) -> Storing<'_, ()> {
        Box::pin(async move {
            let passage = self.faults.before().await?;
            block_on(self.inner.mend(id, mending.clone()))?;
            self.faults.world.now().mended(id, &mending);
            self.faults.after(passage).await
        })
    }

    fn retry_all(&self) -> Storing<'_, u64> {
        Box::pin(async move {
            let passage = self.faults.before().await?;
            let count = block_on(self.inner.retry_all())?;
            self.faults.world.now().retried_all(count);
            self.faults.after(passage).await?;
            Ok(count)
        })
    }

    fn forget(&self, before: SystemTime, limit: usize) -> Storing<'_, u64> {
        self.look(self.inner.forget(before, limit))
    }
}

#[derive(Debug)]
struct FaultyLease {
    inner: Box<dyn Lease>,
    faults: Faults,
}

impl Drop for FaultyLease {
    fn drop(&mut self) {
        self.faults.world.now().lease_ended();
    }
}

impl Lease for FaultyLease {
    fn advance(&mut self, mut settled: Vec<Settled>, claim: Claim) -> Storing<'_, Advanced> {
        for Settled { settlement, .. } in &mut settled {
            if let Settlement::Again { at, .. } = settlement {
                // The sender's jitter must not decide who is first.
                *at = Ticks::tick_after(*at);
            }
        }
        Box::pin(async move {
            let passage = self.faults.before().await?;
            let advanced = block_on(self.inner.advance(settled.clone(), claim))?;
            self.faults.world.now().advanced(&settled, claim, &advanced);
            self.faults.after(passage).await?;
            Ok(advanced)
        })
    }

    fn has_news(&mut self) -> Storing<'_, bool> {
        Box::pin(async move {
            let passage = self.faults.before().await?;
            let has_news = block_on(self.inner.has_news())?;
            self.faults.after(passage).await?;
            Ok(has_news)
        })
    }
}
