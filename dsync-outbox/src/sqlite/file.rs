//! A file, from its path to a connection that may be used.

use std::io;
use std::path::Path;

use dsync_sqlite::{DataFile, FileError, Lock, Words};
use rusqlite::Connection;

use super::schema::{self, Found, VERSIONS};
use crate::{StoreError, StoreErrorKind};

static WORDS: Words = Words {
    noun: "outbox",
    contents: "the changes in it",
    library: "dsync-outbox",
    thread: "dsync-outbox",
};

/// Up to this size a file is looked through when it is opened. A larger one would take seconds, and
/// SQLite says of a page that it is damaged when it is read.
const LOOKED_THROUGH: u64 = 64 * 1024 * 1024;

/// A file that is ours or becomes so, is sound and of the last version.
pub(super) fn open(path: &Path) -> Result<(DataFile, Connection), FileError> {
    let file = DataFile::find(path, &WORDS)?;
    let mut connection = file.open()?;
    prepare(&file, &mut connection)?;
    Ok((file, connection))
}

/// Locks a file for its one sender.
pub(super) fn lock(file: &DataFile) -> Result<Lock, StoreError> {
    file.lock("-sender").map_err(StoreError::of_file)?.ok_or_else(|| StoreError::new(
        StoreErrorKind::Leased,
        format!(
            "another program sends from {file} already, or another sender of this one: one is enough, it sends what all have put in; to take over when it ends, stand by"
        ),
    ))
}

fn prepare(file: &DataFile, connection: &mut Connection) -> Result<(), FileError> {
    let failed = |error| file.sqlite_error(error);
    // Before anything is written.
    let found = schema::find(connection).map_err(failed)?;
    check_version(file, &found)?;
    if found != Found::Nothing && file.length()? <= LOOKED_THROUGH {
        look_through(file, connection)?;
    }
    if found != Found::Version(VERSIONS.len()) {
        schema::migrate(connection, VERSIONS).map_err(failed)?;
        // Another program may have been faster, and newer.
        check_version(file, &schema::find(connection).map_err(failed)?)?;
    }
    file.keep_log(connection)
}

fn check_version(file: &DataFile, found: &Found) -> Result<(), FileError> {
    match found {
        Found::Nothing => Ok(()),
        Found::Version(version) if *version > VERSIONS.len() => {
            Err(file.newer(*version, VERSIONS.len()))
        }
        Found::Version(_) => Ok(()),
        Found::Pieces => Err(file.damaged()),
    }
}

/// Only our tables: what the program's own ones are like is not for us to judge.
fn look_through(file: &DataFile, connection: &Connection) -> Result<(), FileError> {
    for table in schema::TABLES {
        let check: String = connection
            .query_row(&format!("PRAGMA quick_check({table})"), (), |row| {
                row.get(0)
            })
            .map_err(|error| file.sqlite_error(error))?;
        if check != "ok" {
            return Err(file.damaged().with_source(io::Error::other(check)));
        }
    }
    Ok(())
}
