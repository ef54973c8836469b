//! A change comes in.

use std::time::SystemTime;

use dsync_core::EntityId;
use dsync_core::wire::Operation;
use dsync_sqlite::Work;
use rusqlite::ffi::SQLITE_CONSTRAINT_NOTNULL;
use rusqlite::{Connection, OptionalExtension, params};

use super::values;
use crate::{Added, ChangeId, Coalescing, NewChange};

/// The last change of a lane that is open.
struct Last {
    id: ChangeId,
    operation: Operation,
    coalescing: Coalescing,
    /// Whether it may still be put together with another one.
    is_untouched: bool,
}

/// Puts a change in, in the transaction that the connection is in. When it fails, nothing of it is left.
pub(super) fn add(connection: &Connection, change: &NewChange) -> Work<Added> {
    let alone = (change.request.operation(), change.coalescing);
    let last = match alone {
        (Operation::Create, _) | (_, Coalescing::Never) => None,
        _ => last(connection, change)?,
    };
    let meeting = last.and_then(|last| meet(&last, change));
    // Nearly all changes are this one statement, which SQLite undoes by itself.
    if meeting.is_none()
        && let Some(id) = insert(connection, alone, change)?
    {
        return Ok(Added::new(id, None));
    }
    wholly(connection, || {
        values::add_entity(connection, change.request.entity_token())?;
        let together = match meeting {
            Some((_, Meeting::Create(coalescing))) => (Operation::Create, coalescing),
            Some((_, Meeting::AsItIs(coalescing))) => (change.request.operation(), coalescing),
            Some((_, Meeting::Nothing)) | None => alone,
        };
        let id =
            insert(connection, together, change)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?;
        let Some((last, meeting)) = meeting else {
            return Ok(Added::new(id, None));
        };
        end(connection, last, Ended::Superseded(id), change.now)?;
        if meeting == Meeting::Nothing {
            end(connection, id, Ended::Delivered(None), change.now)?;
            return Ok(Added::needs_no_sending(id, last));
        }
        Ok(Added::new(id, Some(last)))
    })
}

/// Does something within a transaction that goes on whatever comes of it: wholly, or not at all.
fn wholly(connection: &Connection, act: impl FnOnce() -> Work<Added>) -> Work<Added> {
    let execute = |sql| connection.prepare_cached(sql)?.execute(());
    execute("SAVEPOINT dsync_outbox_add")?;
    let added = act();
    // A full disk, for instance, takes back the whole transaction.
    if connection.is_autocommit() {
        return added;
    }
    if added.is_err() {
        execute("ROLLBACK TO dsync_outbox_add")?;
    }
    execute("RELEASE dsync_outbox_add")?;
    added
}

fn last(connection: &Connection, change: &NewChange) -> rusqlite::Result<Option<Last>> {
    let Some(record) = &change.record else {
        return Ok(None);
    };
    let token = change.request.entity_token().as_str();
    // What precedes a passed dead letter, which the index has not, was claimed as well.
    connection
        .prepare_cached(
            "SELECT c.number, c.operation, c.coalescing,
                 c.dead = 0 AND NOT EXISTS
                     (SELECT 1 FROM dsync_outbox_attempt AS a WHERE a.number = c.number)
             FROM dsync_outbox_change AS c INDEXED BY dsync_outbox_lane
             WHERE c.entity = (SELECT number FROM dsync_outbox_entity WHERE token = ?1)
                 AND c.record = ?2 AND c.dead < 2 ORDER BY c.number DESC LIMIT 1",
        )?
        .query_row(params![token, record.as_str()], |row| {
            Ok(Last {
                id: values::to_id(row, 0)?,
                operation: values::to_operation(row, 1)?,
                coalescing: values::to_coalescing(row.get(2)?),
                is_untouched: row.get(3)?,
            })
        })
        .optional()
}

/// What a change and the one before it become, and what may become of that.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meeting {
    Create(Coalescing),
    AsItIs(Coalescing),
    Nothing,
}

fn meet(last: &Last, change: &NewChange) -> Option<(ChangeId, Meeting)> {
    use Operation::{Create, Delete, Update};

    if !last.is_untouched || last.coalescing == Coalescing::Never {
        return None;
    }
    let is_sole = [last.coalescing, change.coalescing] == [Coalescing::SolePublisher; 2];
    // Only if all that is in it says so: a create of others would be lost.
    let coalescing = if is_sole {
        Coalescing::SolePublisher
    } else {
        Coalescing::Whole
    };
    let meeting = match (last.operation, change.request.operation()) {
        (Create, Update) => Meeting::Create(coalescing),
        (Update, Update) => Meeting::AsItIs(coalescing),
        (Create, Delete) if is_sole => Meeting::Nothing,
        _ => return None,
    };
    Some((last.id, meeting))
}

/// From so many bytes on, a body may be what does not fit on the disk.
const LARGE: usize = 64 * 1024;

/// Short, in the columns' order: the text is what the prepared statement is found by. One row of VALUES needs
/// no journal of its own, so that it is a tenth faster; a full disk ends the whole transaction.
const SMALL_INSERT: &str = "INSERT INTO dsync_outbox_change VALUES(NULL,\
    (SELECT number FROM dsync_outbox_entity WHERE token=?1),?2,0,?3,?4,?5,?6,?7,?8,?9,?10)";

/// The same with a journal: if it does not fit, that is undone, and the transaction goes on.
const LARGE_INSERT: &str = "INSERT INTO dsync_outbox_change \
    SELECT NULL,number,?2,0,?3,?4,?5,?6,?7,?8,?9,?10 FROM dsync_outbox_entity WHERE token=?1";

/// Whether it is the entity that is not known, and not something that a trigger of the program's own misses.
fn is_entity_missing(error: &rusqlite::Error) -> bool {
    matches!(error, rusqlite::Error::SqliteFailure(cause, Some(message))
        if cause.extended_code == SQLITE_CONSTRAINT_NOTNULL
            && message.ends_with("dsync_outbox_change.entity"))
}

/// One row; nothing if its entity is not known yet.
fn insert(
    connection: &Connection,
    (operation, coalescing): (Operation, Coalescing),
    change: &NewChange,
) -> Work<Option<ChangeId>> {
    let request = &change.request;
    let id = request.entity_id();
    let names_record = id.is_some() && id == change.record.as_ref();
    let own_id = id.filter(|_| !names_record);
    let sql = if request.body().len() < LARGE {
        SMALL_INSERT
    } else {
        LARGE_INSERT
    };
    let inserted = connection.prepare_cached(sql)?.execute(params![
        request.entity_token().as_str(),
        change.record.as_ref().map(EntityId::as_str),
        values::operation(operation),
        values::coalescing(coalescing),
        values::time(change.now),
        change.idempotency_key.as_str(),
        request.entity_id_field(),
        own_id.map(EntityId::as_str),
        names_record,
        &request.body()[..],
    ]);
    match inserted {
        Ok(0) => return Ok(None),
        Ok(_) => {}
        Err(error) if is_entity_missing(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    }
    let number = connection.last_insert_rowid();
    let id = ChangeId::new(number).ok_or(rusqlite::Error::IntegralValueOutOfRange(0, number))?;
    Ok(Some(id))
}

/// How a change has ended that is only remembered from now on.
pub(super) enum Ended {
    Delivered(Option<String>),
    Superseded(ChangeId),
    Dropped,
}

/// Takes a change out, and remembers how it ended. One that is gone already is left so. A dead letter has
/// ended when it died.
pub(super) fn end(
    connection: &Connection,
    id: ChangeId,
    ended: Ended,
    now: SystemTime,
) -> rusqlite::Result<()> {
    let (state, by, process_id) = match ended {
        Ended::Delivered(process_id) => (0, None, process_id),
        Ended::Superseded(by) => (1, Some(by.number()), None),
        Ended::Dropped => (2, None, None),
    };
    connection
        .prepare_cached(
            "INSERT OR IGNORE INTO dsync_outbox_ended (number, state, ended, entity, record,
                 operation, enqueued, idempotency_key, attempts, superseded_by, process_id)
             SELECT c.number, ?2, coalesce(a.ended, ?3), c.entity, c.record, c.operation, c.enqueued,
                 c.idempotency_key, coalesce(a.attempts, 0), ?4, ?5
             FROM dsync_outbox_change AS c LEFT JOIN dsync_outbox_attempt AS a USING (number)
             WHERE c.number = ?1",
        )?
        .execute(params![
            id.number(),
            state,
            values::time(now),
            by,
            process_id
        ])?;
    for sql in [
        "DELETE FROM dsync_outbox_change WHERE number = ?1",
        "DELETE FROM dsync_outbox_attempt WHERE number = ?1",
    ] {
        connection.prepare_cached(sql)?.execute([id.number()])?;
    }
    Ok(())
}
