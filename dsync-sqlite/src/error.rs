//! What SQLite and the file system say, as advice.

use std::error::Error;
use std::io;
use std::sync::Arc;

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_BUSY_SNAPSHOT, SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};

use crate::DataFile;

/// The file cannot do what it should. The message says what to do about it.
///
/// Clones share their cause, because one failed commit fails many calls.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct FileError {
    kind: FileErrorKind,
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
}

/// What kind of a fault a file has.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FileErrorKind {
    /// There is no space left. It goes on when there is some.
    Full,
    /// The file, or its folder, may not be written.
    ReadOnly,
    /// Somebody else has kept it locked for seconds, or a transaction that began by reading came too late.
    Busy,
    /// What is stored cannot be read.
    Damaged,
    /// The disk did not confirm what was written, so nothing that is written later can be trusted either.
    NotSynced,
    /// It was written by a later version of the library.
    Newer,
    /// The call cannot be carried out as things stand.
    Refused,
    /// Anything else.
    Other,
}

impl FileError {
    /// An error that says what cannot be done, and what may help.
    pub fn new(kind: FileErrorKind, message: impl Into<String>) -> Self {
        Self {
            kind,
            message: message.into(),
            source: None,
        }
    }

    /// The call cannot be carried out as things stand.
    pub fn refused(message: impl Into<String>) -> Self {
        Self::new(FileErrorKind::Refused, message)
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(source)),
            ..self
        }
    }

    /// What kind of a fault it is.
    #[must_use]
    pub fn kind(&self) -> FileErrorKind {
        self.kind
    }

    /// The cause, for an error that takes this one's place.
    #[must_use]
    pub fn cause(&self) -> Option<Arc<dyn Error + Send + Sync>> {
        self.source.clone()
    }

    /// Whether the file is given up: no later call succeeds either, before the program is restarted.
    #[must_use]
    pub fn is_final(&self) -> bool {
        use FileErrorKind::{Damaged, Newer, NotSynced};

        matches!(self.kind, Damaged | NotSynced | Newer)
    }

    /// The same, for whoever comes after it.
    pub(crate) fn later(&self) -> Self {
        Self::new(self.kind, format!("nothing is kept any more, since {self}"))
            .with_source(self.clone())
    }
}

impl DataFile {
    /// What SQLite says of this file.
    #[must_use]
    pub fn sqlite_error(&self, error: rusqlite::Error) -> FileError {
        use rusqlite::Error as E;

        use crate::FileErrorKind as Kind;

        let (kind, message) = match &error {
            E::SqliteFailure(cause, _) => match cause.code {
                ErrorCode::DiskFull => (
                    Kind::Full,
                    format!(
                        "{self} cannot grow, the disk is full: free some space, and it goes on"
                    ),
                ),
                ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
                    return self.not_writable().with_source(error);
                }
                ErrorCode::DatabaseBusy if cause.extended_code == SQLITE_BUSY_SNAPSHOT => (
                    Kind::Busy,
                    format!(
                        "somebody has written to {self} since this transaction has read from it: roll it back, and begin it with BEGIN IMMEDIATE"
                    ),
                ),
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
                    Kind::Busy,
                    format!(
                        "somebody has kept {self} locked for seconds, an SQLite shell, a long transaction or a backup perhaps: end that, and it goes on"
                    ),
                ),
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                    return self.damaged().with_source(error);
                }
                ErrorCode::SystemIoFailure if is_sync(cause.extended_code) => (
                    Kind::NotSynced,
                    format!(
                        "the disk did not confirm what was written to {self}: check the disk, then restart the program"
                    ),
                ),
                ErrorCode::SystemIoFailure => (
                    Kind::Other,
                    format!("{self} cannot be read or written: check the disk"),
                ),
                ErrorCode::TooBig => (
                    Kind::Refused,
                    format!("the record is too large for {self}: SQLite takes up to a gigabyte"),
                ),
                _ => (Kind::Other, format!("{self} cannot be used")),
            },
            _ if is_unreadable(&error) => (
                // Not for good: other rows can be read.
                Kind::Other,
                format!(
                    "{self} has a value that cannot be read: it is damaged, or another program has changed it; put a backup in its place"
                ),
            ),
            _ => (Kind::Other, format!("{self} cannot be used")),
        };
        FileError::new(kind, message).with_source(error)
    }

    /// What the file system says of this file.
    pub(crate) fn io_error(&self, error: io::Error) -> FileError {
        let (kind, message) = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                return self.not_writable().with_source(error);
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
                FileErrorKind::Full,
                format!("{self} cannot be opened, the disk is full: free some space"),
            ),
            _ => (
                FileErrorKind::Other,
                format!("{self} cannot be opened: name a file on a local disk"),
            ),
        };
        FileError::new(kind, message).with_source(error)
    }

    pub(crate) fn not_writable(&self) -> FileError {
        FileError::new(
            FileErrorKind::ReadOnly,
            format!(
                "{self} cannot be written: the user of this program needs the right to write it and to make files beside it"
            ),
        )
    }

    /// It cannot be read, and is left as it is.
    #[must_use]
    pub fn damaged(&self) -> FileError {
        FileError::new(
            FileErrorKind::Damaged,
            format!(
                "{self} is damaged, or is no SQLite file: put a backup in its place, or move it away with its -wal file and begin anew without {}",
                self.words().contents
            ),
        )
    }

    /// It was written by a later version of the library than this one, which knows an earlier one of the
    /// tables.
    #[must_use]
    pub fn newer(&self, version: usize, known: usize) -> FileError {
        FileError::new(
            FileErrorKind::Newer,
            format!(
                "{self} was written by a newer {} (its version is {version}, this one knows {known}): update this program, or put a backup of before in its place",
                self.words().library
            ),
        )
    }
}

/// Whether a value is none that the library has written. Others can be read.
#[must_use]
pub fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;

    matches!(
        error,
        E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..)
    )
}

/// After a failed sync the system may count as written what never reached the disk, so the next one that
/// succeeds says nothing.
fn is_sync(extended_code: i32) -> bool {
    [SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC].contains(&extended_code)
}
