//! An outbox in a SQLite file.

mod adding;
mod claiming;
mod file;
mod freed;
mod lanes;
mod lease;
mod looking;
mod mending;
mod pauses;
mod schema;
mod settling;
#[cfg(test)]
mod tests;
mod values;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::SystemTime;

use dsync_sqlite::{FileError, Reader, Undo, Work, Writer, at_once};
use rusqlite::Connection;
use tokio::sync::oneshot::{self, error::RecvError};

use self::lease::SqliteLease;
use crate::{
    Added, ChangeId, Counts, Entry, Filter, Lease, Mending, NewChange, OutboxStore, StoreError,
    StoreErrorKind, Storing,
};

/// Keeps an outbox in a SQLite file: in WAL mode, with `synchronous` FULL, so that each commit is on
/// stable storage; calls that come at the same time share one.
///
/// The file may be the database of the program itself: all tables of the outbox begin with
/// `dsync_outbox_`. It has to lie on a local disk. Many programs may put changes in; one sends, which is
/// whoever has locked the file `-sender` beside it.
///
/// A disk that does not confirm a write ends it: nothing is accepted any more, and the program has to be
/// restarted, because what was written may be lost although the next write is confirmed.
///
/// Clones share two threads. The last one to be dropped waits until all that was called is written.
///
/// # Examples
///
/// ```
/// use dsync_outbox::{Outbox, SqliteStore};
///
/// # let folder = tempfile::tempdir()?;
/// # let path = folder.path().join("shop.db");
/// let store = SqliteStore::open(path)?;
/// let outbox = Outbox::builder().over(store.clone());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug)]
pub struct SqliteStore(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    // First, so that the log is brought into the file by whoever closes it last: the writer.
    reader: Reader,
    writer: Writer,
    /// Grows with whatever this program puts in or mends, before that is committed.
    news: Arc<AtomicU64>,
}

impl SqliteStore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be used; it says what to do. A damaged one is left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        Self::try_open(path.as_ref()).map_err(StoreError::of_file)
    }

    fn try_open(path: &Path) -> Result<Self, FileError> {
        let (file, connection) = file::open(path)?;
        let reader = Reader::start(&file)?;
        let writer = Writer::start(file, connection, None)?;
        Ok(Self(Arc::new(Inner {
            reader,
            writer,
            news: Arc::default(),
        })))
    }

    /// The file, by its one absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.0.writer.file().path()
    }

    /// Another connection to the file, for transactions of the program's own; see
    /// [`Outbox::connect`](crate::Outbox::connect).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is none.
    pub fn connect(&self) -> Result<Connection, StoreError> {
        let writer = &self.0.writer;
        let connection = writer.check().and_then(|()| writer.file().connect());
        connection.map_err(StoreError::of_file)
    }

    /// Whether a change may be put in by a connection as it stands: what
    /// [`Outbox::enqueue_in`](crate::Outbox::enqueue_in) says of it.
    pub(crate) fn check_transaction(&self, connection: &Connection) -> Result<(), StoreError> {
        self.try_check_transaction(connection)
            .map_err(StoreError::of_file)
    }

    fn try_check_transaction(&self, connection: &Connection) -> Result<(), FileError> {
        const FULL: i64 = 2;

        let file = self.0.writer.file();
        self.0.writer.check()?;
        let failed = |error| file.sqlite_error(error);
        if connection.is_autocommit() {
            return Err(FileError::refused(
                "the connection has begun no transaction, so there is none to be part of: begin one",
            ));
        }
        let other = connection.path().map(Path::new);
        if !other.is_some_and(|other| file.is_at(other)) {
            return Err(FileError::refused(format!(
                "the connection is not one to {file}: one transaction is of one file, so keep the outbox in the program's own database"
            )));
        }
        let pragma = |sql| {
            connection
                .prepare_cached(sql)?
                .query_row((), |row| row.get::<_, rusqlite::types::Value>(0))
        };
        let journal = pragma("PRAGMA journal_mode").map_err(failed)?;
        let synchronous = pragma("PRAGMA synchronous").map_err(failed)?;
        let is_full =
            matches!(synchronous, rusqlite::types::Value::Integer(level) if level >= FULL);
        if journal != rusqlite::types::Value::Text("wal".to_owned()) || !is_full {
            return Err(FileError::refused(
                "a commit of this connection would not be on stable storage: set its `PRAGMA synchronous = FULL` (and `journal_mode = WAL`) before the transaction, or take one from `Outbox::connect`",
            ));
        }
        Ok(())
    }

    /// Puts a change in, in the transaction of a connection that was [checked](Self::check_transaction).
    pub(crate) fn add_in(
        &self,
        connection: &Connection,
        change: &NewChange,
    ) -> Result<Added, StoreError> {
        // SQLite ends one by itself, where the disk is full or an `OR ROLLBACK` says so. Then the change would
        // be kept, and what it tells of not.
        if connection.is_autocommit() {
            return Err(StoreError::new(
                StoreErrorKind::Refused,
                "the transaction has ended that this change was to be part of, so the change is not kept: begin another one",
            ));
        }
        let writer = &self.0.writer;
        adding::add(connection, change).map_err(|fault| {
            let error = fault.into_error(writer.file());
            if error.is_final() {
                writer.give_up(&error);
            }
            StoreError::of_file(error)
        })
    }

    /// Has something done by the writer that whoever sends should know of.
    async fn write_news<T: Send + 'static>(
        &self,
        undo: Undo,
        work: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let news = Arc::clone(&self.0.news);
        self.write(undo, move |connection| {
            news.fetch_add(1, Ordering::SeqCst);
            work(connection)
        })
        .await
    }

    /// Has something done by the writer.
    async fn write<T: Send + 'static>(
        &self,
        undo: Undo,
        work: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let (sender, answer) = oneshot::channel();
        // Nobody may wait any more.
        let give = move |result| drop(sender.send(result));
        let sent = self.0.writer.send(undo, work, give);
        sent.map_err(StoreError::of_file)?;
        answered(&self.0, answer).await
    }
}

impl Inner {
    /// Has something looked at by the reader, which sees all that was committed.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.check().map_err(StoreError::of_file)?;
        let (sender, answer) = oneshot::channel();
        let file = self.writer.file().clone();
        self.reader.send(move |connection| {
            let seen = at_once(connection, look).map_err(|fault| fault.into_error(&file));
            drop(sender.send(seen));
        });
        let seen = answer.await.unwrap_or_else(|_| Err(self.reader.stopped()));
        heard(self, seen)
    }
}

/// The answer of the writer, or why there is none.
async fn answered<T>(
    store: &Inner,
    answer: impl Future<Output = Result<Result<T, FileError>, RecvError>>,
) -> Result<T, StoreError> {
    let answer = answer.await.unwrap_or_else(|_| Err(store.writer.stopped()));
    heard(store, answer)
}

fn heard<T>(store: &Inner, answer: Result<T, FileError>) -> Result<T, StoreError> {
    answer.map_err(|error| {
        // The writer has done so itself, but not the thread that looks in.
        if error.is_final() {
            store.writer.give_up(&error);
        }
        StoreError::of_file(error)
    })
}

impl OutboxStore for SqliteStore {
    fn add(&self, change: NewChange) -> Storing<'_, Added> {
        Box::pin(async move {
            // It comes back to be freed by the thread that made it: two threads that free and make at the
            // same time wait for each other.
            let (added, _change) = self
                .write_news(Undo::Itself, move |connection| {
                    Ok((adding::add(connection, &change)?, change))
                })
                .await?;
            Ok(added)
        })
    }

    fn lease(&self) -> Storing<'_, Box<dyn Lease>> {
        Box::pin(async {
            let lock = file::lock(self.0.writer.file())?;
            // The lock goes along, so that it is held until the number is written, also if nobody waits for
            // it any more: written later, it would end the lease that somebody else has taken meanwhile.
            let (lock, number) = self
                .write(Undo::Savepoint, move |connection| {
                    connection
                        .prepare_cached("DELETE FROM dsync_outbox_freed")?
                        .execute(())?;
                    let number = connection
                        .prepare_cached(
                            "UPDATE dsync_outbox_meta SET lease = lease + 1 RETURNING lease",
                        )?
                        .query_row((), |row| row.get(0))?;
                    Ok((lock, number))
                })
                .await?;
            Ok(Box::new(SqliteLease::new(Arc::clone(&self.0), lock, number)) as Box<dyn Lease>)
        })
    }

    fn counts(&self, up_to: Option<ChangeId>) -> Storing<'_, Counts> {
        Box::pin(
            self.0
                .read(move |connection| looking::counts(connection, up_to)),
        )
    }

    fn last(&self) -> Storing<'_, Option<ChangeId>> {
        Box::pin(self.0.read(looking::last))
    }

    fn is_moving(&self, up_to: ChangeId) -> Storing<'_, bool> {
        Box::pin(
            self.0
                .read(move |connection| looking::is_moving(connection, up_to)),
        )
    }

    fn list(
        &self,
        filter: Filter,
        after: Option<ChangeId>,
        limit: usize,
    ) -> Storing<'_, Vec<Entry>> {
        Box::pin(
            self.0
                .read(move |connection| looking::list(connection, filter, after, limit)),
        )
    }

    fn show(&self, id: ChangeId) -> Storing<'_, Option<Entry>> {
        Box::pin(self.0.read(move |connection| looking::show(connection, id)))
    }

    fn mend(&self, id: ChangeId, mending: Mending) -> Storing<'_, ()> {
        Box::pin(self.write_news(Undo::Savepoint, move |connection| {
            mending::mend(connection, id, mending, SystemTime::now())
        }))
    }

    fn retry_all(&self) -> Storing<'_, u64> {
        Box::pin(async {
            let (mut count, mut after) = (0, 0);
            loop {
                let retry = move |connection: &_| mending::retry_after(connection, after);
                match self.write_news(Undo::Savepoint, retry).await? {
                    None => return Ok(count),
                    Some(retried) => {
                        count += retried.count;
                        after = retried.last;
                    }
                }
            }
        })
    }

    fn forget(&self, before: SystemTime, limit: usize) -> Storing<'_, u64> {
        Box::pin(self.write(Undo::Savepoint, move |connection| {
            mending::forget(connection, before, limit)
        }))
    }
}
