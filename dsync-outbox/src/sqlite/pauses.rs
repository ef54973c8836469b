//! Changes that wait before their next attempt.

use std::time::Duration;

use dsync_sqlite::Work;
use rusqlite::{Connection, params};

use super::claiming::{Course, MOST_LOOKED_AT};
use super::lanes::{Candidate, candidate, head};
use super::values;
use crate::{Advanced, ChangeId, Claim};

impl Course {
    /// Changes whose pause has passed, longest ago first.
    pub(super) fn claim_paused(
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

    /// Whether a change waits, because of an attempt under this lease.
    pub(super) fn pauses(
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

    pub(super) fn next_pause_end(
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

fn end_pause(connection: &Connection, id: ChangeId) -> rusqlite::Result<()> {
    connection
        .prepare_cached("UPDATE dsync_outbox_attempt SET pause_end = NULL WHERE number = ?1")?
        .execute([id.number()])
        .map(drop)
}
