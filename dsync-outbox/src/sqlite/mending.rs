//! Something is done about dead letters, and what has ended is forgotten.

use std::time::SystemTime;

use dsync_sqlite::{FileError, Work};
use rusqlite::{Connection, OptionalExtension, params};

use super::adding::{Ended, end};
use super::values;
use crate::{ChangeId, Mending};

pub(super) fn mend(
    connection: &Connection,
    id: ChangeId,
    mending: Mending,
    now: SystemTime,
) -> Work<()> {
    let operation = connection
        .prepare_cached("SELECT operation FROM dsync_outbox_change WHERE number = ?1 AND dead > 0")?
        .query_row([id.number()], |row| values::to_operation(row, 0))
        .optional()?;
    let Some(operation) = operation else {
        return Err(FileError::refused(format!(
            "there is no dead letter {id}: only a change that was refused for good can be retried, edited, passed or dropped"
        ))
        .into());
    };
    free(connection, id)?;
    match mending {
        Mending::Retry => revive(connection, id)?,
        Mending::Edit {
            body,
            idempotency_key,
        } => {
            if !operation.has_record() {
                return Err(FileError::refused(format!(
                    "the change {id} is a delete, which has no record to edit: retry or drop it"
                ))
                .into());
            }
            connection
                .prepare_cached(
                    "UPDATE dsync_outbox_change SET body = ?2, idempotency_key = ?3
                     WHERE number = ?1",
                )?
                .execute(params![id.number(), &body[..], idempotency_key.as_str()])?;
            revive(connection, id)?;
        }
        Mending::Pass => {
            connection
                .prepare_cached("UPDATE dsync_outbox_change SET dead = 2 WHERE number = ?1")?
                .execute([id.number()])?;
        }
        Mending::Drop => end(connection, id, Ended::Dropped, now)?,
    }
    Ok(())
}

fn revive(connection: &Connection, id: ChangeId) -> rusqlite::Result<()> {
    for sql in [
        "UPDATE dsync_outbox_change SET dead = 0 WHERE number = ?1",
        "UPDATE dsync_outbox_attempt
         SET ended = NULL, attempts = min(attempts, 1), first_attempt = NULL WHERE number = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([id.number()])?;
    }
    Ok(())
}

/// Tells whoever has the lease to look at the change's lane again.
fn free(connection: &Connection, id: ChangeId) -> rusqlite::Result<()> {
    connection
        .prepare_cached(
            "INSERT INTO dsync_outbox_freed (number, entity, record)
             SELECT number, entity, record FROM dsync_outbox_change WHERE number = ?1",
        )?
        .execute([id.number()])
        .map(drop)
}

/// Dead letters that are retried together.
pub(super) struct Retried {
    pub(super) count: u64,
    /// The last of them.
    pub(super) last: i64,
}

/// How many dead letters are retried in one transaction, which remembers what they were.
pub(super) const RETRIED_AT_ONCE: usize = 1000;

/// Retries the first dead letters after one; nothing if there are none.
pub(super) fn retry_after(connection: &Connection, after: i64) -> Work<Option<Retried>> {
    let (count, last): (i64, Option<i64>) = connection
        .prepare_cached(
            "SELECT count(*), max(number) FROM
                 (SELECT number FROM dsync_outbox_change INDEXED BY dsync_outbox_dead
                  WHERE dead > 0 AND number > ?1 ORDER BY number LIMIT ?2)",
        )?
        .query_row(params![after, values::limit(RETRIED_AT_ONCE)], |row| {
            Ok((row.get(0)?, row.get(1)?))
        })?;
    let Some(last) = last else {
        return Ok(None);
    };
    for sql in [
        "INSERT INTO dsync_outbox_freed (number, entity, record)
         SELECT number, entity, record FROM dsync_outbox_change
         WHERE dead > 0 AND number > ?1 AND number <= ?2 ORDER BY number",
        "UPDATE dsync_outbox_attempt
         SET ended = NULL, attempts = min(attempts, 1), first_attempt = NULL
         WHERE number IN (SELECT number FROM dsync_outbox_change
                          WHERE dead > 0 AND number > ?1 AND number <= ?2)",
        "UPDATE dsync_outbox_change SET dead = 0
         WHERE dead > 0 AND number > ?1 AND number <= ?2",
    ] {
        connection.prepare_cached(sql)?.execute([after, last])?;
    }
    Ok(Some(Retried {
        count: count.unsigned_abs(),
        last,
    }))
}

/// Gives how many there were.
pub(super) fn forget(connection: &Connection, before: SystemTime, limit: usize) -> Work<u64> {
    let count = connection
        .prepare_cached(
            "DELETE FROM dsync_outbox_ended WHERE number IN
                 (SELECT number FROM dsync_outbox_ended WHERE ended < ?1 ORDER BY ended LIMIT ?2)",
        )?
        .execute(params![values::time(before), values::limit(limit)])?;
    Ok(count as u64)
}
