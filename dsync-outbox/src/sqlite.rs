//! An outbox in a SQLite file.

mod adding;
mod claiming;
mod failure;
mod file;
mod lease;
mod looking;
mod mending;
mod reader;
mod schema;
mod settling;
#[cfg(test)]
mod tests;
mod values;
mod writer;

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::SystemTime;

use rusqlite::Connection;
use tokio::sync::oneshot::{self, error::RecvError};

use self::lease::SqliteLease;
use self::reader::Reader;
use self::writer::{Fault, Undo, Work, Writer};
use crate::{
    Added, ChangeId, Counts, Entry, Filter, Lease, Mending, NewChange, OutboxStore, StoreError,
    Storing,
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
    path: PathBuf,
    // First, so that the log is brought into the file by whoever closes it last: the writer.
    reader: Reader,
    writer: Writer,
}

impl SqliteStore {
    /// Opens a file, or makes it.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be used; it says what to do. A damaged one is left as it is.
    pub fn open(path: impl AsRef<Path>) -> Result<Self, StoreError> {
        let (path, connection) = file::open(path.as_ref())?;
        let reader = Reader::start(file::connect(&path)?)?;
        let writer = Writer::start(&path, connection)?;
        Ok(Self(Arc::new(Inner {
            path,
            reader,
            writer,
        })))
    }

    /// The file, by its one absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Another connection to the file, for transactions of the program's own; see
    /// [`Outbox::connect`](crate::Outbox::connect).
    ///
    /// # Errors
    ///
    /// [`StoreError`] if there is none.
    pub fn connect(&self) -> Result<Connection, StoreError> {
        self.0.writer.check()?;
        file::connect(self.path())
    }

    /// Whether a change may be put in by a connection as it stands: what
    /// [`Outbox::enqueue_in`](crate::Outbox::enqueue_in) says of it.
    pub(crate) fn check_transaction(&self, connection: &Connection) -> Result<(), StoreError> {
        const FULL: i64 = 2;

        self.0.writer.check()?;
        let failed = |error| failure::of_sqlite(self.path(), error);
        if connection.is_autocommit() {
            return Err(failure::refused(
                "the connection has begun no transaction, so there is none to be part of: begin one",
            ));
        }
        let other = connection.path().map(Path::new);
        if other.and_then(|other| file::resolve(other).ok()).as_deref() != Some(self.path()) {
            return Err(failure::refused(format!(
                "the connection is not one to the outbox's file {}: one transaction is of one file, so keep the outbox in the program's own database",
                self.path().display()
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
            return Err(failure::refused(
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
            return Err(failure::refused(
                "the transaction has ended that this change was to be part of, so the change is not kept: begin another one",
            ));
        }
        let added = adding::add(connection, change).map_err(|fault| self.0.error(fault));
        if let Err(error) = &added
            && error.is_final()
        {
            self.0.writer.give_up(error);
        }
        added
    }

    /// Has something done by the writer that whoever sends should know of.
    async fn write_news<T: Send + 'static>(
        &self,
        undo: Undo,
        work: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        let news = self.0.writer.news();
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
        self.0.writer.send(undo, work, give)?;
        answered(&self.0, answer).await
    }
}

impl Inner {
    fn error(&self, fault: Fault) -> StoreError {
        fault.into_error(&self.path)
    }

    /// Has something looked at by the reader, which sees all that was committed.
    async fn read<T: Send + 'static>(
        self: &Arc<Self>,
        look: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
    ) -> Result<T, StoreError> {
        self.writer.check()?;
        let (sender, answer) = oneshot::channel();
        let path = self.path.clone();
        self.reader.send(move |connection| {
            let seen = reader::at_once(connection, look).map_err(|fault| fault.into_error(&path));
            drop(sender.send(seen));
        });
        let seen = answered(self, answer).await;
        if let Err(error) = &seen
            && error.is_final()
        {
            self.writer.give_up(error);
        }
        seen
    }
}

/// The answer of a thread, or why there is none.
async fn answered<T>(
    store: &Inner,
    answer: impl Future<Output = Result<Result<T, StoreError>, RecvError>>,
) -> Result<T, StoreError> {
    answer.await.unwrap_or_else(|_| Err(store.writer.stopped()))
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
            let lock = file::lock(self.path())?;
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
        Box::pin(self.write_news(Undo::Savepoint, mending::retry_all))
    }

    fn forget(&self, before: SystemTime, limit: usize) -> Storing<'_, u64> {
        Box::pin(self.write(Undo::Savepoint, move |connection| {
            mending::forget(connection, before, limit)
        }))
    }
}
