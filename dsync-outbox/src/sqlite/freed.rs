//! Lanes that are free again: by what was settled, or by somebody who has mended a dead letter.

use dsync_sqlite::Work;
use rusqlite::{Connection, params};

use super::claiming::{CHUNK, Course, MOST_LOOKED_AT};
use super::lanes::{Candidate, Head, Lane, candidate, head};
use super::values;
use crate::{Advanced, Claim};

impl Course {
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
    pub(super) fn set_freed_aside(&mut self, connection: &Connection) -> Work<()> {
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

    pub(super) fn claim_all_freed(
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
}
