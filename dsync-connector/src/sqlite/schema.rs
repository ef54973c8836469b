//! The tables, by version.

use rusqlite::{Connection, TransactionBehavior};

/// Tells our files from those of other programs: `DSCo`.
pub(super) const APPLICATION_ID: i32 = 0x4453_436F;

/// What brings a file from each version to the next; the first makes version 1 of an empty file. Entries
/// are only added: files of every version are out there.
pub(super) const VERSIONS: &[&str] = &[VERSION_1];

/// Times are nanoseconds since 1970. Bodies stand last, so that the columns before them are read without
/// the pages that a long one fills.
const VERSION_1: &str = "
    CREATE TABLE entity (
        name TEXT NOT NULL PRIMARY KEY,
        switch TEXT NOT NULL CHECK (switch IN ('unknown', 'off', 'on')),
        job_id TEXT,
        shared_key TEXT
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE own_process (
        process_id TEXT NOT NULL UNIQUE,
        entity_token TEXT NOT NULL,
        entity_id TEXT,
        operation TEXT NOT NULL CHECK (operation IN ('create', 'update', 'delete')),
        accepted INTEGER NOT NULL,
        outcome INTEGER
    ) STRICT;
    CREATE INDEX own_process_by_age ON own_process (accepted);

    CREATE TABLE process (
        process_id TEXT NOT NULL UNIQUE,
        fingerprint BLOB NOT NULL CHECK (length(fingerprint) = 16),
        attempts INTEGER NOT NULL,
        begun INTEGER NOT NULL,
        -- Whether a promise of this process is not settled. It stands here as well, so that the
        -- search for old processes does not step over a heap of old promises each time.
        has_promise INTEGER NOT NULL CHECK (has_promise IN (0, 1)),
        answer_status INTEGER,
        answer_body BLOB,
        CHECK ((answer_status IS NULL) = (answer_body IS NULL))
    ) STRICT;
    CREATE INDEX process_by_age ON process (begun) WHERE has_promise = 0;

    CREATE TABLE promise (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        entity TEXT NOT NULL,
        access TEXT NOT NULL CHECK (access IN ('read', 'create', 'update', 'delete')),
        process_id TEXT NOT NULL,
        entity_id TEXT,
        entity_id_field TEXT,
        attempts INTEGER NOT NULL,
        since INTEGER NOT NULL,
        next INTEGER NOT NULL,
        body BLOB NOT NULL
    ) STRICT;
    CREATE INDEX promise_by_process ON promise (process_id);

    CREATE TABLE promise_lane (
        promise INTEGER NOT NULL REFERENCES promise (number) ON DELETE CASCADE,
        position INTEGER NOT NULL,
        lane TEXT NOT NULL,
        PRIMARY KEY (promise, position)
    ) STRICT, WITHOUT ROWID;

    CREATE TABLE report (
        number INTEGER PRIMARY KEY AUTOINCREMENT,
        process_id TEXT NOT NULL,
        status INTEGER NOT NULL,
        message TEXT NOT NULL,
        data TEXT,
        since INTEGER NOT NULL
    ) STRICT;
";

/// Brings a file from a version (0 is an empty file) to the last one, wholly or not at all.
pub(super) fn migrate(
    connection: &mut Connection,
    version: usize,
    versions: &[&str],
) -> rusqlite::Result<()> {
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    for script in versions.iter().skip(version) {
        transaction.execute_batch(script)?;
    }
    transaction.pragma_update(None, "application_id", APPLICATION_ID)?;
    transaction.pragma_update(None, "user_version", versions.len() as i64)?;
    transaction.commit()
}
