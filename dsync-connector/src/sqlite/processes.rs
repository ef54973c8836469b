//! The processes that were carried out, as rows.

use std::time::SystemTime;

use bytes::Bytes;
use dsync_core::ProcessId;
use rusqlite::params;

use super::database::Database;
use super::values::{Status, Time};
use crate::inbox::{Fingerprint, KeptAnswer, Seen};

impl Database<'_> {
    pub(super) fn seen(&self, id: &ProcessId, now: SystemTime) -> rusqlite::Result<Option<Seen>> {
        self.first(
            "SELECT fingerprint, attempts, answer_status, answer_body
             FROM process WHERE process_id = ?1 AND (begun > ?2 OR has_promise = 1)",
            params![id.as_str(), Time::oldest_kept(now)],
            |row| {
                let answer = match row.get(2)? {
                    Some(Status(status)) => Some(KeptAnswer {
                        status,
                        body: Bytes::from(row.get::<_, Vec<u8>>(3)?),
                    }),
                    None => None,
                };
                Ok(Seen {
                    request: Fingerprint::from_bytes(row.get(0)?),
                    attempts: row.get(1)?,
                    answer,
                })
            },
        )
    }

    pub(super) fn begin_process(
        &self,
        id: &ProcessId,
        request: Fingerprint,
        attempts: u32,
        now: SystemTime,
    ) -> rusqlite::Result<()> {
        self.execute(
            "INSERT INTO process (process_id, fingerprint, attempts, begun, has_promise)
             VALUES (?1, ?2, ?3, ?4, EXISTS (SELECT 1 FROM promise WHERE process_id = ?1))
             ON CONFLICT (process_id) DO UPDATE SET
                 fingerprint = excluded.fingerprint,
                 attempts = excluded.attempts,
                 begun = excluded.begun,
                 has_promise = excluded.has_promise,
                 answer_status = NULL,
                 answer_body = NULL",
            params![id.as_str(), request.as_bytes(), attempts, Time(now)],
        )?;
        // Two, so that the old ones become fewer with each new one.
        self.execute(
            "DELETE FROM process WHERE rowid IN (
                 SELECT rowid FROM process WHERE has_promise = 0 AND begun <= ?1
                 ORDER BY begun LIMIT 2
             )",
            params![Time::oldest_kept(now)],
        )?;
        Ok(())
    }

    pub(super) fn answer_process(
        &self,
        id: &ProcessId,
        answer: &KeptAnswer,
    ) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE process SET answer_status = ?2, answer_body = ?3 WHERE process_id = ?1",
            params![id.as_str(), Status(answer.status), &answer.body[..]],
        )?;
        Ok(())
    }

    pub(super) fn forget_process(&self, id: &ProcessId) -> rusqlite::Result<()> {
        self.execute(
            "DELETE FROM process WHERE process_id = ?1",
            params![id.as_str()],
        )?;
        Ok(())
    }

    /// Notes whether a promise of the process is not settled.
    pub(super) fn note_promises(&self, id: &str) -> rusqlite::Result<()> {
        self.execute(
            "UPDATE process
             SET has_promise = EXISTS (SELECT 1 FROM promise WHERE process_id = ?1)
             WHERE process_id = ?1",
            params![id],
        )?;
        Ok(())
    }
}
