//! A file, sound or not.

use std::fs;
use std::io::{Seek, SeekFrom, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;

use rusqlite::Connection;

use super::*;
use crate::sqlite::claiming::Course;
use crate::sqlite::looking;
use crate::{Filter, StoreErrorKind};

fn refusal(path: &Path) -> crate::StoreError {
    SqliteStore::open(path).unwrap_err()
}

/// A file of some pages, which is closed.
fn filled(folder: &Path) -> PathBuf {
    let store = open(folder);
    for number in 0..100 {
        add(&store, update(&number.to_string(), &"x".repeat(500)));
    }
    folder.join("shop.db")
}

#[test]
fn everything_is_there_again() {
    let folder = folder();
    let store = open(folder.path());
    let id = add(&store, update("ä/🙂", r#"{"a":1.10}"#));
    drop(store);
    let entry = block_on(open(folder.path()).show(id)).unwrap().unwrap();
    assert_eq!(entry.record.unwrap().as_str(), "ä/🙂");
    assert_eq!(entry.body.unwrap(), r#"{"a":1.10}"#);
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = filled(folder.path());
    let mut file = fs::File::options().write(true).open(&path).unwrap();
    file.seek(SeekFrom::Start(4096)).unwrap();
    file.write_all(&[0xAA; 40_000]).unwrap();
    drop(file);
    let before = fs::read(&path).unwrap();
    let error = refusal(&path);
    assert_eq!(error.kind(), StoreErrorKind::Damaged, "{error}");
    assert!(error.to_string().contains("put a backup in its place"));
    assert!(fs::read(&path).unwrap() == before);
}

/// One without a log would get one, if it were not looked at before.
#[test]
fn a_damaged_file_without_a_log_is_left_as_it_is_too() {
    let folder = folder();
    let path = filled(folder.path());
    let connection = Connection::open(&path).unwrap();
    connection
        .pragma_update_and_check(None, "journal_mode", "DELETE", |_| Ok(()))
        .unwrap();
    drop(connection);
    let mut damaged = fs::read(&path).unwrap();
    let change = damaged.len() - 40_000;
    damaged[change..].fill(0xAA);
    fs::write(&path, &damaged).unwrap();
    assert_eq!(refusal(&path).kind(), StoreErrorKind::Damaged);
    assert!(fs::read(&path).unwrap() == damaged);
}

#[test]
fn what_is_no_database_is_refused_and_left_as_it_is() {
    let folder = folder();
    let path = folder.path().join("shop.db");
    let text = "a letter to somebody, and long enough to be looked at as a database. ".repeat(20);
    fs::write(&path, &text).unwrap();
    assert_eq!(refusal(&path).kind(), StoreErrorKind::Damaged);
    assert_eq!(fs::read_to_string(&path).unwrap(), text);
}

#[test]
fn a_file_that_was_emptied_is_not_begun_anew() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, update("a", "{}"));
    let path = folder.path().join("shop.db");
    // As after a crash: the log is there.
    fs::copy(
        folder.path().join("shop.db-wal"),
        folder.path().join("copy"),
    )
    .unwrap();
    drop(store);
    fs::rename(
        folder.path().join("copy"),
        folder.path().join("shop.db-wal"),
    )
    .unwrap();
    fs::write(&path, "").unwrap();
    assert_eq!(refusal(&path).kind(), StoreErrorKind::Damaged);
    assert!(
        fs::metadata(folder.path().join("shop.db-wal"))
            .unwrap()
            .len()
            > 0
    );
}

#[test]
fn a_newer_file_is_refused_and_pieces_of_one_are_damage() {
    let folder = folder();
    drop(open(folder.path()));
    let path = folder.path().join("shop.db");
    let change = |sql| Connection::open(&path).unwrap().execute_batch(sql).unwrap();
    change("UPDATE dsync_outbox_meta SET version = 99");
    let error = refusal(&path);
    assert_eq!(error.kind(), StoreErrorKind::Newer);
    assert!(error.to_string().contains("update this program"), "{error}");
    change("UPDATE dsync_outbox_meta SET version = 1; DROP TABLE dsync_outbox_ended");
    assert_eq!(refusal(&path).kind(), StoreErrorKind::Damaged);
    change("DROP TABLE dsync_outbox_meta");
    assert_eq!(refusal(&path).kind(), StoreErrorKind::Damaged);
}

#[test]
fn an_older_file_is_brought_up_wholly_or_not_at_all() {
    use crate::sqlite::schema::{VERSIONS, migrate};

    let folder = folder();
    let store = open(folder.path());
    let id = add(&store, update("a", "{}"));
    drop(store);
    let path = folder.path().join("shop.db");
    let mut connection = Connection::open(&path).unwrap();
    let next = "ALTER TABLE dsync_outbox_change ADD COLUMN more TEXT; ";
    let broken = format!("{next} CREATE TABLE broken (");
    let version = |connection: &Connection| -> i64 {
        connection
            .query_row("SELECT version FROM dsync_outbox_meta", (), |row| {
                row.get(0)
            })
            .unwrap()
    };
    assert!(migrate(&mut connection, &[VERSIONS[0], &broken]).is_err());
    assert_eq!(version(&connection), 1);
    assert!(
        connection
            .prepare("SELECT more FROM dsync_outbox_change")
            .is_err()
    );
    migrate(&mut connection, &[VERSIONS[0], next]).unwrap();
    assert_eq!(version(&connection), 2);
    // What was in it still is.
    let kept: i64 = connection
        .query_row("SELECT number FROM dsync_outbox_change", (), |row| {
            row.get(0)
        })
        .unwrap();
    assert_eq!(kept, id.number());
}

#[test]
fn what_is_no_place_for_a_file_is_said() {
    let folder = folder();
    let missing = refusal(&folder.path().join("no/such/folder.db"));
    assert!(missing.to_string().contains("does not exist: make it"));
    let is_folder = refusal(folder.path());
    assert!(
        is_folder
            .to_string()
            .contains("is a folder: name a file in it")
    );
}

#[test]
fn many_open_a_new_file_at_the_same_moment() {
    for _ in 0..5 {
        let folder = folder();
        thread::scope(|scope| {
            for number in 0..6 {
                let path = folder.path();
                scope.spawn(move || {
                    let store = open(path);
                    add(&store, raw(&number.to_string(), "{}"));
                });
            }
        });
        let counts = block_on(open(folder.path()).counts(None)).unwrap();
        assert_eq!(counts.pending, 6);
    }
}

#[cfg(unix)]
#[test]
fn one_sends_whatever_the_file_is_called() {
    let folder = folder();
    let store = open(folder.path());
    let lease = block_on(store.lease()).unwrap();
    let link = folder.path().join("link.db");
    std::os::unix::fs::symlink(folder.path().join("shop.db"), &link).unwrap();
    for other in [open(folder.path()), SqliteStore::open(&link).unwrap()] {
        let error = block_on(other.lease()).unwrap_err();
        assert_eq!(error.kind(), StoreErrorKind::Leased, "{error}");
    }
    drop(lease);
    assert!(block_on(open(folder.path()).lease()).is_ok());
}

/// Whoever claims or looks reads what is asked for, and not all there is: that would be millions of
/// instructions.
#[test]
fn a_million_pending_changes_are_claimed_and_paged_without_reading_them_all() {
    let folder = folder();
    let store = open(folder.path());
    add(&store, raw("a", "{}"));
    store
        .connect()
        .unwrap()
        .execute_batch(
            "WITH RECURSIVE others (number) AS
                 (SELECT 2 UNION ALL SELECT number + 1 FROM others WHERE number < 1000000)
             INSERT INTO dsync_outbox_change
             SELECT others.number, entity, 'r' || others.number, dead, operation, coalescing, enqueued,
                 'key-' || others.number, entity_id_field, entity_id, names_record, body
             FROM others, dsync_outbox_change AS first WHERE first.number = 1",
        )
        .unwrap();

    let mut connection = store.connect().unwrap();
    let thousands = Arc::new(AtomicU64::new(0));
    let counted = Arc::clone(&thousands);
    let count = move || {
        counted.fetch_add(1, Ordering::Relaxed);
        false
    };
    connection.progress_handler(1000, Some(count)).unwrap();
    let mut course = Course::new(0);
    let advanced = course.advance(&connection, vec![], claim(2)).unwrap();
    assert_eq!(ids(&advanced), [1, 2]);
    for after in [0, 500_000, 999_900] {
        let page = looking::list(&connection, Filter::Open, ChangeId::new(after), 100).unwrap();
        let numbers: Vec<_> = page.iter().map(|entry| entry.id.number()).collect();
        assert_eq!(numbers, (after + 1..=after + 100).collect::<Vec<_>>());
    }
    let thousands = thousands.load(Ordering::Relaxed);
    assert!(
        (1..100).contains(&thousands),
        "{thousands} thousand instructions"
    );
    assert!(format!("{course:?}").len() < 2_000, "{course:?}");
    assert_eq!(block_on(store.counts(None)).unwrap().pending, 1_000_000);
}
