//! What the store promises: as an inbox (`inbox`, the same for every one), as against the one in memory
//! (`model`), as a state (`state`), as a file (`file`) and as a thread (`writer`).

mod file;
mod inbox;
mod model;
mod state;
mod writer;

use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dsync_core::wire::EntityRequest;
use dsync_core::{EntityId, ProcessId, StateError};
use http::StatusCode;
use rusqlite::Connection;

use super::SqliteStore;
use crate::inbox::{Fingerprint, Inbox, KeptAnswer, Promise};

/// A folder that is gone with its value.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Self {
        static LAST: AtomicUsize = AtomicUsize::new(0);
        let name = format!(
            "dsync-sqlite-{}-{}",
            std::process::id(),
            LAST.fetch_add(1, Ordering::Relaxed)
        );
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir(&path).unwrap();
        Self(path)
    }

    fn file(&self) -> PathBuf {
        self.0.join("state.db")
    }

    fn open(&self) -> SqliteStore {
        SqliteStore::open(self.file()).unwrap()
    }

    fn error(&self) -> String {
        SqliteStore::open(self.file()).unwrap_err().to_string()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(std::fs::remove_dir_all(&self.0));
    }
}

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A time that is not today, with nanoseconds.
fn time() -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::new(1_700_000_000, 123_456_700)
}

fn process(id: &str) -> ProcessId {
    ProcessId::new(id).unwrap()
}

fn fingerprint(byte: u8) -> Fingerprint {
    Fingerprint::from_bytes([byte; 16])
}

fn answer(status: u16, body: impl Into<Bytes>) -> KeptAnswer {
    KeptAnswer {
        status: StatusCode::from_u16(status).unwrap(),
        body: body.into(),
    }
}

fn promise(id: &str) -> Promise {
    let id_of_record = EntityId::new("S-1").unwrap();
    Promise {
        entity: "product".to_owned(),
        request: EntityRequest::update(process(id), id_of_record, r#"{"price":2}"#),
        lanes: vec!["product/S-1".to_owned(), "product".to_owned()],
        attempts: 1,
        since: time(),
        next: time() + DAY,
    }
}

/// Keeps the store's thread busy until the sender is dropped: what is sent meanwhile is one round.
fn held_up(store: &SqliteStore) -> Sender<()> {
    let (release, released) = channel::<()>();
    let (begin, begun) = channel();
    let work = move |_: &super::Database<'_>| {
        begin.send(()).unwrap();
        while released.recv().is_ok() {}
        Ok(())
    };
    store.send(work, |_| ()).unwrap();
    begun.recv().unwrap();
    release
}

/// Does something with the connection of the thread.
fn with_connection(store: &SqliteStore, act: impl FnOnce(&Connection) + Send + 'static) {
    store
        .wait(|database| {
            act(database.connection);
            Ok(())
        })
        .unwrap();
}

/// Begins a process.
async fn begin(store: &SqliteStore, id: &str) -> Result<(), StateError> {
    store.begin(&process(id), fingerprint(1), 1, time()).await
}

/// Promises something, and gives its number.
async fn promised(inbox: &dyn Inbox, promise: &Promise) -> u64 {
    let later = answer(202, "later");
    let number = inbox.promise(promise, fingerprint(9), &later).await;
    number.unwrap()
}

async fn has(store: &SqliteStore, id: &str) -> bool {
    store.seen(&process(id), time()).await.unwrap().is_some()
}
