//! What SQLite and the file system say, as advice.

use std::error::Error;
use std::io;
use std::path::Path;
use std::sync::Arc;

use dsync_core::StateError;
use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};

/// Why the file cannot be used. A clone, because one transaction fails many calls.
#[derive(Clone, Debug)]
pub(super) struct Failure {
    message: String,
    source: Option<Arc<dyn Error + Send + Sync>>,
    is_final: bool,
}

impl Failure {
    pub(super) fn new(message: String) -> Self {
        Self {
            message,
            source: None,
            is_final: false,
        }
    }

    pub(super) fn with_source(self, source: impl Error + Send + Sync + 'static) -> Self {
        Self {
            source: Some(Arc::new(source)),
            ..self
        }
    }

    /// Nothing that is written later can be trusted either.
    pub(super) fn for_good(self) -> Self {
        Self {
            is_final: true,
            ..self
        }
    }

    pub(super) fn damaged(path: &Path) -> Self {
        Self::new(format!(
            "the state file {} is damaged: put a backup in its place, or move it away with its -wal file and begin anew without what it remembers, promised changes included",
            path.display()
        ))
        .for_good()
    }

    /// What SQLite says.
    pub(super) fn of_sqlite(path: &Path, error: rusqlite::Error) -> Self {
        use rusqlite::Error as E;

        let shown = path.display();
        let failure = match &error {
            E::SqliteFailure(cause, _) => match cause.code {
                ErrorCode::DiskFull => Self::new(format!(
                    "the state file {shown} cannot grow, the disk is full: free some space, and it goes on"
                )),
                ErrorCode::ReadOnly
                | ErrorCode::PermissionDenied
                | ErrorCode::CannotOpen => Self::not_writable(path),
                ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => Self::new(format!(
                    "another program has kept the state file {shown} locked for seconds, an SQLite shell or a backup perhaps: end what it does"
                )),
                ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => Self::damaged(path),
                ErrorCode::SystemIoFailure if is_sync(cause.extended_code) => Self::new(format!(
                    "the disk did not confirm what was written to the state file {shown}: check the disk, then restart the program"
                ))
                .for_good(),
                ErrorCode::SystemIoFailure => Self::new(format!(
                    "the state file {shown} cannot be read or written: check the disk"
                )),
                ErrorCode::TooBig => Self::new(format!(
                    "a record is too large for the state file {shown}: SQLite takes up to a gigabyte"
                )),
                _ => Self::new(format!("the state file {shown} cannot be used")),
            },
            E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..) => Self::new(format!(
                "the state file {shown} has a value that cannot be read: it is damaged, or another program has changed it; put a backup in its place"
            )),
            _ => Self::new(format!("the state file {shown} cannot be used")),
        };
        failure.with_source(error)
    }

    /// What the file system says.
    pub(super) fn of_io(path: &Path, error: io::Error) -> Self {
        let shown = path.display();
        let failure = match error.kind() {
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                Self::not_writable(path)
            }
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Self::new(format!(
                "the state file {shown} cannot be opened, the disk is full: free some space"
            )),
            _ => Self::new(format!(
                "the state file {shown} cannot be opened: name a file on a local disk"
            )),
        };
        failure.with_source(error)
    }

    pub(super) fn not_writable(path: &Path) -> Self {
        Self::new(format!(
            "the state file {} cannot be written: the user of this program needs the right to write it and to make files beside it",
            path.display()
        ))
    }

    pub(super) fn is_final(&self) -> bool {
        self.is_final
    }

    pub(super) fn error(&self) -> StateError {
        self.as_error(self.message.clone())
    }

    /// For whoever comes after it.
    pub(super) fn later_error(&self) -> StateError {
        self.as_error(format!("nothing is kept any more, since {}", self.message))
    }

    fn as_error(&self, message: String) -> StateError {
        let error = StateError::new(message);
        match &self.source {
            Some(source) => error.with_source(Arc::clone(source)),
            None => error,
        }
    }
}

/// After a failed sync the system may count as written what never reached the disk, so the next one that
/// succeeds says nothing.
fn is_sync(extended_code: i32) -> bool {
    [SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC].contains(&extended_code)
}
