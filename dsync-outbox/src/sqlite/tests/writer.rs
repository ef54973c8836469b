//! Many who write, and a disk that does not.

use std::sync::Arc;
use std::task::Poll;
use std::thread;

use dsync_sqlite::{FileError, FileErrorKind, Undo};

use super::*;
use crate::{StoreError, StoreErrorKind};

/// Runs something on the writer's connection.
fn with_connection(
    store: &SqliteStore,
    act: impl FnOnce(&rusqlite::Connection) -> rusqlite::Result<()> + Send + 'static,
) -> Result<(), StoreError> {
    block_on(store.write(Undo::Savepoint, move |connection| Ok(act(connection)?)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_thousand_at_once_are_all_kept_in_the_order_of_their_commits() {
    let folder = folder();
    let (store, other) = (open(folder.path()), open(folder.path()));
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..1000 {
        let store = if number % 2 == 0 { &store } else { &other }.clone();
        tasks.spawn(async move { store.add(raw(&format!("r{}", number % 7), "{}")).await });
    }
    let mut seen: Vec<i64> = Vec::new();
    while let Some(added) = tasks.join_next().await {
        seen.push(added.unwrap().unwrap().id.number());
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=1000).collect::<Vec<_>>());
}

#[test]
fn one_that_fails_does_not_spoil_the_others() {
    let folder = folder();
    let store = Arc::new(open(folder.path()));
    thread::scope(|scope| {
        for number in 0..40 {
            let store = Arc::clone(&store);
            scope.spawn(move || {
                if number % 4 == 0 {
                    let failed = block_on(store.write(Undo::Savepoint, |connection| {
                        connection.execute("DELETE FROM dsync_outbox_entity", ())?;
                        Ok(connection.execute("NO SQL", ())?)
                    }));
                    assert!(failed.is_err());
                } else {
                    add(&store, raw(&number.to_string(), "{}"));
                }
            });
        }
    });
    assert_eq!(block_on(store.counts(None)).unwrap().pending, 30);
    assert_eq!(
        block_on(store.list(crate::Filter::Open, None, 99))
            .unwrap()
            .len(),
        30
    );
}

#[test]
fn a_full_disk_is_said_and_goes_on_when_there_is_space() {
    let folder = folder();
    let store = open(folder.path());
    let kept = add(&store, raw("a", "{}"));
    let limit = |pages: i64| {
        with_connection(&store, move |connection| {
            let now: i64 = connection.query_row("PRAGMA page_count", (), |row| row.get(0))?;
            connection.pragma_update_and_check(None, "max_page_count", now + pages, |_| Ok(()))
        })
        .unwrap();
    };
    limit(2);
    let error = block_on(store.add(raw("b", &"x".repeat(1_000_000)))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::Full);
    assert!(error.to_string().contains("free some space"), "{error}");
    assert!(!error.is_final());
    limit(1_000_000);
    add(&store, raw("b", &"x".repeat(1_000_000)));
    assert!(block_on(store.show(kept)).unwrap().is_some());
    assert_eq!(block_on(store.counts(None)).unwrap().pending, 2);
}

#[test]
fn a_file_that_became_read_only_says_so() {
    let folder = folder();
    let store = open(folder.path());
    with_connection(&store, |connection| {
        connection.pragma_update(None, "query_only", true)
    })
    .unwrap();
    let error = block_on(store.add(raw("a", "{}"))).unwrap_err();
    assert_eq!(error.kind(), StoreErrorKind::ReadOnly, "{error}");
    assert!(error.to_string().contains("needs the right to write"));
}

#[test]
fn after_a_failed_sync_nothing_is_accepted_any_more() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    let failed = with_connection(&store, |_| {
        Err(rusqlite::Error::SqliteFailure(
            rusqlite::ffi::Error::new(rusqlite::ffi::SQLITE_IOERR_FSYNC),
            None,
        ))
    })
    .unwrap_err();
    assert_eq!(failed.kind(), StoreErrorKind::NotSynced);
    assert!(failed.to_string().contains("check the disk"), "{failed}");

    let later = block_on(store.add(raw("b", "{}"))).unwrap_err();
    assert_eq!(later.kind(), StoreErrorKind::NotSynced);
    assert!(later.to_string().starts_with("nothing is kept any more"));
    assert!(block_on(store.counts(None)).is_err());
    assert!(store.connect().is_err());
    drop(store);
    // The log was not brought into the file.
    assert!(folder.path().join("shop.db-wal").metadata().unwrap().len() > 0);
    let counts = block_on(open(folder.path()).counts(None)).unwrap();
    assert_eq!(counts.pending, 1);
}

#[test]
fn a_panic_on_the_thread_is_an_error_to_all() {
    let folder = folder();
    let store = open(folder.path());
    let error = block_on(store.write(Undo::Savepoint, |_| -> super::super::Work<()> {
        panic!("on purpose")
    }));
    assert!(error.unwrap_err().to_string().contains("has panicked"));
    assert!(block_on(store.add(raw("a", "{}"))).is_err());
}

#[test]
fn what_was_called_is_written_though_nobody_waits() {
    let folder = folder();
    let store = open(folder.path());
    let (waker, mut adding) = (std::task::Waker::noop(), store.add(raw("a", "{}")));
    let poll = adding
        .as_mut()
        .poll(&mut std::task::Context::from_waker(waker));
    drop(poll);
    drop(adding);
    drop(store);
    let counts = block_on(open(folder.path()).counts(None)).unwrap();
    assert_eq!(counts.pending, 1);
}

#[test]
fn ten_megabytes_and_the_longest_id_come_back_as_they_were() {
    let folder = folder();
    let store = open(folder.path());
    let body = "ü".repeat(5_000_000);
    let id = add(&store, raw(&"ä".repeat(4096), &body));
    let entry = block_on(store.show(id)).unwrap().unwrap();
    assert_eq!(entry.body.unwrap(), body);
    assert_eq!(entry.record.unwrap().as_str().len(), 8192);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_comes_during_a_transaction_shares_its_commit() {
    let folder = folder();
    let store = open(folder.path());
    let before = store.0.writer.commits();
    let (release, released) = std::sync::mpsc::channel::<()>();
    let (begin, begun) = std::sync::mpsc::channel();
    let busy = move |_: &rusqlite::Connection| {
        begin.send(()).unwrap();
        let _ = released.recv();
        Ok(())
    };
    store.0.writer.send(Undo::Itself, busy, |_| ()).unwrap();
    begun.recv().unwrap();
    let (sent, all_sent) = tokio::sync::mpsc::channel::<()>(64);
    let mut tasks = tokio::task::JoinSet::new();
    for number in 0..64 {
        let (store, sent) = (store.clone(), sent.clone());
        tasks.spawn(async move {
            let mut adding = store.add(raw(&number.to_string(), "{}"));
            // It is sent by the first poll.
            let poll = std::future::poll_fn(|context| Poll::Ready(adding.as_mut().poll(context)));
            assert!(poll.await.is_pending());
            drop(sent);
            adding.await
        });
    }
    drop(sent);
    let mut all_sent = all_sent;
    assert!(all_sent.recv().await.is_none());
    drop(release);
    while let Some(added) = tasks.join_next().await {
        added.unwrap().unwrap();
    }
    assert_eq!(store.0.writer.commits() - before, 1);
}

/// A commit of the program's own has failed, not one of the thread's.
#[test]
fn a_file_that_somebody_gave_up_keeps_its_log() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    let error = FileError::new(FileErrorKind::NotSynced, "on purpose");
    store.0.writer.give_up(&error);
    drop(store);
    assert!(folder.path().join("shop.db-wal").exists());
}

/// Somebody still looks in: whoever closes the file last has to be the writer.
#[test]
fn the_last_handle_leaves_a_tidy_file() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    let (begin, begun) = std::sync::mpsc::channel();
    let (_kept, released) = std::sync::mpsc::channel::<()>();
    store.0.reader.send(move |_| {
        begin.send(()).unwrap();
        let _ = released.recv_timeout(std::time::Duration::from_millis(50));
    });
    begun.recv().unwrap();
    drop(store);
    assert!(!folder.path().join("shop.db-wal").exists());
}
