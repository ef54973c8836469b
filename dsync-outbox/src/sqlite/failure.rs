//! What SQLite and the file system say, as advice.

use std::io;
use std::path::Path;

use rusqlite::ErrorCode;
use rusqlite::ffi::{SQLITE_BUSY_SNAPSHOT, SQLITE_IOERR_DIR_FSYNC, SQLITE_IOERR_FSYNC};

use crate::StoreErrorKind as Kind;
use crate::{StoreError, StoreErrorKind};

/// What SQLite says.
pub(super) fn of_sqlite(path: &Path, error: rusqlite::Error) -> StoreError {
    use rusqlite::Error as E;

    let shown = path.display();
    let (kind, message) = match &error {
        E::SqliteFailure(cause, _) => match cause.code {
            ErrorCode::DiskFull => (
                Kind::Full,
                format!(
                    "the outbox {shown} cannot grow, the disk is full: free some space, and it goes on"
                ),
            ),
            ErrorCode::ReadOnly | ErrorCode::PermissionDenied | ErrorCode::CannotOpen => {
                return not_writable(path).with_source(error);
            }
            ErrorCode::DatabaseBusy if cause.extended_code == SQLITE_BUSY_SNAPSHOT => (
                Kind::Busy,
                format!(
                    "somebody has written to {shown} since this transaction has read from it: roll it back, and begin it with BEGIN IMMEDIATE"
                ),
            ),
            ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked => (
                Kind::Busy,
                format!(
                    "somebody has kept the outbox {shown} locked for seconds, a long transaction or a backup perhaps: end that, and it goes on"
                ),
            ),
            ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
                return damaged(path).with_source(error);
            }
            ErrorCode::SystemIoFailure if is_sync(cause.extended_code) => (
                Kind::NotSynced,
                format!(
                    "the disk did not confirm what was written to the outbox {shown}: check the disk, then restart the program"
                ),
            ),
            ErrorCode::SystemIoFailure => (
                Kind::Other,
                format!("the outbox {shown} cannot be read or written: check the disk"),
            ),
            ErrorCode::TooBig => (
                Kind::Refused,
                format!(
                    "the record is too large for the outbox {shown}: SQLite takes up to a gigabyte"
                ),
            ),
            _ => (Kind::Other, format!("the outbox {shown} cannot be used")),
        },
        _ if is_unreadable(&error) => (
            // Not for good: other changes can be read.
            Kind::Other,
            format!(
                "the outbox {shown} has a value that cannot be read: it is damaged, or another program has changed it; put a backup in its place"
            ),
        ),
        _ => (Kind::Other, format!("the outbox {shown} cannot be used")),
    };
    StoreError::new(kind, message).with_source(error)
}

/// Whether a value is none that this library has written. Others can be read.
pub(super) fn is_unreadable(error: &rusqlite::Error) -> bool {
    use rusqlite::Error as E;

    matches!(
        error,
        E::FromSqlConversionFailure(..)
            | E::IntegralValueOutOfRange(..)
            | E::InvalidColumnType(..)
            | E::Utf8Error(..)
    )
}

/// What the file system says.
pub(super) fn of_io(path: &Path, error: io::Error) -> StoreError {
    let shown = path.display();
    let (kind, message) = match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
            return not_writable(path).with_source(error);
        }
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => (
            Kind::Full,
            format!("the outbox {shown} cannot be opened, the disk is full: free some space"),
        ),
        _ => (
            Kind::Other,
            format!("the outbox {shown} cannot be opened: name a file on a local disk"),
        ),
    };
    StoreError::new(kind, message).with_source(error)
}

pub(super) fn not_writable(path: &Path) -> StoreError {
    StoreError::new(
        Kind::ReadOnly,
        format!(
            "the outbox {} cannot be written: the user of this program needs the right to write it and to make files beside it",
            path.display()
        ),
    )
}

pub(super) fn damaged(path: &Path) -> StoreError {
    StoreError::new(
        Kind::Damaged,
        format!(
            "the outbox {} is damaged, or is no SQLite file: put a backup in its place, or move it away with its -wal file and begin anew without the changes in it",
            path.display()
        ),
    )
}

pub(super) fn newer(path: &Path, version: usize, known: usize) -> StoreError {
    StoreError::new(
        Kind::Newer,
        format!(
            "the outbox {} was written by a newer dsync-outbox (its version is {version}, this one knows {known}): update this program, or put a backup of before in its place",
            path.display()
        ),
    )
}

pub(super) fn refused(message: impl Into<String>) -> StoreError {
    StoreError::new(StoreErrorKind::Refused, message)
}

/// The same, for whoever comes after it.
pub(super) fn later(error: &StoreError) -> StoreError {
    StoreError::new(
        error.kind(),
        format!("nothing is kept any more, since {error}"),
    )
    .with_source(error.clone())
}

/// After a failed sync the system may count as written what never reached the disk, so the next one that
/// succeeds says nothing.
fn is_sync(extended_code: i32) -> bool {
    [SQLITE_IOERR_FSYNC, SQLITE_IOERR_DIR_FSYNC].contains(&extended_code)
}
