//! A file, from its path to a connection that may be used.

use std::ffi::OsString;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use dsync_core::StateError;
use rusqlite::{Connection, OpenFlags};

use super::failure::Failure;
use super::schema::{self, APPLICATION_ID, VERSIONS};

/// How long another program, an SQLite shell for instance, may hold the file.
const BUSY: Duration = Duration::from_secs(5);

/// A file that is ours, sound, of the last version, and locked.
#[derive(Debug)]
pub(super) struct StateFile {
    pub(super) path: PathBuf,
    pub(super) connection: Connection,
    /// Held as long as the connection is open.
    pub(super) lock: Lock,
}

/// A file that no other program can lock.
#[derive(Debug)]
pub(super) struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started by another thread has the file open
        // for a moment as well. Where it cannot be unlocked, that moment passes.
        drop(self.0.unlock());
    }
}

pub(super) fn open(path: &Path) -> Result<StateFile, StateError> {
    try_open(path).map_err(|failure| failure.error())
}

fn try_open(path: &Path) -> Result<StateFile, Failure> {
    let path = resolve(path)?;
    let lock = lock(&path)?;
    check_is_whole(&path)?;
    let connection = connect(&path)?;
    Ok(StateFile {
        path,
        connection,
        lock,
    })
}

/// The one path that a file has whichever way it is named, so that it has one lock. It is absolute, so
/// that SQLite does not take `:memory:` for a wish.
fn resolve(path: &Path) -> Result<PathBuf, Failure> {
    let absolute = std::path::absolute(path).map_err(|error| Failure::of_io(path, error))?;
    let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
        return Err(is_folder(path));
    };
    match absolute.canonicalize() {
        Ok(real) if real.is_dir() => Err(is_folder(path)),
        Ok(real) => Ok(real),
        Err(error) if error.kind() == io::ErrorKind::NotFound => match folder.canonicalize() {
            Ok(folder) => Ok(folder.join(name)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(Failure::new(format!(
                "the folder {} does not exist: make it, or name another file for the state",
                folder.display()
            ))
            .with_source(error)),
            Err(error) => Err(Failure::of_io(path, error)),
        },
        Err(error) => Err(Failure::of_io(path, error)),
    }
}

fn is_folder(path: &Path) -> Failure {
    Failure::new(format!(
        "{} is a folder: name a file in it for the state",
        path.display()
    ))
}

fn beside(path: &Path, ending: &str) -> PathBuf {
    let mut name = OsString::from(path);
    name.push(ending);
    PathBuf::from(name)
}

/// SQLite's own locks are for a moment, this one is for life: two connectors that share a file would both
/// carry out what is promised in it.
fn lock(path: &Path) -> Result<Lock, Failure> {
    let lock = File::options()
        .create(true)
        .truncate(false)
        .write(true)
        .open(beside(path, "-lock"))
        .map_err(|error| Failure::of_io(path, error))?;
    match lock.try_lock() {
        Ok(()) => Ok(Lock(lock)),
        Err(TryLockError::WouldBlock) => Err(Failure::new(format!(
            "the state file {} is in use by another program, or by another store of this one: end that one, or give each a file of its own; one that was opened is shared by its clones",
            path.display()
        ))),
        Err(TryLockError::Error(error)) => Err(Failure::of_io(path, error)),
    }
}

/// An empty file whose log is not was emptied by somebody; SQLite would delete the log and begin anew.
fn check_is_whole(path: &Path) -> Result<(), Failure> {
    let length = |path: &Path| match fs::metadata(path) {
        Ok(file) => Ok(file.len()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
        Err(error) => Err(Failure::of_io(path, error)),
    };
    if length(path)? == 0 && length(&beside(path, "-wal"))? > 0 {
        return Err(Failure::damaged(path));
    }
    Ok(())
}

fn connect(path: &Path) -> Result<Connection, Failure> {
    let failure = |error| Failure::of_sqlite(path, error);
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE
        | OpenFlags::SQLITE_OPEN_CREATE
        | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let mut connection = Connection::open_with_flags(path, flags).map_err(failure)?;
    connection.busy_timeout(BUSY).map_err(failure)?;
    // SQLite opens what it may not write as well, and says so with the first write.
    if connection.is_readonly("main").map_err(failure)? {
        return Err(Failure::not_writable(path));
    }

    // Before anything is written, because it may be another program's.
    let version = version(path, &connection)?;
    connection
        .pragma_update(None, "synchronous", "FULL")
        .map_err(failure)?;
    // On macOS a sync reaches the disk's cache only, without it.
    connection
        .pragma_update(None, "fullfsync", true)
        .map_err(failure)?;
    if version < VERSIONS.len() {
        schema::migrate(&mut connection, version, VERSIONS).map_err(failure)?;
    }
    // After the tables: a new file gets its log when there is something to lose, so an empty file
    // with a log is never ours.
    let journal: String = connection
        .pragma_update_and_check(None, "journal_mode", "WAL", |row| row.get(0))
        .map_err(failure)?;
    if journal != "wal" {
        return Err(Failure::new(format!(
            "SQLite cannot keep a log beside the state file {}: name a file on a local disk",
            path.display()
        )));
    }
    // The writer does it itself, because SQLite's own way says nothing when it fails.
    connection
        .pragma_update(None, "wal_autocheckpoint", 0)
        .map_err(failure)?;
    connection
        .pragma_update(None, "foreign_keys", true)
        .map_err(failure)?;
    Ok(connection)
}

/// The version of a file that is ours and sound: 0 of one that is empty.
fn version(path: &Path, connection: &Connection) -> Result<usize, Failure> {
    let failure = |error| Failure::of_sqlite(path, error);
    let number = |sql| {
        connection
            .query_row(sql, (), |row| row.get::<_, i64>(0))
            .map_err(failure)
    };
    let application = number("PRAGMA application_id")?;
    let version = number("PRAGMA user_version")?;
    let tables = number("SELECT count(*) FROM sqlite_schema")?;
    if (application, version, tables) == (0, 0, 0) {
        return Ok(0);
    }
    if application != i64::from(APPLICATION_ID) {
        return Err(Failure::new(format!(
            "the file {} belongs to another program: name a file of its own for the state",
            path.display()
        )));
    }
    let version = match usize::try_from(version) {
        Ok(version) if version > VERSIONS.len() => {
            return Err(Failure::new(format!(
                "the state file {} was written by a newer dsync-connector (its version is {version}, this one knows {}): update this program, or put a backup of before in its place",
                path.display(),
                VERSIONS.len()
            )));
        }
        Ok(version @ 1..) => version,
        _ => return Err(Failure::damaged(path)),
    };
    let check: String = connection
        .query_row("PRAGMA quick_check(1)", (), |row| row.get(0))
        .map_err(failure)?;
    if check != "ok" {
        return Err(Failure::damaged(path).with_source(io::Error::other(check)));
    }
    Ok(version)
}
