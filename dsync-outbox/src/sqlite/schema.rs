//! The tables, by version.

use rusqlite::{Connection, OptionalExtension, TransactionBehavior};

/// What brings a file from each version to the next; the first makes version 1 of a file without tables of
/// ours. Entries are only added: files of every version are out there.
pub(super) const VERSIONS: &[&str] = &[VERSION_1];

/// The tables of the last version. All names begin alike, because the file may be the program's own
/// database.
pub(super) const TABLES: [&str; 6] = [
    "dsync_outbox_attempt",
    "dsync_outbox_change",
    "dsync_outbox_ended",
    "dsync_outbox_entity",
    "dsync_outbox_freed",
    "dsync_outbox_meta",
];

/// Times are nanoseconds since 1970, but for `pause_end`: that counts from the beginning of its lease.
/// Bodies stand last, so that the columns before them are read without the pages that a long one fills.
/// Ranges are checked by BETWEEN, because for IN SQLite makes a b-tree at each insert.
const VERSION_1: &str = "
    CREATE TABLE dsync_outbox_meta (
        one INTEGER PRIMARY KEY CHECK (one = 1),
        version INTEGER NOT NULL,
        -- The number of the last lease.
        lease INTEGER NOT NULL
    ) STRICT;
    INSERT INTO dsync_outbox_meta VALUES (1, 1, 0);

    CREATE TABLE dsync_outbox_entity (
        number INTEGER PRIMARY KEY,
        token TEXT NOT NULL UNIQUE
    ) STRICT;

    -- Pending changes and dead letters. AUTOINCREMENT within the write lock makes the numbers follow the
    -- commits.
    CREATE TABLE dsync_outbox_change (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        entity INTEGER NOT NULL,
        record TEXT,
        -- 0 is pending, 1 is dead and holds what follows, 2 is dead and was passed.
        dead INTEGER NOT NULL CHECK (dead BETWEEN 0 AND 2),
        operation INTEGER NOT NULL CHECK (operation BETWEEN 0 AND 2),
        coalescing INTEGER NOT NULL CHECK (coalescing BETWEEN 0 AND 2),
        enqueued INTEGER NOT NULL,
        idempotency_key TEXT NOT NULL,
        entity_id_field TEXT,
        -- NULL where it is the record, or where the request names none.
        entity_id TEXT,
        names_record INTEGER NOT NULL CHECK (names_record BETWEEN 0 AND 1),
        body BLOB NOT NULL
    ) STRICT;
    -- The number ends each entry, so a lane is in order. A new change is written to this index only.
    CREATE INDEX dsync_outbox_lane ON dsync_outbox_change (entity, record) WHERE dead < 2;
    CREATE INDEX dsync_outbox_holding ON dsync_outbox_change (entity, record) WHERE dead = 1;
    CREATE INDEX dsync_outbox_dead ON dsync_outbox_change (number) WHERE dead > 0;

    -- What was ever claimed. It is small, and so is what a claim writes.
    CREATE TABLE dsync_outbox_attempt (
        number INTEGER PRIMARY KEY,
        attempts INTEGER NOT NULL,
        -- NULL where they count anew.
        first_attempt INTEGER,
        lease INTEGER NOT NULL,
        pause_end INTEGER,
        ended INTEGER,
        failure_status INTEGER,
        failure_message TEXT,
        failure_detail TEXT
    ) STRICT;
    CREATE INDEX dsync_outbox_pause ON dsync_outbox_attempt (lease, pause_end)
        WHERE pause_end IS NOT NULL;

    -- Lanes that somebody has freed by mending a dead letter, for the lease to look at again.
    CREATE TABLE dsync_outbox_freed (
        place INTEGER PRIMARY KEY AUTOINCREMENT,
        number INTEGER NOT NULL,
        entity INTEGER NOT NULL,
        record TEXT
    ) STRICT;

    CREATE TABLE dsync_outbox_ended (
        number INTEGER PRIMARY KEY,
        -- 0 is delivered, 1 is superseded, 2 is dropped.
        state INTEGER NOT NULL CHECK (state BETWEEN 0 AND 2),
        ended INTEGER NOT NULL,
        entity INTEGER NOT NULL,
        record TEXT,
        operation INTEGER NOT NULL CHECK (operation BETWEEN 0 AND 2),
        enqueued INTEGER NOT NULL,
        idempotency_key TEXT NOT NULL,
        attempts INTEGER NOT NULL,
        superseded_by INTEGER,
        process_id TEXT
    ) STRICT;
    CREATE INDEX dsync_outbox_ended_by_age ON dsync_outbox_ended (ended);
";

/// What a file has of an outbox.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    Nothing,
    Version(usize),
    /// Some tables, but not those that belong together.
    Pieces,
}

/// Looks for our tables.
pub(super) fn find(connection: &Connection) -> rusqlite::Result<Found> {
    let mut statement = connection.prepare(
        r"SELECT name FROM sqlite_schema
          WHERE type = 'table' AND name LIKE 'dsync\_outbox\_%' ESCAPE '\' ORDER BY name",
    )?;
    let names: Vec<String> = statement
        .query_map((), |row| row.get(0))?
        .collect::<Result<_, _>>()?;
    if names.is_empty() {
        return Ok(Found::Nothing);
    }
    if !names.iter().any(|name| name == "dsync_outbox_meta") {
        return Ok(Found::Pieces);
    }
    let version: Option<i64> = connection
        .query_row("SELECT version FROM dsync_outbox_meta", (), |row| {
            row.get(0)
        })
        .optional()?;
    Ok(match version.map(usize::try_from) {
        Some(Ok(version)) if version > VERSIONS.len() => Found::Version(version),
        Some(Ok(version)) if version > 0 && is_whole(version, &names) => Found::Version(version),
        _ => Found::Pieces,
    })
}

/// Whether all tables are there; of an older version only migrating knows.
fn is_whole(version: usize, names: &[String]) -> bool {
    version < VERSIONS.len()
        || TABLES
            .iter()
            .all(|table| names.iter().any(|name| name == table))
}

/// Brings a file to the last version, wholly or not at all. Another program may be about the same.
pub(super) fn migrate(connection: &mut Connection, versions: &[&str]) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let version = match find(&transaction)? {
        Found::Nothing => 0,
        Found::Version(version) => version,
        // Whoever has made them meanwhile is asked about next.
        Found::Pieces => return Ok(()),
    };
    for script in versions.iter().skip(version) {
        transaction.execute_batch(script)?;
    }
    if version < versions.len() {
        let last = i64::try_from(versions.len()).unwrap_or(i64::MAX);
        transaction.execute("UPDATE dsync_outbox_meta SET version = ?1", [last])?;
    }
    transaction.commit()
}
