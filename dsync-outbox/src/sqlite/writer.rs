//! The one thread that writes: many calls share a commit, and so a sync of the disk.

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

use rusqlite::Connection;
use rusqlite::config::DbConfig;

use super::failure;
use crate::{StoreError, StoreErrorKind};

/// How many jobs one transaction takes: it bounds how long the first of them waits for the last.
const MOST_JOBS: usize = 256;

/// How many pages of the log are not in the file yet before they are brought there: four megabytes.
/// A longer log brings fewer pages there twice, but to write where a file ends makes its syncs slower.
const MOST_PAGES: i64 = 1000;

/// What a job does: an error that is none of SQLite's is the caller's own.
pub(super) type Work<T> = Result<T, Fault>;

/// Why a job was not done. Whatever it has done is undone.
#[derive(Debug)]
pub(super) enum Fault {
    Sqlite(rusqlite::Error),
    Store(StoreError),
}

impl From<rusqlite::Error> for Fault {
    fn from(error: rusqlite::Error) -> Self {
        Self::Sqlite(error)
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

impl Fault {
    pub(super) fn into_error(self, path: &Path) -> StoreError {
        match self {
            Self::Sqlite(error) => failure::of_sqlite(path, error),
            Self::Store(error) => error,
        }
    }
}

/// How a job that fails is undone, while others of its transaction go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Undo {
    /// By a savepoint, which costs as much as a third of keeping a change.
    Savepoint,
    /// It leaves nothing behind when it fails.
    Itself,
}

/// The handles' end of the thread. With the last handle it ends, when all that was called is written.
#[derive(Debug)]
pub(super) struct Writer {
    /// There until the drop.
    jobs: Option<Sender<Message>>,
    thread: Option<JoinHandle<()>>,
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    path: PathBuf,
    /// Why the thread has ended before the handles.
    stopped: OnceLock<StoreError>,
    /// Counts what this program has put in or mended.
    news: Arc<AtomicU64>,
    commits: AtomicU64,
}

/// A job for the thread.
enum Message {
    /// It changes the file, in a transaction.
    Change(Box<dyn Job>),
    /// It does not, and waits for nobody.
    Look(Box<dyn Job>),
}

impl Writer {
    pub(super) fn start(path: &Path, connection: Connection) -> Result<Self, StoreError> {
        let shared = Arc::new(Shared {
            path: path.to_owned(),
            stopped: OnceLock::new(),
            news: Arc::default(),
            commits: AtomicU64::new(0),
        });
        let (jobs, waiting) = mpsc::channel();
        let threads = Arc::clone(&shared);
        let thread = thread::Builder::new()
            .name("dsync-outbox".to_owned())
            .spawn(move || run(connection, waiting, &threads))
            .map_err(|error| {
                StoreError::new(
                    StoreErrorKind::Other,
                    "there is no thread left for the outbox",
                )
                .with_source(error)
            })?;
        Ok(Self {
            jobs: Some(jobs),
            thread: Some(thread),
            shared,
        })
    }

    /// Has something done in the file, and the answer given when the disk has confirmed it. The answer is
    /// dropped if the thread ends before.
    pub(super) fn send<T: Send + 'static>(
        &self,
        undo: Undo,
        work: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
        answer: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.give(Message::Change(Task::job(undo, work, answer)))
    }

    /// Has something looked at, without a transaction, by the connection that has made the changes.
    pub(super) fn look<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Connection) -> Work<T> + Send + 'static,
        answer: impl FnOnce(Result<T, StoreError>) + Send + 'static,
    ) -> Result<(), StoreError> {
        self.give(Message::Look(Task::job(Undo::Itself, work, answer)))
    }

    fn give(&self, message: Message) -> Result<(), StoreError> {
        self.jobs
            .as_ref()
            .and_then(|jobs| jobs.send(message).ok())
            .ok_or_else(|| self.stopped())
    }

    /// Grows with whatever this program puts in or mends, before that is committed.
    pub(super) fn news(&self) -> Arc<AtomicU64> {
        Arc::clone(&self.shared.news)
    }

    /// How many transactions were committed.
    #[cfg(test)]
    pub(super) fn commits(&self) -> u64 {
        self.shared.commits.load(Ordering::Relaxed)
    }

    /// Why nothing is done any more.
    pub(super) fn stopped(&self) -> StoreError {
        match self.shared.stopped.get() {
            Some(error) => failure::later(error),
            None => StoreError::new(
                StoreErrorKind::Other,
                format!(
                    "nothing is kept any more in the outbox {}, since its thread has panicked: restart the program",
                    self.shared.path.display()
                ),
            ),
        }
    }

    /// Whether the file is given up.
    pub(super) fn check(&self) -> Result<(), StoreError> {
        match self.shared.stopped.get() {
            Some(error) => Err(failure::later(error)),
            None => Ok(()),
        }
    }

    /// Gives the file up: a transaction of the program's own has met what the thread would have.
    pub(super) fn give_up(&self, error: &StoreError) {
        drop(self.shared.stopped.set(error.clone()));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.jobs = None;
        // An answer may have woken what held the last handle, on the thread itself. A panic was
        // printed when it happened.
        if let Some(thread) = self.thread.take()
            && thread.thread().id() != thread::current().id()
        {
            drop(thread.join());
        }
    }
}

/// Something to be done in the file.
trait Job: Send {
    fn undo(&self) -> Undo;

    /// Does it, in a transaction that is not committed.
    fn run(&mut self, connection: &Connection, path: &Path) -> Result<(), StoreError>;

    /// Says that its own part has failed, and is undone.
    fn fail(&mut self, error: StoreError);

    /// Answers, after the commit or after it has failed.
    fn answer(self: Box<Self>, commit: Result<(), &StoreError>);
}

struct Task<W, T, A> {
    undo: Undo,
    work: Option<W>,
    result: Option<Result<T, StoreError>>,
    answer: A,
}

impl<W, T, A> Task<W, T, A>
where
    Self: Job + 'static,
{
    fn job(undo: Undo, work: W, answer: A) -> Box<dyn Job> {
        Box::new(Self {
            undo,
            work: Some(work),
            result: None,
            answer,
        })
    }
}

impl<W, T, A> Job for Task<W, T, A>
where
    W: FnOnce(&Connection) -> Work<T> + Send,
    T: Send,
    A: FnOnce(Result<T, StoreError>) + Send,
{
    fn undo(&self) -> Undo {
        self.undo
    }

    fn run(&mut self, connection: &Connection, path: &Path) -> Result<(), StoreError> {
        if let Some(work) = self.work.take() {
            let result = work(connection).map_err(|fault| fault.into_error(path))?;
            self.result = Some(Ok(result));
        }
        Ok(())
    }

    fn fail(&mut self, error: StoreError) {
        self.result = Some(Err(error));
    }

    fn answer(self: Box<Self>, commit: Result<(), &StoreError>) {
        match (commit, self.result) {
            (Err(error), _) => (self.answer)(Err(error.clone())),
            (Ok(()), Some(result)) => (self.answer)(result),
            // It was not run, so there was no commit: whoever waits hears that the thread is gone.
            (Ok(()), None) => {}
        }
    }
}

fn run(connection: Connection, jobs: Receiver<Message>, shared: &Shared) {
    let outcome = work(&connection, &jobs, shared);
    drop(jobs);
    if let Err(error) = outcome {
        tracing::error!(%error, "the outbox is given up");
    }
    if shared.stopped.get().is_some() {
        // Closing would write the log into the file and delete it. It is the last that can be trusted.
        let kept = connection.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true);
        if let Err(error) = kept {
            tracing::warn!(%error, "the log of the outbox may be deleted");
        }
    }
    if let Err((_, error)) = connection.close() {
        tracing::warn!(%error, "the outbox was not closed properly");
    }
}

/// Works until no handle is left, or until there is no sense in it.
fn work(
    connection: &Connection,
    jobs: &Receiver<Message>,
    shared: &Shared,
) -> Result<(), StoreError> {
    let mut round = Vec::with_capacity(MOST_JOBS);
    while let Ok(first) = jobs.recv() {
        let outcome = transact(connection, first, jobs, &mut round, shared);
        // Before the answers, so that who calls again at once hears why.
        if let Err(error) = &outcome
            && error.is_final()
        {
            drop(shared.stopped.set(error.clone()));
        }
        let is_empty = round.is_empty();
        for job in round.drain(..) {
            job.answer(outcome.as_ref().copied());
        }
        match outcome {
            Ok(()) if is_empty => {}
            Ok(()) => {
                shared.commits.fetch_add(1, Ordering::Relaxed);
                checkpoint(connection, shared)?;
            }
            Err(error) if error.is_final() => return Err(error),
            Err(_) => {}
        }
    }
    Ok(())
}

fn look(connection: &Connection, mut job: Box<dyn Job>, shared: &Shared) {
    if let Err(error) = job.run(connection, &shared.path) {
        if error.is_final() {
            drop(shared.stopped.set(error.clone()));
        }
        job.fail(error);
    }
    job.answer(Ok(()));
}

/// Does jobs in one transaction: a first one, and those that come until it is full or nobody has more. All
/// that change something are in the round afterwards, to be answered. One that fails does not spoil the others,
/// unless the transaction is gone.
fn transact(
    connection: &Connection,
    first: Message,
    jobs: &Receiver<Message>,
    round: &mut Vec<Box<dyn Job>>,
    shared: &Shared,
) -> Result<(), StoreError> {
    let outcome = try_transact(connection, first, jobs, round, shared);
    if outcome.is_err()
        && !connection.is_autocommit()
        && let Err(error) = execute(connection, "ROLLBACK")
    {
        // What would be committed next is not known.
        let error = failure::of_sqlite(&shared.path, error);
        return Err(
            StoreError::new(StoreErrorKind::NotSynced, error.to_string()).with_source(error),
        );
    }
    outcome
}

fn try_transact(
    connection: &Connection,
    first: Message,
    jobs: &Receiver<Message>,
    round: &mut Vec<Box<dyn Job>>,
    shared: &Shared,
) -> Result<(), StoreError> {
    let failed = |error| failure::of_sqlite(&shared.path, error);
    let mut next = Some(first);
    while let Some(message) = next.take() {
        let job = match message {
            Message::Change(job) => job,
            Message::Look(job) => {
                look(connection, job, shared);
                next = jobs.try_recv().ok();
                continue;
            }
        };
        round.push(job);
        if let Some(error) = shared.stopped.get() {
            return Err(error.clone());
        }
        if round.len() == 1 {
            execute(connection, "BEGIN IMMEDIATE").map_err(failed)?;
        }
        if let Some(job) = round.last_mut() {
            run_job(connection, job.as_mut(), &shared.path)?;
        }
        if round.len() < MOST_JOBS {
            next = jobs.try_recv().ok();
        }
    }
    if round.is_empty() {
        return Ok(());
    }
    execute(connection, "COMMIT").map_err(failed)
}

fn run_job(connection: &Connection, job: &mut dyn Job, path: &Path) -> Result<(), StoreError> {
    let failed = |error| failure::of_sqlite(path, error);
    let has_savepoint = job.undo() == Undo::Savepoint;
    if has_savepoint {
        execute(connection, "SAVEPOINT dsync_outbox_job").map_err(failed)?;
    }
    if let Err(error) = job.run(connection, path) {
        if error.is_final() || connection.is_autocommit() {
            return Err(error);
        }
        if has_savepoint {
            execute(connection, "ROLLBACK TO dsync_outbox_job").map_err(failed)?;
        }
        job.fail(error);
    }
    if has_savepoint {
        execute(connection, "RELEASE dsync_outbox_job").map_err(failed)?;
    }
    Ok(())
}

fn execute(connection: &Connection, sql: &str) -> rusqlite::Result<()> {
    connection.prepare_cached(sql)?.execute(()).map(drop)
}

/// Brings what is in the log into the file, when it has become long.
fn checkpoint(connection: &Connection, shared: &Shared) -> Result<(), StoreError> {
    let pages = |sql| -> rusqlite::Result<i64> {
        connection
            .prepare_cached(sql)?
            .query_row((), |row| Ok(row.get::<_, i64>(1)? - row.get::<_, i64>(2)?))
    };
    let done = match pages("PRAGMA wal_checkpoint(NOOP)") {
        // A reader, an SQLite shell for instance, may hold it up: that is no error, and the next commit
        // tries again.
        Ok(left) if left >= MOST_PAGES => pages("PRAGMA wal_checkpoint(PASSIVE)"),
        other => other,
    };
    let Err(error) = done else {
        return Ok(());
    };
    let error = failure::of_sqlite(&shared.path, error);
    if error.is_final() {
        drop(shared.stopped.set(error.clone()));
        return Err(error);
    }
    tracing::warn!(%error, "the log of the outbox grows");
    Ok(())
}
