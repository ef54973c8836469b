//! A file, from its path to a connection that may be used.

use std::ffi::OsString;
use std::fmt::{self, Display};
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags};

use crate::{FileError, FileErrorKind};

/// How long somebody else may hold the file.
const BUSY: Duration = Duration::from_secs(5);

/// How much of the file a connection keeps in memory, in KiB: enough for the index of a million rows to be
/// written to without being read each time.
const CACHE: i64 = 16 * 1024;

/// How many statements a connection keeps prepared: all that there are.
const STATEMENTS: usize = 64;

/// What a store and its parts are called in messages.
#[derive(Debug)]
pub struct Words {
    /// What the file is: `outbox`.
    pub noun: &'static str,
    /// What is lost with it: `the changes in it`.
    pub contents: &'static str,
    /// Which library it belongs to: `dsync-outbox`.
    pub library: &'static str,
    /// What its thread is called; one that looks in has `-look` behind it.
    pub thread: &'static str,
}

/// A file by the one path that it has whichever way it is named, so that it has one lock.
///
/// It is shown as "the outbox /var/lib/shop.db".
#[derive(Clone, Debug)]
pub struct DataFile {
    path: PathBuf,
    words: &'static Words,
}

impl Display for DataFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the {} {}", self.words.noun, self.path.display())
    }
}

/// A file that nobody else can lock, in this program or another one: an operating system's lock, because that
/// ends with the program however the program ends, and needs no clock.
#[derive(Debug)]
pub struct Lock(File);

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing is not enough: a process that is being started by another thread has the file open
        // for a moment as well. Where it cannot be unlocked, that moment passes.
        drop(self.0.unlock());
    }
}

impl DataFile {
    /// Finds the file's path, if there is a place for it. The file itself need not be there yet.
    ///
    /// # Errors
    ///
    /// [`FileError`] if there can be no file.
    pub fn find(path: &Path, words: &'static Words) -> Result<Self, FileError> {
        let named = Self {
            path: path.to_owned(),
            words,
        };
        // Absolute, so that SQLite does not take `:memory:` for a wish.
        let absolute = std::path::absolute(path).map_err(|error| named.io_error(error))?;
        let (Some(folder), Some(name)) = (absolute.parent(), absolute.file_name()) else {
            return Err(named.is_folder());
        };
        let path = match absolute.canonicalize() {
            Ok(real) if real.is_dir() => return Err(named.is_folder()),
            Ok(real) => real,
            Err(error) if error.kind() == io::ErrorKind::NotFound => match folder.canonicalize() {
                Ok(folder) => folder.join(name),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {
                    return Err(named.no_folder(folder).with_source(error));
                }
                Err(error) => return Err(named.io_error(error)),
            },
            Err(error) => return Err(named.io_error(error)),
        };
        Ok(Self { path, words })
    }

    /// The one path, which is absolute.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn words(&self) -> &'static Words {
        self.words
    }

    /// Whether a path is another name of this file.
    #[must_use]
    pub fn is_at(&self, path: &Path) -> bool {
        Self::find(path, self.words).is_ok_and(|other| other.path == self.path)
    }

    /// How many bytes the file has; a missing one has none.
    ///
    /// # Errors
    ///
    /// [`FileError`] if it cannot be told.
    pub fn length(&self) -> Result<u64, FileError> {
        self.length_of(&self.path)
    }

    fn length_of(&self, path: &Path) -> Result<u64, FileError> {
        match fs::metadata(path) {
            Ok(file) => Ok(file.len()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(0),
            Err(error) => Err(self.io_error(error)),
        }
    }

    fn beside(&self, ending: &str) -> PathBuf {
        let mut name = OsString::from(&self.path);
        name.push(ending);
        PathBuf::from(name)
    }

    /// Locks a file beside this one, whose name has this ending. SQLite's own locks are for a moment, this
    /// one is for life. `None` if somebody else has it.
    ///
    /// # Errors
    ///
    /// [`FileError`] if there can be no lock.
    pub fn lock(&self, ending: &str) -> Result<Option<Lock>, FileError> {
        let lock = File::options()
            .create(true)
            .truncate(false)
            .write(true)
            .open(self.beside(ending))
            .map_err(|error| self.io_error(error))?;
        match lock.try_lock() {
            Ok(()) => Ok(Some(Lock(lock))),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(self.io_error(error)),
        }
    }

    /// A connection to the file, which is made if there is none. Nothing is written to it yet: it may be
    /// another program's. Its commits reach the disk once the file [has a log](Self::keep_log).
    ///
    /// # Errors
    ///
    /// [`FileError`] if it cannot be opened, or was emptied.
    pub fn open(&self) -> Result<Connection, FileError> {
        self.check_is_whole()?;
        self.raw(OpenFlags::SQLITE_OPEN_CREATE)
    }

    /// Another connection to a file that is open already, and has its log.
    ///
    /// # Errors
    ///
    /// [`FileError`] if it cannot be opened, or has lost its log.
    pub fn connect(&self) -> Result<Connection, FileError> {
        let connection = self.raw(OpenFlags::empty())?;
        let journal: String = connection
            .query_row("PRAGMA journal_mode", (), |row| row.get(0))
            .map_err(|error| self.sqlite_error(error))?;
        if journal != "wal" {
            return Err(self.no_log());
        }
        Ok(connection)
    }

    /// An empty file whose log is not was emptied by somebody; SQLite would delete the log and begin anew.
    fn check_is_whole(&self) -> Result<(), FileError> {
        // In this order: a file that another program is making has something in it before its log has.
        if self.length_of(&self.beside("-wal"))? > 0 && self.length()? == 0 {
            return Err(self.damaged());
        }
        Ok(())
    }

    fn raw(&self, more: OpenFlags) -> Result<Connection, FileError> {
        let failed = |error| self.sqlite_error(error);
        let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX | more;
        let connection = Connection::open_with_flags(&self.path, flags).map_err(failed)?;
        connection.busy_timeout(BUSY).map_err(failed)?;
        connection.set_prepared_statement_cache_capacity(STATEMENTS);
        // A plan does not depend on the values, so that no statement is prepared anew for others.
        connection
            .set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
            .map_err(failed)?;
        // SQLite opens what it may not write as well, and says so with the first write.
        if connection.is_readonly("main").map_err(failed)? {
            return Err(self.not_writable());
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

    /// Switches the file to a log, for which nobody else may be in it for a moment: not even somebody who does
    /// the same. It comes after the tables: a new file gets its log when there is something to lose, so an
    /// empty file with a log is never a new one.
    ///
    /// From then on the log is brought into the file by a [`Writer`](crate::Writer) on this connection.
    ///
    /// # Errors
    ///
    /// [`FileError`] if there can be no log.
    pub fn keep_log(&self, connection: &Connection) -> Result<(), FileError> {
        const AGAIN: Duration = Duration::from_millis(10);

        let begun = Instant::now();
        loop {
            let journal = connection.pragma_update_and_check(None, "journal_mode", "WAL", |row| {
                row.get::<_, String>(0)
            });
            match journal {
                Ok(journal) if journal == "wal" => break,
                Ok(_) => return Err(self.no_log()),
                Err(error)
                    if error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
                        && begun.elapsed() < BUSY =>
                {
                    thread::sleep(AGAIN);
                }
                Err(error) => return Err(self.sqlite_error(error)),
            }
        }
        // The writer does it itself, because SQLite's own way says nothing when it fails.
        connection
            .pragma_update(None, "wal_autocheckpoint", 0)
            .map_err(|error| self.sqlite_error(error))
    }

    fn is_folder(&self) -> FileError {
        no_place(format!(
            "{} is a folder: name a file in it",
            self.path.display()
        ))
    }

    fn no_folder(&self, folder: &Path) -> FileError {
        no_place(format!(
            "the folder {} does not exist: make it, or name another place for the {}",
            folder.display(),
            self.words.noun
        ))
    }

    fn no_log(&self) -> FileError {
        no_place(format!(
            "SQLite cannot keep a log beside {self}: name a file on a local disk"
        ))
    }
}

fn no_place(message: String) -> FileError {
    FileError::new(FileErrorKind::Other, message)
}
