//! The thread: commits that are shared, failures that are not.

use std::error::Error as _;
use std::sync::Arc;

use dsync_core::StateStore;
use rusqlite::ffi;

use super::*;
use crate::inbox::KEPT_FOR;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_thousand_tasks_share_a_few_commits() {
    let folder = Folder::new();
    let store = folder.open();
    let release = held_up(&store);
    let sent = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..1000)
        .map(|number| {
            let (store, sent) = (store.clone(), Arc::clone(&sent));
            tokio::spawn(async move {
                let id = process(&format!("p-{number}"));
                let begun = store.begin(&id, fingerprint(1), 1, time());
                sent.fetch_add(1, Ordering::Relaxed);
                begun.await
            })
        })
        .collect();
    while sent.load(Ordering::Relaxed) < 1000 {
        tokio::task::yield_now().await;
    }
    drop(release);
    for task in tasks {
        task.await.unwrap().unwrap();
    }
    assert!(store.0.commits() <= 5, "{store:?}");
    drop(store);
    let store = folder.open();
    for number in 0..1000 {
        assert!(has(&store, &format!("p-{number}")).await);
    }
}

#[tokio::test]
async fn one_that_fails_does_not_spoil_the_others() {
    let folder = Folder::new();
    let store = folder.open();
    let release = held_up(&store);
    let before = begin(&store, "before");
    let failing = store.keep(|database| {
        database.begin_process(&process("half"), fingerprint(1), 1, time())?;
        database.execute("INSERT INTO entity (name, switch) VALUES ('e', 'none')", ())
    });
    let ((before, failing, after), ()) = tokio::join!(
        async { tokio::join!(before, failing, begin(&store, "after")) },
        async { drop(release) }
    );
    before.unwrap();
    after.unwrap();
    let error = failing.unwrap_err();
    assert!(error.to_string().contains("cannot be used"), "{error}");
    assert!(error.source().unwrap().to_string().contains("CHECK"));
    assert!(has(&store, "before").await && has(&store, "after").await);
    assert!(!has(&store, "half").await, "it is undone as a whole");
}

#[tokio::test]
async fn a_commit_that_fails_fails_all_and_the_next_may_succeed() {
    let folder = Folder::new();
    let store = folder.open();
    begin(&store, "old").await.unwrap();
    let release = held_up(&store);
    let failing = store.keep(|database| {
        // Is noticed by the commit.
        database.execute("PRAGMA defer_foreign_keys = ON", ())?;
        database.execute("INSERT INTO promise_lane VALUES (77, 0, 'lane')", ())
    });
    let (id, other) = (process("p"), process("q"));
    let beside = store.begin(&id, fingerprint(1), 1, time());
    let reading = store.seen(&id, time());
    drop(release);
    assert!(failing.await.is_err());
    assert!(beside.await.is_err());
    assert!(reading.await.is_err(), "what it has seen is not there");

    assert!(!has(&store, "p").await);
    store
        .begin(&other, fingerprint(1), 1, time())
        .await
        .unwrap();
    drop(store);
    let store = folder.open();
    assert!(has(&store, "old").await && has(&store, "q").await);
    assert!(!has(&store, "p").await);
}

#[tokio::test]
async fn a_full_disk_fails_what_is_written_and_may_pass() {
    let folder = Folder::new();
    let store = folder.open();
    with_connection(&store, |connection| {
        let pages: i64 = connection
            .query_row("PRAGMA page_count", (), |row| row.get(0))
            .unwrap();
        connection
            .pragma_update_and_check(None, "max_page_count", pages + 20, |_| Ok(()))
            .unwrap();
    });
    let body = vec![1; 10_000];
    let mut kept = Vec::new();
    let error = loop {
        let id = process(&format!("p-{}", kept.len()));
        begin(&store, id.as_str()).await.unwrap();
        match store
            .answer(&id, StatusCode::OK, &Bytes::from(body.clone()))
            .await
        {
            Ok(()) => kept.push(id),
            Err(error) => break error,
        }
    };
    assert!(error.to_string().contains("the disk is full"), "{error}");
    assert!(error.source().is_some());
    assert!(kept.len() > 3);

    with_connection(&store, |connection| {
        connection
            .pragma_update_and_check(None, "max_page_count", 1_000_000, |_| Ok(()))
            .unwrap();
    });
    let id = process("after");
    begin(&store, "after").await.unwrap();
    store
        .answer(&id, StatusCode::OK, &Bytes::from(body.clone()))
        .await
        .unwrap();
    kept.push(id);
    drop(store);
    let store = folder.open();
    for id in kept {
        let seen = store.seen(&id, time()).await.unwrap().unwrap();
        assert_eq!(seen.answer, Some(answer(200, body.clone())));
    }
}

#[tokio::test]
async fn a_file_that_became_read_only_says_so() {
    let folder = Folder::new();
    let store = folder.open();
    begin(&store, "p").await.unwrap();
    with_connection(&store, |connection| {
        connection.pragma_update(None, "query_only", true).unwrap();
    });
    let error = begin(&store, "q").await.unwrap_err();
    assert!(error.to_string().contains("the right to write"), "{error}");
    drop(store);
    let store = folder.open();
    assert!(has(&store, "p").await && !has(&store, "q").await);
}

#[tokio::test]
async fn after_a_failed_sync_nothing_is_pretended() {
    let folder = Folder::new();
    let store = folder.open();
    begin(&store, "p").await.unwrap();
    let release = held_up(&store);
    let failing = store.keep(|_| -> rusqlite::Result<()> {
        Err(rusqlite::Error::SqliteFailure(
            ffi::Error::new(ffi::SQLITE_IOERR_FSYNC),
            None,
        ))
    });
    let (id, late) = (process("q"), process("r"));
    let beside = store.begin(&id, fingerprint(1), 1, time());
    drop(release);
    let error = failing.await.unwrap_err();
    assert!(error.to_string().contains("did not confirm"), "{error}");
    beside.await.unwrap_err();

    let error = store.begin(&late, fingerprint(1), 1, time()).await;
    let error = error.unwrap_err().to_string();
    assert!(
        error.starts_with("nothing is kept any more, since"),
        "{error}"
    );
    assert!(error.contains("restart"), "{error}");
    assert!(store.promises().is_err());
    assert!(store.process(&id).is_err());
    let change = dsync_core::wire::RealtimeRequest::create("t".parse().unwrap(), "");
    let own = dsync_core::OwnProcess::new(id.clone(), &change, time());
    assert!(store.add_process(own).is_err());
    // The lock is held still: this program has not said what it will do.
    assert!(folder.error().contains("in use"));
    drop(store);

    let store = folder.open();
    assert!(has(&store, "p").await && !has(&store, "q").await);
}

#[tokio::test]
async fn a_panic_on_the_thread_is_an_error_to_all() {
    let folder = Folder::new();
    let store = folder.open();
    let error = store
        .keep(|_| -> rusqlite::Result<()> { panic!("on purpose") })
        .await
        .unwrap_err();
    assert!(error.to_string().contains("panicked"), "{error}");
    assert!(begin(&store, "p").await.is_err());
}

#[tokio::test]
async fn what_was_called_is_written_though_nobody_waits() {
    let folder = Folder::new();
    let store = folder.open();
    let release = held_up(&store);
    let (p, q) = (process("p"), process("q"));
    drop(store.begin(&p, fingerprint(1), 1, time()));
    drop(store.begin(&q, fingerprint(1), 1, time()));
    drop(release);
    drop(store);
    let store = folder.open();
    assert!(has(&store, "p").await && has(&store, "q").await);
}

#[tokio::test]
async fn the_last_handle_may_be_dropped_by_an_answer() {
    let folder = Folder::new();
    let store = folder.open();
    let handle = store.clone();
    let release = held_up(&store);
    let (dropped, is_dropped) = channel();
    store
        .send(
            |_| Ok(()),
            move |_| {
                drop(handle);
                dropped.send(()).unwrap();
            },
        )
        .unwrap();
    drop(store);
    drop(release);
    is_dropped.recv().unwrap();
    // Its thread closes the file now.
    let store = loop {
        match SqliteStore::open(folder.file()) {
            Ok(store) => break store,
            Err(error) => assert!(error.to_string().contains("in use"), "{error}"),
        }
    };
    begin(&store, "p").await.unwrap();
}

#[tokio::test]
async fn old_processes_are_forgotten_two_with_each_new_one_but_not_promised_ones() {
    let folder = Folder::new();
    let store = folder.open();
    let mut numbers = Vec::new();
    for id in 0..4 {
        begin(&store, &format!("p-{id}")).await.unwrap();
        let promise = promise(&format!("promised-{id}"));
        numbers.push(promised(&store, &promise).await);
    }
    let count = || {
        let count = store.wait(|database| database.all("SELECT 1 FROM process", (), |_| Ok(())));
        count.unwrap().len()
    };
    assert_eq!(count(), 8);

    let later = time() + KEPT_FOR;
    for (id, left) in [("new", 7), ("new", 5), ("new", 5)] {
        let id = process(id);
        store.begin(&id, fingerprint(1), 1, later).await.unwrap();
        assert_eq!(count(), left);
    }
    for id in 0..4 {
        let id = process(&format!("promised-{id}"));
        assert!(store.seen(&id, later).await.unwrap().is_some());
    }

    // One that is settled is forgotten like the others.
    store.settle(numbers[2], None, later).await.unwrap();
    let id = process("promised-2");
    assert!(store.seen(&id, later).await.unwrap().is_none());
    store
        .begin(&process("new"), fingerprint(1), 1, later)
        .await
        .unwrap();
    assert_eq!(count(), 4);
}

#[tokio::test]
async fn a_long_log_is_brought_into_the_file() {
    let folder = Folder::new();
    let store = folder.open();
    let log = || {
        let mut log = folder.file().into_os_string();
        log.push("-wal");
        std::fs::metadata(log).unwrap().len()
    };
    let body = vec![0; 1_000_000];
    for id in 0..40 {
        let id = process(&format!("p-{id}"));
        begin(&store, id.as_str()).await.unwrap();
        store
            .answer(&id, StatusCode::OK, &Bytes::from(body.clone()))
            .await
            .unwrap();
    }
    assert!(log() < 10_000_000, "{}", log());
    assert!(std::fs::metadata(folder.file()).unwrap().len() > 30_000_000);
}
