//! A file, from its path to connections that may be used.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use super::failure;
use super::schema::{self, Found, VERSIONS};
use crate::{StoreError, StoreErrorKind};

/// How long somebody else may hold the file.
const BUSY: Duration = Duration::from_secs(5);

/// Up to this size a file is looked through when it is opened. A larger one would take seconds, and
/// SQLite says of a page that it is damaged when it is read.
const LOOKED_THROUGH: u64 = 64 * 1024 * 1024;

/// How much of the file a connection keeps in memory, in KiB: enough for the index of a million lanes to be
/// written to without being read each time.
const CACHE: i64 = 16 * 1024;

/// How many statements a connection keeps prepared: all that there are.
const STATEMENTS: usize = 64;

/// The right to send, as long as it lives: an operating system's lock, because that ends with the program
/// however the program ends, and needs no clock.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started by another thread has the file open
        // for a moment as well. Where it cannot be unlocked, that moment passes.
        drop(self.0.unlock());
    }
}

/// A file that is ours or becomes so, is sound and of the last version: its one path, and a connection.
pub(super) fn open(path: &Path) -> Result<(PathBuf, Connection), StoreError> {
    let path = resolve(path)?;
    check_is_whole(&path)?;
    let mut connection = raw(&path, OpenFlags::SQLITE_OPEN_CREATE)?;
    prepare(&path, &mut connection)?;
    Ok((path, connection))
}

/// Another connection to a file that is open already.
pub(super) fn connect(path: &Path) -> Result<Connection, StoreError> {
    let connection = raw(path, OpenFlags::empty())?;
    let journal: String = connection
        .query_row("PRAGMA journal_mode", (), |row| row.get(0))
        .map_err(|error| failure::of_sqlite(path, error))?;
    if journal != "wal" {
        return Err(no_log(path));
    }
    Ok(connection)
}

/// Locks a file for its one sender.
pub(super) fn lock(path: &Path) -> Result<Lock, StoreError> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(path, "-sender"))
        .map_err(|error| failure::of_io(path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Lock(lock)),
        Err(TryLockError::WouldBlock) => Err(StoreError::new(
            StoreErrorKind::Leased,
            format!(
                "another program sends from the outbox {} already, or another sender of this one: one is enough, it sends what all have put in; to take over when it ends, stand by",
                path.display()
            ),
        )),
        Err(TryLockError::Error(error)) => Err(failure::of_io(path, error)),
    }
}

/// The one path that a file has whichever way it is named, so that it has one lock. It is absolute, so
/// that SQLite does not take `:memory:` for a wish.
pub(super) fn resolve(path: &Path) -> Result<PathBuf, StoreError> {
    let absolute = std::path::absolute(path).map_err(|error| failure::of_io(path, error))?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(is_folder(path));
    };
    match absolute.canonicalize() {
        Ok(real) if real.is_dir() => Err(is_folder(path)),
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match folder.canonicalize() {
            Ok(folder) => Ok(folder.join(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(StoreError::new(
                StoreErrorKind::Other,
                format!(
                    "the folder {} does not exist: make it, or name another file for the outbox",
                    folder.display()
                ),
            )
            .with_source(error)),
            Err(error) => Err(failure::of_io(path, error)),
        },
        Err(error) => Err(failure::of_io(path, error)),
    }
}

fn is_folder(path: &Path) -> StoreError {
    StoreError::new(
        StoreErrorKind::Other,
        format!(
            "{} is a folder: name a file in it for the outbox",
            path.display()
        ),
    )
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// An empty file whose log is not was emptied by somebody; SQLite would delete the log and begin anew.
fn check_is_whole(path: &Path) -> Result<(), StoreError> {
    // In this order: a file that another program is making has something in it before its log has.
    if length(&beside(path, "-wal"))? > 0 && length(path)? == 0 {
        return Err(failure::damaged(path));
    }
    Ok(())
}

fn length(path: &Path) -> Result<u64, StoreError> {
    match fs::metadata(path) {
        Ok(file) => Ok(file.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(failure::of_io(path, error)),
    }
}

/// A connection whose commits mean what the outbox promises, once the file has a log.
fn raw(path: &Path, more: OpenFlags) -> Result<Connection, StoreError> {
    let failed = |error| failure::of_sqlite(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
    let connection = Connection::open_with_flags(path, flags).map_err(failed)?;
    connection.busy_timeout(BUSY).map_err(failed)?;
    connection.set_prepared_statement_cache_capacity(STATEMENTS);
    // A plan does not depend on the values, so that no statement is prepared anew for others.
    connection
        .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .map_err(failed)?;
    // SQLite opens what it may not write as well, and says so with the first write.
    if connection.is_readonly("main").map_err(failed)? {
        return Err(failure::not_writable(path));
    }
    // Negative is KiB, positive would be pages.
    connection
        .pragma_update(None, "cache_size", -CACHE)
        .map_err(failed)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failed)?;
    // On macOS a sync reaches the disk's cache only, without it.
    connection
        .pragma_update(None, "fullfsync", true)
        .map_err(failed)?;
    Ok(connection)
}

fn prepare(path: &Path, connection: &mut Connection) -> Result<(), StoreError> {
    let failed = |error| failure::of_sqlite(path, error);
    // Before anything is written.
    let found = schema::find(connection).map_err(failed)?;
    check_version(path, &found)?;
    if found != Found::Nothing && length(path)? <= LOOKED_THROUGH {
        look_through(path, connection)?;
    }
    if found != Found::Version(VERSIONS.len()) {
        schema::migrate(connection, VERSIONS).map_err(failed)?;
        // Another program may have been faster, and newer.
        check_version(path, &schema::find(connection).map_err(failed)?)?;
    }
    // After the tables: a new file gets its log when there is something to lose, so an empty file
    // with a log is never ours.
    keep_log(path, connection)?;
    // The writer does it itself, because SQLite's own way says nothing when it fails.
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .map_err(failed)
}

fn check_version(path: &Path, found: &Found) -> Result<(), StoreError> {
    match found {
        Found::Nothing => Ok(()),
        Found::Version(version) if *version > VERSIONS.len() => {
            Err(failure::newer(path, *version, VERSIONS.len()))
        }
        Found::Version(_) => Ok(()),
        Found::Pieces => Err(failure::damaged(path)),
    }
}

/// Switches to a log, for which nobody else may be in the file for a moment: not even somebody who does
/// the same.
fn keep_log(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    const AGAIN: Duration = Duration::from_millis(10);

    let begun = Instant::now();
    loop {
        let journal = connection
            .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get::<_, String>(0));
        match journal {
            Ok(journal) if journal == "wal" => return Ok(()),
            Ok(_) => return Err(no_log(path)),
            Err(error)
                if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                    && begun.elapsed() < BUSY =>
            {
                thread::sleep(AGAIN);
            }
            Err(error) => return Err(failure::of_sqlite(path, error)),
        }
    }
}

fn no_log(path: &Path) -> StoreError {
    StoreError::new(
        StoreErrorKind::Other,
        format!(
            "SQLite cannot keep a log beside the outbox {}: name a file on a local disk",
            path.display()
        ),
    )
}

/// Only our tables: what the program's own ones are like is not for us to judge.
fn look_through(path: &Path, connection: &Connection) -> Result<(), StoreError> {
    for table in schema::TABLES {
        let check: String = connection
            .query_row(&format!("PRAGMA quick_check({table})"), (), |row| {
                row.get(0)
            })
            .map_err(|error| failure::of_sqlite(path, error))?;
        if check != "ok" {
            return Err(failure::damaged(path).with_source(io::Error::other(check)));
        }
    }
    Ok(())
}
