//! A store in memory, with the faults and pauses that a test wants. It never coalesces.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use tokio::time::sleep;

use crate::{
    Added, Advanced, ChangeId, Claim, Claimed, Counts, Entry, Failure, Filter, Lease, Mending,
    NewChange, OutboxStore, Settled, Settlement, StoreError, StoreErrorKind, Storing,
};

#[derive(Clone, Debug, Default)]
pub(super) struct FakeStore {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    rows: Vec<Row>,
    is_leased: bool,
    /// What the next steps give.
    faults: VecDeque<StoreError>,
    /// How long a step takes.
    step: Duration,
    has_news: bool,
    news_asked: u32,
    /// The moment that steps give as that of the next pause's end.
    next: Option<Duration>,
    steps: Vec<Step>,
    forgotten: Vec<(SystemTime, usize)>,
    /// How many there are to be forgotten.
    forgettable: u64,
}

/// A step that was asked for.
#[derive(Clone, Debug)]
pub(super) struct Step {
    pub(super) settled: Vec<(ChangeId, Settlement)>,
    pub(super) limit: usize,
    pub(super) claimed: usize,
    pub(super) is_done: bool,
}

#[derive(Debug)]
struct Row {
    change: NewChange,
    attempts: u32,
    first_attempt: Option<SystemTime>,
    is_claimed: bool,
    at: Duration,
    settled: Vec<Settlement>,
}

impl Row {
    fn is_ended(&self) -> bool {
        matches!(
            self.settled.last(),
            Some(Settlement::Delivered { .. } | Settlement::Dead { .. })
        )
    }

    /// Whether what follows in its lane waits for it.
    fn blocks(&self) -> bool {
        match self.settled.last() {
            Some(Settlement::Dead { holds, .. }) => *holds,
            _ => !self.is_ended(),
        }
    }
}

impl FakeStore {
    pub(super) fn new() -> Self {
        Self::default()
    }

    fn with<R>(&self, act: impl FnOnce(&mut Inner) -> R) -> R {
        act(&mut self.inner.lock().unwrap())
    }

    /// The next steps fail so.
    pub(super) fn fail(&self, faults: impl IntoIterator<Item = StoreErrorKind>) {
        self.with(|inner| {
            let faults = faults.into_iter();
            inner.faults = faults
                .map(|kind| StoreError::new(kind, "as the test wants it"))
                .collect();
        });
    }

    pub(super) fn steps_take(&self, time: Duration) {
        self.with(|inner| inner.step = time);
    }

    /// Every step says that a pause ends then.
    pub(super) fn always_next(&self, next: Duration) {
        self.with(|inner| inner.next = Some(next));
    }

    /// Another program puts a change in.
    pub(super) fn put_from_elsewhere(&self, change: NewChange) {
        self.with(|inner| {
            inner.push(change);
            inner.has_news = true;
        });
    }

    pub(super) fn began_long_ago(&self, id: ChangeId, time: Duration) {
        self.with(|inner| {
            inner.row(id).first_attempt = Some(SystemTime::now() - time);
        });
    }

    pub(super) fn is_leased(&self) -> bool {
        self.with(|inner| inner.is_leased)
    }

    pub(super) fn news_asked(&self) -> u32 {
        self.with(|inner| inner.news_asked)
    }

    pub(super) fn steps(&self) -> Vec<Step> {
        self.with(|inner| inner.steps.clone())
    }

    /// How the attempts at a change were settled.
    pub(super) fn settled(&self, id: ChangeId) -> Vec<Settlement> {
        self.with(|inner| inner.row(id).settled.clone())
    }

    pub(super) fn delivered(&self) -> usize {
        self.with(|inner| {
            let is_delivered =
                |row: &&Row| matches!(row.settled.last(), Some(Settlement::Delivered { .. }));
            inner.rows.iter().filter(is_delivered).count()
        })
    }

    /// How the last attempt at a change failed.
    pub(super) fn failure(&self, id: ChangeId) -> Failure {
        match self.settled(id).pop() {
            Some(Settlement::Again { failure, .. } | Settlement::Dead { failure, .. }) => failure,
            other => panic!("{other:?}"),
        }
    }

    pub(super) fn make_forgettable(&self, count: u64) {
        self.with(|inner| inner.forgettable = count);
    }

    pub(super) fn forgotten(&self) -> Vec<(SystemTime, usize)> {
        self.with(|inner| inner.forgotten.clone())
    }
}

impl Inner {
    fn push(&mut self, change: NewChange) -> ChangeId {
        self.rows.push(Row {
            change,
            attempts: 0,
            first_attempt: None,
            is_claimed: false,
            at: Duration::ZERO,
            settled: Vec::new(),
        });
        ChangeId::new(self.rows.len().try_into().unwrap()).unwrap()
    }

    fn row(&mut self, id: ChangeId) -> &mut Row {
        &mut self.rows[usize::try_from(id.number()).unwrap() - 1]
    }

    fn settle(&mut self, settled: &[Settled]) {
        for Settled { id, settlement } in settled {
            let row = self.row(*id);
            assert!(row.is_claimed, "{id} was not claimed");
            row.is_claimed = false;
            match settlement {
                Settlement::Again { at, .. } => row.at = *at,
                Settlement::Unattempted => row.attempts -= 1,
                _ => {}
            }
            row.settled.push(settlement.clone());
        }
    }

    fn claim(&mut self, claim: Claim) -> Advanced {
        let mut order: Vec<usize> = (0..self.rows.len()).collect();
        order.sort_by_key(|index| self.rows[*index].attempts > 0);
        let mut advanced = Advanced::default();
        for index in order {
            let row = &self.rows[index];
            let record = &row.change.record;
            let is_first = !self.rows[..index]
                .iter()
                .any(|other| other.change.record == *record && other.blocks());
            if row.is_ended() || row.is_claimed || !is_first {
                continue;
            }
            if row.at > claim.elapsed {
                let next = advanced.next.map_or(row.at, |next| next.min(row.at));
                advanced.next = Some(next);
                continue;
            }
            if advanced.claimed.len() == claim.limit {
                continue;
            }
            let row = &mut self.rows[index];
            row.is_claimed = true;
            row.attempts += 1;
            advanced.claimed.push(Claimed {
                id: ChangeId::new((index + 1).try_into().unwrap()).unwrap(),
                request: row.change.request.clone(),
                record: row.change.record.clone(),
                attempt: row.attempts,
                enqueued: row.change.now,
                first_attempt: *row.first_attempt.get_or_insert(claim.now),
            });
        }
        advanced.next = self.next.or(advanced.next);
        advanced
    }
}

impl OutboxStore for FakeStore {
    fn add(&self, change: NewChange) -> Storing<'_, Added> {
        Box::pin(async move { Ok(Added::new(self.with(|inner| inner.push(change)), None)) })
    }

    fn lease(&self) -> Storing<'_, Box<dyn Lease>> {
        Box::pin(async {
            if self.with(|inner| std::mem::replace(&mut inner.is_leased, true)) {
                let message = "another sender has the lease";
                return Err(StoreError::new(StoreErrorKind::Leased, message));
            }
            Ok(Box::new(FakeLease(self.clone())) as Box<dyn Lease>)
        })
    }

    fn counts(&self, _up_to: Option<ChangeId>) -> Storing<'_, Counts> {
        unreachable!("the sender does not count")
    }

    fn last(&self) -> Storing<'_, Option<ChangeId>> {
        unreachable!("the sender does not look")
    }

    fn is_moving(&self, _up_to: ChangeId) -> Storing<'_, bool> {
        unreachable!("the sender does not look")
    }

    fn list(
        &self,
        _filter: Filter,
        _after: Option<ChangeId>,
        _limit: usize,
    ) -> Storing<'_, Vec<Entry>> {
        unreachable!("the sender does not look")
    }

    fn show(&self, _id: ChangeId) -> Storing<'_, Option<Entry>> {
        unreachable!("the sender does not look")
    }

    fn mend(&self, _id: ChangeId, _mending: Mending) -> Storing<'_, ()> {
        unreachable!("the sender does not mend")
    }

    fn retry_all(&self) -> Storing<'_, u64> {
        unreachable!("the sender does not mend")
    }

    fn forget(&self, before: SystemTime, limit: usize) -> Storing<'_, u64> {
        Box::pin(async move {
            Ok(self.with(|inner| {
                inner.forgotten.push((before, limit));
                let count = inner.forgettable.min(limit as u64);
                inner.forgettable -= count;
                count
            }))
        })
    }
}

#[derive(Debug)]
struct FakeLease(FakeStore);

impl Lease for FakeLease {
    fn advance(&mut self, settled: Vec<Settled>, claim: Claim) -> Storing<'_, Advanced> {
        Box::pin(async move {
            let (time, index) = self.0.with(|inner| {
                inner.has_news = false;
                inner.steps.push(Step {
                    settled: settled
                        .iter()
                        .map(|one| (one.id, one.settlement.clone()))
                        .collect(),
                    limit: claim.limit,
                    claimed: 0,
                    is_done: false,
                });
                (inner.step, inner.steps.len() - 1)
            });
            if !time.is_zero() {
                sleep(time).await;
            }
            self.0.with(|inner| {
                if let Some(error) = inner.faults.pop_front() {
                    return Err(error);
                }
                inner.settle(&settled);
                let advanced = inner.claim(claim);
                inner.steps[index].is_done = true;
                inner.steps[index].claimed = advanced.claimed.len();
                Ok(advanced)
            })
        })
    }

    fn has_news(&mut self) -> Storing<'_, bool> {
        Box::pin(async {
            Ok(self.0.with(|inner| {
                inner.news_asked += 1;
                inner.has_news
            }))
        })
    }
}

impl Drop for FakeLease {
    fn drop(&mut self) {
        self.0.with(|inner| {
            inner.is_leased = false;
            for row in &mut inner.rows {
                row.is_claimed = false;
            }
        });
    }
}
