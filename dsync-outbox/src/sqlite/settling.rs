//! Attempts that have ended.

use dsync_sqlite::{FileError, Work};
use rusqlite::{Connection, params};

use super::adding::{Ended, end};
use super::claiming::Course;
use super::lanes::head;
use super::values;
use crate::{ChangeId, Claim, Failure, Settlement};

impl Course {
    pub(super) fn settle(
        &mut self,
        connection: &Connection,
        id: ChangeId,
        settlement: Settlement,
        claim: Claim,
    ) -> Work<()> {
        let Some(lane) = self.claimed.remove(&id) else {
            return Err(FileError::refused(format!("the change {id} is not claimed")).into());
        };
        self.busy.remove(&lane);
        let is_free_again = settlement == Settlement::Unattempted;
        match settlement {
            Settlement::Delivered { process_id } => {
                end(connection, id, Ended::Delivered(process_id), claim.now)?;
            }
            Settlement::Again { at, failure } => {
                connection
                    .prepare_cached(
                        "UPDATE dsync_outbox_attempt SET pause_end = ?2 WHERE number = ?1",
                    )?
                    .execute(params![id.number(), values::nanos(at)])?;
                note(connection, id, &failure)?;
            }
            Settlement::Dead { holds, failure } => {
                connection
                    .prepare_cached("UPDATE dsync_outbox_change SET dead = ?2 WHERE number = ?1")?
                    .execute(params![id.number(), if holds { 1 } else { 2 }])?;
                connection
                    .prepare_cached("UPDATE dsync_outbox_attempt SET ended = ?2 WHERE number = ?1")?
                    .execute(params![id.number(), values::time(claim.now)])?;
                note(connection, id, &failure)?;
            }
            Settlement::Unattempted => {
                connection
                    .prepare_cached(
                        "UPDATE dsync_outbox_attempt SET attempts = attempts - 1 WHERE number = ?1",
                    )?
                    .execute([id.number()])?;
            }
        }
        // Another one may have come before it meanwhile: a dead letter that was passed, and is retried.
        if let Some(head) = head(connection, &lane)?
            && !head.holds
            && (head.id != id || is_free_again)
            && head.id.number() <= self.cursor
        {
            self.freed.push_back(lane);
        }
        Ok(())
    }
}

fn note(connection: &Connection, id: ChangeId, failure: &Failure) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "UPDATE dsync_outbox_attempt
             SET failure_status = ?2, failure_message = ?3, failure_detail = ?4 WHERE number = ?1",
        )?
        .execute(params![
            id.number(),
            failure.status,
            failure.message,
            failure.detail
        ])
        .map(drop)
}
