//! All changes, and what can be done with them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Bound;
use std::time::SystemTime;

use super::refused;
use super::row::{Lane, Row};
use crate::store::{Added, Mending, NewChange};
use crate::{ChangeId, Counts, Entry, Filter, State, StoreError};

#[derive(Debug, Default)]
pub(super) struct Contents {
    /// Pending ones and dead letters.
    pub(super) open: BTreeMap<ChangeId, Row>,
    /// Those of the open ones that are of one lane.
    lanes: BTreeMap<Lane, BTreeSet<ChangeId>>,
    ended: BTreeMap<ChangeId, Row>,
    last: i64,
    pub(super) is_leased: bool,
    /// Counts what may have made something claimable, apart from the lease.
    pub(super) news: u64,
}

impl Contents {
    pub(super) fn add(&mut self, change: NewChange) -> Added {
        self.last += 1;
        self.news += 1;
        let id = ChangeId::new(self.last).expect("the first number is one, and they grow");
        let new = Row::new(change);
        let now = new.enqueued;

        let lane = new.lane(id);
        let last_open = self.lanes.get(&lane).and_then(BTreeSet::last).copied();
        let coalesced = last_open.and_then(|last| Some((last, self.open[&last].coalesced(&new)?)));
        let Some((superseded, row)) = coalesced else {
            self.put(id, new);
            return Added::new(id, None);
        };
        self.change(superseded, |row| row.end(State::Superseded { by: id }, now));
        let needs_sending = row.is_open();
        self.put(id, row);
        if needs_sending {
            Added::new(id, Some(superseded))
        } else {
            Added::needs_no_sending(id, superseded)
        }
    }

    /// Changes an open one.
    pub(super) fn change(&mut self, id: ChangeId, act: impl FnOnce(&mut Row)) {
        let mut row = self.open.remove(&id).expect("the caller has seen it");
        let lane = row.lane(id);
        if let Some(ids) = self.lanes.get_mut(&lane) {
            ids.remove(&id);
            if ids.is_empty() {
                self.lanes.remove(&lane);
            }
        }
        act(&mut row);
        self.put(id, row);
    }

    fn put(&mut self, id: ChangeId, row: Row) {
        if row.is_open() {
            self.lanes.entry(row.lane(id)).or_default().insert(id);
            self.open.insert(id, row);
        } else {
            self.ended.insert(id, row);
        }
    }

    pub(super) fn mend(&mut self, id: ChangeId, mending: Mending) -> Result<(), StoreError> {
        let dead = self.open.get(&id).filter(|row| row.is_dead());
        let Some(dead) = dead else {
            return Err(refused(format!(
                "{id} is no dead letter; `list` shows those that are"
            )));
        };
        if matches!(mending, Mending::Edit { .. }) && !dead.request.operation().has_record() {
            return Err(refused(format!(
                "{id} is a delete, which has no record to edit: retry or drop it"
            )));
        }
        self.news += 1;
        self.change(id, |row| match mending {
            Mending::Retry => row.retry(),
            Mending::Edit {
                body,
                idempotency_key,
            } => {
                row.edit(body, idempotency_key);
                row.retry();
            }
            Mending::Pass => row.state = State::Dead { holds: false },
            Mending::Drop => row.state = State::Dropped,
        });
        Ok(())
    }

    pub(super) fn retry_all(&mut self) -> Result<u64, StoreError> {
        let dead = self.open.iter().filter(|(_, row)| row.is_dead());
        let dead: Vec<ChangeId> = dead.map(|(id, _)| *id).collect();
        for id in &dead {
            self.mend(*id, Mending::Retry)?;
        }
        Ok(dead.len() as u64)
    }

    pub(super) fn forget(&mut self, before: SystemTime, limit: usize) -> u64 {
        let old = self.ended.iter();
        let old = old.filter(|(_, row)| row.ended.is_some_and(|ended| ended < before));
        let old: Vec<ChangeId> = old.map(|(id, _)| *id).take(limit).collect();
        for id in &old {
            self.ended.remove(id);
        }
        old.len() as u64
    }

    pub(super) fn last(&self) -> Option<ChangeId> {
        ChangeId::new(self.last)
    }

    /// The state as it is seen: pending may be held.
    fn state(&self, id: ChangeId, row: &Row) -> State {
        if row.state != State::Pending {
            return row.state.clone();
        }
        let lane = self.lanes.get(&row.lane(id)).into_iter().flatten();
        let mut before = lane.take_while(|other| **other < id);
        match before.find(|other| self.open[other].holds()) {
            Some(by) => State::Held { by: *by },
            None => State::Pending,
        }
    }

    pub(super) fn is_moving(&self, up_to: ChangeId) -> bool {
        let mut rows = self.open.range(..=up_to);
        rows.any(|(id, row)| self.state(*id, row) == State::Pending)
    }

    pub(super) fn counts(&self, up_to: Option<ChangeId>) -> Counts {
        let mut counts = Counts::default();
        let up_to = up_to.map_or(Bound::Unbounded, Bound::Included);
        for (id, row) in self.open.range((Bound::Unbounded, up_to)) {
            match self.state(*id, row) {
                State::Dead { .. } => {
                    counts.dead += 1;
                    continue;
                }
                State::Held { .. } => counts.held += 1,
                _ => {}
            }
            counts.pending += 1;
            counts.oldest.get_or_insert(row.enqueued);
        }
        counts
    }

    pub(super) fn list(&self, filter: Filter, after: Option<ChangeId>, limit: usize) -> Vec<Entry> {
        let rows = match filter {
            Filter::Ended => &self.ended,
            Filter::Open | Filter::Pending | Filter::Dead => &self.open,
        };
        let after = after.map_or(Bound::Unbounded, Bound::Excluded);
        rows.range((after, Bound::Unbounded))
            .filter(|(_, row)| match filter {
                Filter::Pending => !row.is_dead(),
                Filter::Dead => row.is_dead(),
                Filter::Open | Filter::Ended => true,
            })
            .take(limit)
            .map(|(id, row)| row.entry(*id, self.state(*id, row), false))
            .collect()
    }

    pub(super) fn show(&self, id: ChangeId) -> Option<Entry> {
        let row = self.open.get(&id).or_else(|| self.ended.get(&id))?;
        Some(row.entry(id, self.state(id, row), true))
    }
}
