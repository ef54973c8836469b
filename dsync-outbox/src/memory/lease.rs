//! Who takes changes out.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use super::contents::Contents;
use super::row::Lane;
use super::{MemoryStore, refused};
use crate::store::{Advanced, Claim, Claimed, Lease, Settled, Settlement, Storing};
use crate::{ChangeId, State, StoreError, StoreErrorKind};

/// What a lease knows ends with it: pauses, and which lanes are busy.
#[derive(Debug)]
pub(super) struct MemoryLease {
    store: MemoryStore,
    /// What is claimed and not settled.
    claimed: BTreeMap<ChangeId, Lane>,
    /// When changes are tried again.
    pauses: BTreeMap<ChangeId, Duration>,
    /// What was new when changes were claimed last.
    seen: u64,
    /// Whether retries get the odd one of the next step.
    odd_to_retries: bool,
}

impl MemoryLease {
    pub(super) fn take(store: MemoryStore) -> Result<Self, StoreError> {
        let mut contents = store.contents();
        if contents.is_leased {
            return Err(StoreError::new(
                StoreErrorKind::Leased,
                "another sender has this outbox: end that one first",
            ));
        }
        contents.is_leased = true;
        let seen = contents.news;
        drop(contents);
        Ok(Self {
            store,
            claimed: BTreeMap::new(),
            pauses: BTreeMap::new(),
            seen,
            odd_to_retries: false,
        })
    }

    fn advance_now(&mut self, settled: Vec<Settled>, claim: Claim) -> Result<Advanced, StoreError> {
        let store = self.store.clone();
        let mut contents = store.contents();
        let mut ids = BTreeSet::new();
        for Settled { id, .. } in &settled {
            if !self.claimed.contains_key(id) || !ids.insert(*id) {
                return Err(refused(format!(
                    "{id} cannot be settled: it is not claimed"
                )));
            }
        }

        self.seen = contents.news;
        for Settled { id, settlement } in settled {
            self.claimed.remove(&id);
            if let Settlement::Again { at, .. } = &settlement {
                self.pauses.insert(id, *at);
            }
            contents.change(id, |row| row.settle(settlement, claim.now));
        }

        let (ids, has_more) = self.choose(&contents, &claim);
        let claimed = ids
            .into_iter()
            .map(|id| self.claim(&mut contents, id, &claim))
            .collect();
        let pauses = self.pauses.values().copied();
        Ok(Advanced {
            claimed,
            next: pauses.filter(|pause| *pause > claim.elapsed).min(),
            has_more,
        })
    }

    /// What to claim, and whether there is more.
    fn choose(&mut self, contents: &Contents, claim: &Claim) -> (Vec<ChangeId>, bool) {
        if claim.limit == 0 {
            return (Vec::new(), false);
        }
        let mut fresh = Vec::new();
        let mut retries = Vec::new();
        let mut closed: BTreeSet<Lane> = self.claimed.values().cloned().collect();
        for (id, row) in &contents.open {
            if row.state != State::Pending {
                if row.holds() {
                    closed.insert(row.lane(*id));
                }
                continue;
            }
            let pause = self.pauses.get(id).copied().unwrap_or_default();
            let is_first = closed.insert(row.lane(*id));
            if is_first && pause <= claim.elapsed {
                match row.attempts {
                    0 => fresh.push(*id),
                    // Whoever waits longest comes first, so that nobody waits for ever.
                    _ => retries.push((pause, *id)),
                }
            }
        }
        retries.sort_unstable();

        let half = self.half(claim.limit, !fresh.is_empty() && !retries.is_empty());
        let for_retries = half.max(claim.limit.saturating_sub(fresh.len()));
        let retries_taken = retries.len().min(for_retries);
        let fresh_taken = fresh.len().min(claim.limit - retries_taken);
        let has_more = retries_taken < retries.len() || fresh_taken < fresh.len();

        fresh.truncate(fresh_taken);
        retries.truncate(retries_taken);
        fresh.extend(retries.into_iter().map(|(_, id)| id));
        (fresh, has_more)
    }

    /// The part of a step that retries get at most while there are fresh ones. Of an odd number that is
    /// once the smaller, once the larger half: of one, it would be nothing for ever.
    fn half(&mut self, limit: usize, is_shared: bool) -> usize {
        if is_shared && limit % 2 == 1 {
            self.odd_to_retries = !self.odd_to_retries;
            return limit / 2 + usize::from(self.odd_to_retries);
        }
        limit / 2
    }

    fn claim(&mut self, contents: &mut Contents, id: ChangeId, claim: &Claim) -> Claimed {
        contents.change(id, |row| row.claim(claim.now));
        self.pauses.remove(&id);
        let row = &contents.open[&id];
        self.claimed.insert(id, row.lane(id));
        Claimed {
            id,
            request: row
                .request
                .clone()
                .with_idempotency_key(row.idempotency_key.clone()),
            record: row.record.clone(),
            attempt: row.attempts,
            enqueued: row.enqueued,
            first_attempt: row.first_attempt.unwrap_or(claim.now),
        }
    }
}

impl Lease for MemoryLease {
    fn advance(&mut self, settled: Vec<Settled>, claim: Claim) -> Storing<'_, Advanced> {
        Box::pin(async move { self.advance_now(settled, claim) })
    }

    fn has_news(&mut self) -> Storing<'_, bool> {
        Box::pin(async { Ok(self.store.contents().news != self.seen) })
    }
}

impl Drop for MemoryLease {
    fn drop(&mut self) {
        self.store.contents().is_leased = false;
    }
}
