//! Bare SQLite group commit: what a program would write that needs nothing of an outbox but the bytes.

use std::error::Error;
use std::path::Path;
use std::sync::mpsc;
use std::thread::{self, JoinHandle};
use std::time::{SystemTime, UNIX_EPOCH};

use dsync::IdempotencyKey;
use dsync::prelude::*;
use rusqlite::{Connection, params};
use tokio::sync::oneshot;

use super::Failure;
use super::record::Order;

/// As many inserts share a commit at most as in the outbox.
const JOBS: usize = 256;

const INSERT: &str =
    "INSERT INTO change (token, record, key, time, body) VALUES (?1, ?2, ?3, ?4, ?5)";

/// What is kept of a change, byte for byte.
struct Row {
    token: &'static str,
    record: String,
    key: IdempotencyKey,
    time: i64,
    body: Vec<u8>,
}

struct Job {
    row: Row,
    done: oneshot::Sender<()>,
}

/// A file with one table, and the thread that writes it.
pub(super) struct Bare {
    jobs: Option<mpsc::Sender<Job>>,
    writer: Option<JoinHandle<rusqlite::Result<()>>>,
}

impl Bare {
    pub(super) fn open(path: &Path) -> Result<Self, Box<dyn Error>> {
        let connection = Connection::open(path)?;
        connection.execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS change (id INTEGER PRIMARY KEY AUTOINCREMENT,
                 token TEXT NOT NULL, record TEXT NOT NULL, key TEXT NOT NULL, time INTEGER NOT NULL,
                 body BLOB NOT NULL)",
        )?;
        let (jobs, queue) = mpsc::channel();
        let writer = thread::Builder::new()
            .name("bare-writer".to_owned())
            .spawn(move || write(&connection, &queue))?;
        Ok(Self {
            jobs: Some(jobs),
            writer: Some(writer),
        })
    }

    /// Returns when the record is on stable storage. The record goes through serde_json, and gets an
    /// idempotency key, as in the outbox.
    pub(super) async fn create(&self, order: &Order, record: String) -> Result<(), Failure> {
        let (done, answer) = oneshot::channel();
        let row = Row::new(order, record)?;
        let jobs = self.jobs.as_ref().ok_or("the writer has stopped")?;
        jobs.send(Job { row, done })?;
        Ok(answer.await?)
    }

    /// Puts in many at once.
    pub(super) fn fill(
        path: &Path,
        records: impl Iterator<Item = (Order, String)>,
    ) -> Result<(), Box<dyn Error>> {
        drop(Self::open(path)?);
        let mut connection = Connection::open(path)?;
        let transaction = connection.transaction()?;
        for (order, record) in records {
            let row = Row::new(&order, record)?;
            insert(&transaction, &row)?;
        }
        Ok(transaction.commit()?)
    }
}

impl Drop for Bare {
    fn drop(&mut self) {
        self.jobs.take();
        if let Some(writer) = self.writer.take() {
            // Whoever waits for an answer has learned of a failure.
            let _ = writer.join();
        }
    }
}

impl Row {
    fn new(order: &Order, record: String) -> Result<Self, serde_json::Error> {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Ok(Self {
            token: Order::layout().entity_token(),
            record,
            key: IdempotencyKey::generate(),
            time: since.map_or(0, |since| since.as_millis() as i64),
            body: serde_json::to_vec(order)?,
        })
    }
}

fn write(connection: &Connection, queue: &mpsc::Receiver<Job>) -> rusqlite::Result<()> {
    let mut answers = Vec::with_capacity(JOBS);
    while let Ok(first) = queue.recv() {
        connection.prepare_cached("BEGIN IMMEDIATE")?.execute(())?;
        let jobs = std::iter::once(first).chain(queue.try_iter());
        for Job { row, done } in jobs.take(JOBS) {
            insert(connection, &row)?;
            answers.push(done);
        }
        connection.prepare_cached("COMMIT")?.execute(())?;
        for answer in answers.drain(..) {
            // Nobody may wait any more.
            let _ = answer.send(());
        }
    }
    Ok(())
}

fn insert(connection: &Connection, row: &Row) -> rusqlite::Result<()> {
    let mut statement = connection.prepare_cached(INSERT)?;
    statement.execute(params![
        row.token,
        row.record,
        row.key.as_str(),
        row.time,
        row.body
    ])?;
    Ok(())
}
