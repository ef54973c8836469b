//! The right to take changes out, and what its holder knows.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use dsync_sqlite::{FileError, Lock, Undo};
use rusqlite::Connection;
use tokio::sync::oneshot::{self, Receiver};

use super::claiming::Course;
use super::{Inner, answered};
use crate::{Advanced, ChangeId, Claim, Lease, Settled, Settlement, StoreError, Storing};

/// The lease of a SQLite file.
#[derive(Debug)]
pub(super) struct SqliteLease {
    store: Arc<Inner>,
    course: Course,
    /// What there was when changes were looked at last.
    seen: Option<Seen>,
    /// The step that was begun last. If its future was dropped, it may come to an end all the same.
    running: Option<Receiver<Result<Step, FileError>>>,
    /// What such a step has claimed: nobody knows of it.
    unheard: Vec<ChangeId>,
    _lock: Lock,
}

#[derive(Debug)]
struct Step {
    course: Course,
    advanced: Advanced,
    seen: Seen,
}

/// How a file stands, as far as it can be asked several times a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Seen {
    /// Another one after each commit of another connection.
    others: i64,
    /// Another one after whatever this program has put in or mended.
    own: u64,
}

impl Seen {
    fn now(connection: &Connection, own: &AtomicU64) -> rusqlite::Result<Self> {
        Ok(Self {
            others: connection
                .prepare_cached("PRAGMA data_version")?
                .query_row((), |row| row.get(0))?,
            own: own.load(Ordering::SeqCst),
        })
    }
}

impl SqliteLease {
    pub(super) fn new(store: Arc<Inner>, lock: Lock, number: i64) -> Self {
        Self {
            store,
            course: Course::new(number),
            seen: None,
            running: None,
            unheard: Vec::new(),
            _lock: lock,
        }
    }

    async fn step(&mut self, settled: Vec<Settled>, claim: Claim) -> Result<Advanced, StoreError> {
        if self.running.is_some()
            && let Ok(unheard) = self.end_step().await
        {
            self.unheard.extend(unheard.claimed.iter().map(|it| it.id));
        }

        let unheard = self.unheard.iter().map(|id| Settled {
            id: *id,
            settlement: Settlement::Unattempted,
        });
        let settled = unheard.chain(settled).collect();
        // A copy, which counts when it is committed.
        let mut course = self.course.clone();
        let own = Arc::clone(&self.store.news);
        let (sender, answer) = oneshot::channel();
        let sent = self.store.writer.send(
            Undo::Savepoint,
            move |connection| {
                // Before anything is looked at, so that what comes later is news.
                let seen = Seen::now(connection, &own)?;
                let advanced = course.advance(connection, settled, claim)?;
                Ok(Step {
                    course,
                    advanced,
                    seen,
                })
            },
            |step| drop(sender.send(step)),
        );
        sent.map_err(StoreError::of_file)?;
        self.running = Some(answer);
        let advanced = self.end_step().await?;
        self.unheard.clear();
        Ok(advanced)
    }

    /// Takes over what the step that runs has done.
    async fn end_step(&mut self) -> Result<Advanced, StoreError> {
        let ended = match &mut self.running {
            Some(running) => answered(&self.store, running).await,
            None => return Ok(Advanced::default()),
        };
        self.running = None;
        let step = ended?;
        self.course = step.course;
        self.seen = Some(step.seen);
        Ok(step.advanced)
    }
}

impl Lease for SqliteLease {
    fn advance(&mut self, settled: Vec<Settled>, claim: Claim) -> Storing<'_, Advanced> {
        Box::pin(self.step(settled, claim))
    }

    fn has_news(&mut self) -> Storing<'_, bool> {
        Box::pin(async move {
            let own = Arc::clone(&self.store.news);
            let (sender, answer) = oneshot::channel();
            let sent = self.store.writer.look(
                move |connection| Ok(Seen::now(connection, &own)?),
                |seen| drop(sender.send(seen)),
            );
            sent.map_err(StoreError::of_file)?;
            let now = answered(&self.store, answer).await?;
            Ok(self.seen != Some(now))
        })
    }
}
