//! A file, from its path to the thread that writes it.

use std::io;
use std::path::Path;

use dsync_sqlite::{DataFile, FileError, FileErrorKind, Words, Writer};
use rusqlite::Connection;

use super::schema::{self, APPLICATION_ID, VERSIONS};

static WORDS: Words = Words {
    noun: "state file",
    contents: "what it remembers, promised changes included",
    library: "dsync-connector",
    thread: "dsync-state",
};

/// Opens a file that is ours, sound, of the last version, and locked.
pub(super) fn open(path: &Path) -> Result<Writer, FileError> {
    let file = DataFile::find(path, &WORDS)?;
    // Two connectors that share a file would both carry out what is promised in it.
    let lock = file.lock("-lock")?.ok_or_else(|| {
        FileError::new(
            FileErrorKind::Busy,
            format!(
                "{file} is in use by another program, or by another store of this one: end that one, or give each a file of its own; one that was opened is shared by its clones"
            ),
        )
    })?;
    let mut connection = file.open()?;
    prepare(&file, &mut connection)?;
    Writer::start(file, connection, Some(lock))
}

fn prepare(file: &DataFile, connection: &mut Connection) -> Result<(), FileError> {
    // Before anything is written, because it may be another program's.
    let version = version(file, connection)?;
    let failed = |error| file.sqlite_error(error);
    if version < VERSIONS.len() {
        schema::migrate(connection, version, VERSIONS).map_err(failed)?;
    }
    file.keep_log(connection)?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(failed)
}

/// The version of a file that is ours and sound: 0 of one that is empty.
fn version(file: &DataFile, connection: &Connection) -> Result<usize, FileError> {
    let failed = |error| file.sqlite_error(error);
    let number = |sql| {
        connection
            .query_row(sql, (), |row| row.get::<_, i64>(0))
            .map_err(failed)
    };
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if (application, version, tables) == (0, 0, 0) {
        return Ok(0);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(FileError::refused(format!(
            "the file {} belongs to another program: name a file of its own for the state",
            file.path().display()
        )));
    }
    let version = match usize::try_from(version) {
        Ok(version) if version > VERSIONS.len() => {
            return Err(file.newer(version, VERSIONS.len()));
        }
        Ok(version @ 1..) => version,
        _ => return Err(file.damaged()),
    };
    let check: String = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(failed)?;
    if check != "ok" {
        return Err(file.damaged().with_source(io::Error::other(check)));
    }
    Ok(version)
}
