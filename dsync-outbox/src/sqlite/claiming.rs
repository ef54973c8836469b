//! Changes go out: what may be attempted next is claimed.

use std::collections::{HashMap, HashSet, VecDeque};

use dsync_sqlite::{FileError, Work, is_unreadable};
use rusqlite::{Connection, params};

use super::lanes::{Candidate, Lane, candidate, head};
use super::values::{self, REQUEST};
use crate::{Advanced, ChangeId, Claim, Claimed, Failure, Settled, Settlement};

/// How many changes a step looks at, at most: it holds up everybody who writes.
pub(super) const MOST_LOOKED_AT: usize = 4096;

/// How many of them are read at a time.
pub(super) const CHUNK: usize = 256;

/// What the holder of a lease knows, in memory: what is claimed, and up to [`CHUNK`] lanes.
#[derive(Clone, Debug)]
pub(super) struct Course {
    pub(super) lease: i64,
    /// All changes up to this number were looked at: they are claimed, wait for a pause, are held, or follow
    /// one of those in its lane.
    pub(super) cursor: i64,
    pub(super) claimed: HashMap<ChangeId, Lane>,
    pub(super) busy: HashSet<Lane>,
    /// Lanes that may have a change to be claimed next, at or below the cursor.
    pub(super) freed: VecDeque<Lane>,
    /// Whether retries get the larger half of the next odd number of places.
    odd_to_retries: bool,
}

impl Course {
    pub(super) fn new(lease: i64) -> Self {
        Self {
            lease,
            cursor: 0,
            claimed: HashMap::new(),
            busy: HashSet::new(),
            freed: VecDeque::new(),
            odd_to_retries: false,
        }
    }

    pub(super) fn advance(
        &mut self,
        connection: &Connection,
        settled: Vec<Settled>,
        claim: Claim,
    ) -> Work<Advanced> {
        self.check(connection)?;
        for Settled { id, settlement } in settled {
            self.settle(connection, id, settlement, claim)?;
        }

        let mut advanced = Advanced::default();
        if claim.limit > 0 {
            // Half of one is nothing, so the odd place goes to them every other time.
            let is_odd = claim.limit % 2 == 1;
            let share_of_retries = claim.limit / 2 + usize::from(is_odd && self.odd_to_retries);
            self.claim_paused(connection, claim, share_of_retries, &mut advanced)?;
            self.claim_all_freed(connection, claim, &mut advanced)?;
            self.claim_new(connection, claim, &mut advanced)?;
            self.claim_paused(connection, claim, claim.limit, &mut advanced)?;
            if advanced.claimed.len() == claim.limit {
                advanced.has_more = true;
                self.odd_to_retries ^= is_odd;
            }
        }
        self.set_freed_aside(connection)?;
        advanced.next = self.next_pause_end(connection, claim.elapsed)?;
        Ok(advanced)
    }

    /// Whoever has lost the lease and does not know it changes nothing.
    fn check(&self, connection: &Connection) -> Work<()> {
        let last: i64 = connection
            .prepare_cached("SELECT lease FROM dsync_outbox_meta")?
            .query_row((), |row| row.get(0))?;
        if last == self.lease {
            Ok(())
        } else {
            Err(FileError::refused("the lease has gone to another sender").into())
        }
    }

    /// Changes that were not looked at yet, oldest first.
    fn claim_new(
        &mut self,
        connection: &Connection,
        claim: Claim,
        advanced: &mut Advanced,
    ) -> Work<()> {
        let mut looked_at = 0;
        while advanced.claimed.len() < claim.limit {
            if looked_at >= MOST_LOOKED_AT {
                advanced.has_more = true;
                return Ok(());
            }
            let chunk: Vec<(Candidate, bool)> = connection
                .prepare_cached(
                    "SELECT number, entity, record, dead FROM dsync_outbox_change
                     WHERE number > ?1 ORDER BY number LIMIT ?2",
                )?
                .query_and_then(params![self.cursor, values::limit(CHUNK)], |row| {
                    Ok((candidate(row, 0)?, row.get::<_, i64>(3)? > 0))
                })?
                .collect::<rusqlite::Result<_>>()?;
            let is_last = chunk.len() < CHUNK;
            for (found, is_dead) in chunk {
                if advanced.claimed.len() == claim.limit {
                    return Ok(());
                }
                self.cursor = found.id.number();
                looked_at += 1;
                if is_dead || self.busy.contains(&found.lane) {
                    continue;
                }
                let head = head(connection, &found.lane)?;
                if head.is_some_and(|head| head.id == found.id)
                    && !self.pauses(connection, found.id, claim.elapsed)?
                {
                    self.claim(connection, found, claim, advanced)?;
                }
            }
            if is_last {
                return Ok(());
            }
        }
        Ok(())
    }

    pub(super) fn claim(
        &mut self,
        connection: &Connection,
        Candidate { id, lane }: Candidate,
        claim: Claim,
        advanced: &mut Advanced,
    ) -> Work<()> {
        let (attempt, first_attempt) = connection
            .prepare_cached(
                "INSERT INTO dsync_outbox_attempt (number, attempts, first_attempt, lease)
                 VALUES (?1, 1, ?2, ?3)
                 ON CONFLICT (number) DO UPDATE
                 SET first_attempt = iif(attempts = 0, ?2, coalesce(first_attempt, ?2)),
                     attempts = attempts + 1, lease = ?3, pause_end = NULL, ended = NULL
                 RETURNING attempts, first_attempt",
            )?
            .query_row(
                params![id.number(), values::time(claim.now), self.lease],
                |row| Ok((values::to_count(row, 0)?, row.get(1)?)),
            )?;
        self.claimed.insert(id, lane.clone());
        self.busy.insert(lane);
        let read = connection
            .prepare_cached(&format!(
                "SELECT c.enqueued, {REQUEST}
                 FROM dsync_outbox_change AS c JOIN dsync_outbox_entity AS e ON e.number = c.entity
                 WHERE c.number = ?1"
            ))?
            .query_row([id.number()], |row| {
                Ok(Claimed {
                    id,
                    request: values::to_request(row, 1)?,
                    record: values::to_entity_id(row, 2)?,
                    attempt,
                    enqueued: values::to_time(row.get(0)?),
                    first_attempt: values::to_time(first_attempt),
                })
            });
        match read {
            Ok(claimed) => advanced.claimed.push(claimed),
            // It must not hold up what others have put in.
            Err(error) if is_unreadable(&error) => {
                tracing::error!(%id, %error, "a change cannot be read: it is a dead letter");
                let failure = Failure::new(format!("the change cannot be read: {error}"));
                let holds = true;
                self.settle(connection, id, Settlement::Dead { holds, failure }, claim)?;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }
}
