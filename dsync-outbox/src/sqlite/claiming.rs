//! Changes go out: what may be attempted next is claimed.

use std::collections::{HashMap, HashSet, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use dsync_sqlite::{FileError, Work, is_unreadable};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::values::{self, REQUEST};
use crate::{Advanced, ChangeId, Claim, Claimed, Failure, Settled, Settlement};

/// How many changes a step looks at, at most: it holds up everybody who writes.
const MOST_LOOKED_AT: usize = 4096;

/// How many of them are read at a time.
const CHUNK: usize = 256;

/// A lane of changes that go one after the other.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Lane {
    Record {
        entity: i64,
        record: Arc<str>,
    },
    /// A change of a record without a key.
    Alone(ChangeId),
}

/// What the holder of a lease knows, in memory: never more than is claimed at a time.
#[derive(Clone, Debug)]
pub(super) struct Course {
    lease: i64,
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

/// A change that may be claimed.
struct Candidate {
    id: ChangeId,
    lane: Lane,
}

/// The first change of a lane that is not passed.
pub(super) struct Head {
    pub(super) id: ChangeId,
    pub(super) holds: bool,
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

    /// Lanes that somebody has freed by mending, in whatever program. Gives how many.
    fn take_freed(&mut self, connection: &Connection) -> Work<usize> {
        let mut statement = connection.prepare_cached(
            "SELECT place, number, entity, record FROM dsync_outbox_freed ORDER BY place LIMIT ?1",
        )?;
        let mut rows = statement.query([values::limit(CHUNK)])?;
        let mut last = None;
        let mut taken = 0;
        while let Some(row) = rows.next()? {
            taken += 1;
            last = Some(row.get::<_, i64>(0)?);
            let candidate = candidate(row, 1)?;
            if candidate.id.number() <= self.cursor {
                self.freed.push_back(candidate.lane);
            }
        }
        drop(rows);
        if let Some(last) = last {
            connection
                .prepare_cached("DELETE FROM dsync_outbox_freed WHERE place <= ?1")?
                .execute([last])?;
        }
        Ok(taken)
    }

    /// Keeps few lanes in memory, however many were freed and not claimed yet.
    fn set_freed_aside(&mut self, connection: &Connection) -> Work<()> {
        while self.freed.len() > CHUNK
            && let Some(lane) = self.freed.pop_back()
        {
            let (number, entity, record) = match &lane {
                Lane::Record { entity, record } => (self.cursor, *entity, Some(record)),
                Lane::Alone(id) => (id.number(), 0, None),
            };
            connection
                .prepare_cached(
                    "INSERT INTO dsync_outbox_freed (number, entity, record) VALUES (?1, ?2, ?3)",
                )?
                .execute(params![number, entity, record])?;
        }
        Ok(())
    }

    /// Changes whose pause has passed, longest ago first.
    fn claim_paused(
        &mut self,
        connection: &Connection,
        claim: Claim,
        limit: usize,
        advanced: &mut Advanced,
    ) -> Work<()> {
        let mut looked_at = 0;
        while advanced.claimed.len() < limit {
            if looked_at >= MOST_LOOKED_AT {
                advanced.has_more = true;
                break;
            }
            let due = self.due(connection, claim, limit - advanced.claimed.len())?;
            if due.is_empty() {
                break;
            }
            looked_at += due.len();
            for due in due {
                let head = head(connection, &due.lane)?;
                if head.is_some_and(|head| head.id == due.id && !head.holds)
                    && !self.busy.contains(&due.lane)
                {
                    self.claim(connection, due, claim, advanced)?;
                } else {
                    // An older one of its lane was revived meanwhile. When that is done with, it frees the
                    // lane.
                    end_pause(connection, due.id)?;
                }
            }
        }
        Ok(())
    }

    fn due(&self, connection: &Connection, claim: Claim, limit: usize) -> Work<Vec<Candidate>> {
        let due = connection
            .prepare_cached(
                "SELECT a.number, c.entity, c.record
                 FROM dsync_outbox_attempt AS a INDEXED BY dsync_outbox_pause
                 JOIN dsync_outbox_change AS c USING (number)
                 WHERE a.lease = ?1 AND a.pause_end <= ?2 ORDER BY a.pause_end LIMIT ?3",
            )?
            .query_and_then(
                params![
                    self.lease,
                    values::nanos(claim.elapsed),
                    values::limit(limit)
                ],
                |row| candidate(row, 0),
            )?
            .collect::<rusqlite::Result<_>>()?;
        Ok(due)
    }

    fn claim_all_freed(
        &mut self,
        connection: &Connection,
        claim: Claim,
        advanced: &mut Advanced,
    ) -> Work<()> {
        let mut looked_at = 0;
        loop {
            self.claim_freed(connection, claim, advanced)?;
            if advanced.claimed.len() == claim.limit {
                return Ok(());
            }
            if looked_at >= MOST_LOOKED_AT {
                advanced.has_more = true;
                return Ok(());
            }
            match self.take_freed(connection)? {
                0 => return Ok(()),
                taken => looked_at += taken,
            }
        }
    }

    fn claim_freed(
        &mut self,
        connection: &Connection,
        claim: Claim,
        advanced: &mut Advanced,
    ) -> Work<()> {
        while advanced.claimed.len() < claim.limit
            && let Some(lane) = self.freed.pop_front()
        {
            if self.busy.contains(&lane) {
                continue;
            }
            if let Some(Head { id, holds: false }) = head(connection, &lane)?
                // A younger one is met in its turn, so that a long lane does not hold up the others.
                && id.number() <= self.cursor
                && !self.pauses(connection, id, claim.elapsed)?
            {
                self.claim(connection, Candidate { id, lane }, claim, advanced)?;
            }
        }
        Ok(())
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

    /// Whether a change waits, because of an attempt under this lease.
    fn pauses(
        &self,
        connection: &Connection,
        id: ChangeId,
        elapsed: Duration,
    ) -> rusqlite::Result<bool> {
        connection
            .prepare_cached(
                "SELECT 1 FROM dsync_outbox_attempt
                 WHERE number = ?1 AND lease = ?2 AND pause_end > ?3",
            )?
            .exists(params![id.number(), self.lease, values::nanos(elapsed)])
    }

    fn claim(
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

    fn next_pause_end(
        &self,
        connection: &Connection,
        elapsed: Duration,
    ) -> rusqlite::Result<Option<Duration>> {
        let next: Option<i64> = connection
            .prepare_cached(
                "SELECT min(pause_end) FROM dsync_outbox_attempt INDEXED BY dsync_outbox_pause
                 WHERE lease = ?1 AND pause_end > ?2",
            )?
            .query_row([self.lease, values::nanos(elapsed)], |row| row.get(0))?;
        Ok(next.map(|next| Duration::from_nanos(next.unsigned_abs())))
    }
}

/// Number, entity and record in three columns.
fn candidate(row: &Row<'_>, first: usize) -> rusqlite::Result<Candidate> {
    let id = values::to_id(row, first)?;
    let record = row.get::<_, Option<Arc<str>>>(first + 2)?;
    Ok(Candidate {
        id,
        lane: match record {
            Some(record) => Lane::Record {
                entity: row.get(first + 1)?,
                record,
            },
            None => Lane::Alone(id),
        },
    })
}

pub(super) fn head(connection: &Connection, lane: &Lane) -> rusqlite::Result<Option<Head>> {
    let read = |row: &Row<'_>| {
        Ok(Head {
            id: values::to_id(row, 0)?,
            holds: row.get::<_, i64>(1)? == 1,
        })
    };
    match lane {
        Lane::Record { entity, record } => connection
            .prepare_cached(
                "SELECT number, dead FROM dsync_outbox_change INDEXED BY dsync_outbox_lane
                 WHERE entity = ?1 AND record = ?2 AND dead < 2 ORDER BY number LIMIT 1",
            )?
            .query_row(params![entity, record], read),
        Lane::Alone(id) => connection
            .prepare_cached(
                "SELECT number, dead FROM dsync_outbox_change WHERE number = ?1 AND dead < 2",
            )?
            .query_row([id.number()], read),
    }
    .optional()
}

fn end_pause(connection: &Connection, id: ChangeId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE dsync_outbox_attempt SET pause_end = NULL WHERE number = ?1")?
        .execute([id.number()])
        .map(drop)
}
