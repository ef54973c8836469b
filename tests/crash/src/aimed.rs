//! Wrappers that kill their own program at one moment.

use std::process::{Command, id};
use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime};

use dsync_core::wire::RealtimeRequest;
use dsync_core::{Carried, Carrier, Carrying, KeyCheck};
use dsync_outbox::{
    Added, ChangeId, Counts, Entry, Filter, Lease, Mending, NewChange, OutboxStore, SqliteStore,
    Storing,
};

use crate::Ledger;

/// When a program kills itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Moment {
    /// The store has committed a change, and has not answered yet.
    Commit,
    /// The program's own transaction is committed, and nobody knows yet.
    OwnCommit,
    /// The platform has accepted a change, and nobody knows yet.
    Answer,
}

/// A moment, and how often it passes before.
#[derive(Clone, Debug)]
pub struct Aim {
    moment: Moment,
    left: Arc<AtomicI64>,
}

impl Aim {
    /// Kills the program if this is the moment; the ledger knows first.
    pub(crate) fn at(&self, moment: Moment, ledger: &Ledger) {
        if moment == self.moment && self.left.fetch_sub(1, Ordering::Relaxed) == 1 {
            // Without it the harness waits in vain, and says so.
            let _ = ledger.say(format_args!("aimed {moment:?}"));
            loop {
                let _ = Command::new("kill")
                    .args(["-9", &id().to_string()])
                    .status();
            }
        }
    }
}

impl FromStr for Aim {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (moment, left) = text.split_once(':').ok_or("MOMENT:COUNT")?;
        let moments = [Moment::Commit, Moment::OwnCommit, Moment::Answer];
        let moment = moments
            .into_iter()
            .find(|known| format!("{known:?}") == moment)
            .ok_or("no such moment")?;
        let left = left.parse().map_err(|_| "no count")?;
        Ok(Self {
            moment,
            left: Arc::new(AtomicI64::new(left)),
        })
    }
}

/// A store that may not live to answer.
#[derive(Debug)]
pub(crate) struct AimedStore {
    pub(crate) inner: SqliteStore,
    pub(crate) aim: Option<Aim>,
    pub(crate) ledger: Arc<Ledger>,
}

impl OutboxStore for AimedStore {
    fn add(&self, change: NewChange) -> Storing<'_, Added> {
        Box::pin(async move {
            let added = self.inner.add(change).await?;
            if let Some(aim) = &self.aim {
                aim.at(Moment::Commit, &self.ledger);
            }
            Ok(added)
        })
    }

    fn lease(&self) -> Storing<'_, Box<dyn Lease>> {
        self.inner.lease()
    }

    fn counts(&self, up_to: Option<ChangeId>) -> Storing<'_, Counts> {
        self.inner.counts(up_to)
    }

    fn last(&self) -> Storing<'_, Option<ChangeId>> {
        self.inner.last()
    }

    fn is_moving(&self, up_to: ChangeId) -> Storing<'_, bool> {
        self.inner.is_moving(up_to)
    }

    fn list(
        &self,
        filter: Filter,
        after: Option<ChangeId>,
        limit: usize,
    ) -> Storing<'_, Vec<Entry>> {
        self.inner.list(filter, after, limit)
    }

    fn show(&self, id: ChangeId) -> Storing<'_, Option<Entry>> {
        self.inner.show(id)
    }

    fn mend(&self, id: ChangeId, mending: Mending) -> Storing<'_, ()> {
        self.inner.mend(id, mending)
    }

    fn retry_all(&self) -> Storing<'_, u64> {
        self.inner.retry_all()
    }

    fn forget(&self, before: SystemTime, limit: usize) -> Storing<'_, u64> {
        self.inner.forget(before, limit)
    }
}

/// A carrier that tells of each attempt before it begins, and may not live to tell of its answer.
pub(crate) struct AimedCarrier<C> {
    pub(crate) inner: C,
    pub(crate) aim: Option<Aim>,
    pub(crate) ledger: Arc<Ledger>,
}

impl<C: Carrier> Carrier for AimedCarrier<C> {
    fn carry<'a>(&'a self, request: &'a RealtimeRequest) -> Carrying<'a> {
        Box::pin(async move {
            let key = request.idempotency_key().map_or("", |key| key.as_str());
            // The harness misses a line that cannot be said.
            let _ = self.ledger.say(format_args!("attempt {key}"));
            // The ways of a network differ: what is under way at the same time overtakes.
            let way = u64::from(key.bytes().last().unwrap_or(0)) % 4;
            tokio::time::sleep(Duration::from_millis(way)).await;
            let carried = self.inner.carry(request).await;
            let _ = self.ledger.say(format_args!("answered {key}"));
            if let (Carried::Accepted(_), Some(aim)) = (&carried, &self.aim) {
                aim.at(Moment::Answer, &self.ledger);
            }
            carried
        })
    }

    fn has_new_key(&self) -> KeyCheck<'_> {
        self.inner.has_new_key()
    }
}
