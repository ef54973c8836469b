//! What can be seen of an outbox.

use dsync_sqlite::{Fault, FileError, FileErrorKind, Work, is_unreadable};
use rusqlite::{Connection, OptionalExtension, Row, params};

use super::values;
use crate::{ChangeId, Counts, Entry, Filter, State};

/// The columns of an open change, as [`open`] reads them.
const OPEN: &str = "SELECT c.number, c.operation, e.token, c.record, c.idempotency_key, c.enqueued,
        coalesce(a.attempts, 0), c.dead, a.ended, a.failure_status, a.failure_message,
        a.failure_detail,
        (SELECT min(h.number) FROM dsync_outbox_change AS h INDEXED BY dsync_outbox_holding
         WHERE h.entity = c.entity AND h.record = c.record AND h.number < c.number AND h.dead = 1)";

/// Where they come from.
const OPEN_FROM: &str = " FROM dsync_outbox_change AS c";
/// Without stepping over all that is pending.
const DEAD_FROM: &str = " FROM dsync_outbox_change AS c INDEXED BY dsync_outbox_dead";
const OPEN_JOINS: &str = "
    JOIN dsync_outbox_entity AS e ON e.number = c.entity
    LEFT JOIN dsync_outbox_attempt AS a ON a.number = c.number";

/// The columns of an ended change, as [`ended`] reads them.
const ENDED: &str =
    "SELECT c.number, c.operation, e.token, c.record, c.idempotency_key, c.enqueued,
        c.attempts, c.state, c.ended, c.superseded_by, c.process_id
    FROM dsync_outbox_ended AS c JOIN dsync_outbox_entity AS e ON e.number = c.entity";

pub(super) fn list(
    connection: &Connection,
    filter: Filter,
    after: Option<ChangeId>,
    limit: usize,
) -> Work<Vec<Entry>> {
    let (from, which, read): (_, _, fn(&Row<'_>) -> _) = match filter {
        Filter::Open => ([OPEN, OPEN_FROM, OPEN_JOINS], "", open),
        Filter::Pending => ([OPEN, OPEN_FROM, OPEN_JOINS], "AND c.dead = 0", open),
        Filter::Dead => ([OPEN, DEAD_FROM, OPEN_JOINS], "AND c.dead > 0", open),
        Filter::Ended => ([ENDED, "", ""], "", ended),
    };
    let columns = from.concat();
    let after = after.map_or(0, ChangeId::number);
    let mut statement = connection.prepare_cached(&format!(
        "{columns} WHERE c.number > ?1 {which} ORDER BY c.number LIMIT ?2"
    ))?;
    let mut rows = statement.query(params![after, values::limit(limit)])?;
    let mut entries = Vec::new();
    while let Some(row) = rows.next()? {
        entries.push(read(row).map_err(|error| named(row, error))?);
    }
    Ok(entries)
}

/// Says which one it is that cannot be read, so that it can be taken out.
fn named(row: &Row<'_>, error: rusqlite::Error) -> Fault {
    match row.get::<_, i64>(0) {
        Ok(number) if is_unreadable(&error) => {
            let message = format!(
                "the change {number} has a value that cannot be read, because another program has changed it: mend its row, or drop it when a sender has made a dead letter of it"
            );
            FileError::new(FileErrorKind::Other, message)
                .with_source(error)
                .into()
        }
        _ => error.into(),
    }
}

pub(super) fn show(connection: &Connection, id: ChangeId) -> Work<Option<Entry>> {
    let found = connection
        .prepare_cached(&format!(
            "{OPEN}{OPEN_FROM}{OPEN_JOINS} WHERE c.number = ?1"
        ))?
        .query_row([id.number()], open)
        .optional()?;
    if let Some(entry) = found {
        let body: Vec<u8> = connection
            .prepare_cached("SELECT body FROM dsync_outbox_change WHERE number = ?1")?
            .query_row([id.number()], |row| row.get(0))?;
        return Ok(Some(Entry {
            body: Some(body.into()),
            ..entry
        }));
    }
    let found = connection
        .prepare_cached(&format!("{ENDED} WHERE c.number = ?1"))?
        .query_row([id.number()], ended)
        .optional()?;
    Ok(found)
}

fn entry(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let mut entry = Entry::new(
        values::to_id(row, 0)?,
        values::to_operation(row, 1)?,
        values::to_token(row, 2)?,
        values::to_entity_id(row, 3)?,
        values::to_key(row, 4)?,
        values::to_time(row.get(5)?),
    );
    entry.attempts = values::to_count(row, 6)?;
    entry.ended = row.get::<_, Option<i64>>(8)?.map(values::to_time);
    Ok(entry)
}

fn open(row: &Row<'_>) -> rusqlite::Result<Entry> {
    let holder = match row.get::<_, Option<i64>>(12)? {
        Some(_) => Some(values::to_id(row, 12)?),
        None => None,
    };
    Ok(Entry {
        state: match (row.get::<_, i64>(7)?, holder) {
            (0, None) => State::Pending,
            (0, Some(by)) => State::Held { by },
            (dead, _) => State::Dead { holds: dead == 1 },
        },
        failure: values::to_failure(row, 9)?,
        ..entry(row)?
    })
}

fn ended(row: &Row<'_>) -> rusqlite::Result<Entry> {
    Ok(Entry {
        state: match row.get::<_, i64>(7)? {
            0 => State::Delivered {
                process_id: row.get(10)?,
            },
            1 => State::Superseded {
                by: values::to_id(row, 9)?,
            },
            _ => State::Dropped,
        },
        ..entry(row)?
    })
}

pub(super) fn counts(connection: &Connection, up_to: Option<ChangeId>) -> Work<Counts> {
    let up_to = up_to.map_or(i64::MAX, ChangeId::number);
    let count = |sql| -> rusqlite::Result<i64> {
        connection
            .prepare_cached(sql)?
            .query_row([up_to], |row| row.get(0))
    };
    // All from indexes, because the table has the bodies in it.
    let not_passed = count(
        "SELECT count(*) FROM dsync_outbox_change INDEXED BY dsync_outbox_lane
         WHERE dead < 2 AND number <= ?1",
    )?;
    let holding = count(
        "SELECT count(*) FROM dsync_outbox_change INDEXED BY dsync_outbox_holding
         WHERE dead = 1 AND number <= ?1",
    )?;
    let dead = count(
        "SELECT count(*) FROM dsync_outbox_change INDEXED BY dsync_outbox_dead
         WHERE dead > 0 AND number <= ?1",
    )?;
    let pending = not_passed - holding;
    let held = count(
        "SELECT coalesce(sum(
             (SELECT count(*) FROM dsync_outbox_change AS c INDEXED BY dsync_outbox_lane
              WHERE c.entity = h.entity AND c.record = h.record AND c.dead < 2
                  AND c.number > h.number AND c.number <= ?1)
             - (SELECT count(*) FROM dsync_outbox_change AS c INDEXED BY dsync_outbox_holding
                WHERE c.entity = h.entity AND c.record = h.record AND c.dead = 1
                    AND c.number > h.number AND c.number <= ?1)), 0)
         FROM (SELECT entity, record, min(number) AS number
               FROM dsync_outbox_change INDEXED BY dsync_outbox_holding
               WHERE dead = 1 AND record IS NOT NULL GROUP BY entity, record) AS h",
    )?;
    let oldest: Option<i64> = connection
        .prepare_cached(
            "SELECT enqueued FROM dsync_outbox_change WHERE dead = 0 AND number <= ?1
             ORDER BY number LIMIT 1",
        )?
        .query_row([up_to], |row| row.get(0))
        .optional()?;
    Ok(Counts {
        pending: pending.unsigned_abs(),
        dead: dead.unsigned_abs(),
        held: held.unsigned_abs(),
        oldest: oldest.map(values::to_time),
    })
}

pub(super) fn last(connection: &Connection) -> Work<Option<ChangeId>> {
    let last = connection
        .prepare_cached("SELECT seq FROM sqlite_sequence WHERE name = 'dsync_outbox_change'")?
        .query_row((), |row| values::to_id(row, 0))
        .optional()?;
    Ok(last)
}

pub(super) fn is_moving(connection: &Connection, up_to: ChangeId) -> Work<bool> {
    let is_moving = connection
        .prepare_cached(
            "SELECT 1 FROM dsync_outbox_change AS c
             WHERE c.number <= ?1 AND c.dead = 0 AND NOT EXISTS
                 (SELECT 1 FROM dsync_outbox_change AS h INDEXED BY dsync_outbox_holding
                  WHERE h.entity = c.entity AND h.record = c.record
                      AND h.number < c.number AND h.dead = 1)",
        )?
        .exists([up_to.number()])?;
    Ok(is_moving)
}
