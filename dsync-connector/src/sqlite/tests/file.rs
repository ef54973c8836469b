//! The file: whose it is, what it survives, and what is refused.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use dsync_core::wire::Report;
use rusqlite::Connection;

use super::*;
use crate::sqlite::schema;

/// Where the child process finds the file.
const CHILD: &str = "DSYNC_SQLITE_CHILD";

#[tokio::test]
async fn everything_is_there_again() {
    let folder = Folder::new();
    let store = folder.open();
    begin(&store, "begun").await.unwrap();
    begin(&store, "answered").await.unwrap();
    let body = answer(200, vec![0, 159, 255]);
    store
        .answer(&process("answered"), body.status, &body.body)
        .await
        .unwrap();
    let mut numbers = Vec::new();
    for id in ["a", "b", "c"] {
        numbers.push(promised(&store, &promise(id)).await);
    }
    store.tried(numbers[1], 4, time()).await.unwrap();
    let report = Report::new(process("c"), StatusCode::OK, "OK");
    let kept = store.settle(numbers[2], Some(&report), time()).await;
    let kept = kept.unwrap().unwrap();
    drop(store);

    let store = folder.open();
    let seen = async |id| store.seen(&process(id), time()).await.unwrap().unwrap();
    assert_eq!(seen("begun").await.answer, None);
    assert_eq!(seen("answered").await.answer, Some(body));
    assert_eq!(seen("a").await.answer, Some(answer(202, "later")));
    let promises = store.promises().unwrap();
    let read: Vec<_> = promises.iter().map(|one| one.number).collect();
    assert_eq!(read, numbers[..2]);
    assert_eq!(promises[1].attempts, 4);
    assert_eq!(
        store.promised(numbers[0]).await.unwrap(),
        Some(promise("a"))
    );
    assert_eq!(store.reports().unwrap()[0].number, kept);

    // No number comes twice.
    store.reported(kept).await.unwrap();
    for number in &numbers {
        store.settle(*number, None, time()).await.unwrap();
    }
    drop(store);
    let store = folder.open();
    let number = promised(&store, &promise("d")).await;
    assert!(number > numbers[2]);
    let again = store.settle(number, Some(&report), time()).await.unwrap();
    assert!(again.unwrap() > kept);
}

#[test]
fn one_store_uses_a_file() {
    let folder = Folder::new();
    let store = folder.open();
    let handle = store.clone();
    let error = folder.error();
    assert!(error.contains("is in use by another program"), "{error}");
    drop(store);
    assert!(folder.error().contains("in use"), "a handle is left");
    drop(handle);
    folder.open();
}

/// A process that is being started has all open files for a moment.
#[test]
fn a_closed_file_is_free_though_processes_are_started() {
    let folder = Folder::new();
    let starting = std::thread::spawn(|| {
        for _ in 0..50 {
            let mut child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "none", "--quiet"])
                .stdout(Stdio::null())
                .spawn()
                .unwrap();
            child.wait().unwrap();
        }
    });
    while !starting.is_finished() {
        drop(folder.open());
    }
    starting.join().unwrap();
}

#[cfg(unix)]
#[test]
fn a_file_has_one_lock_whatever_it_is_called() {
    let folder = Folder::new();
    let _store = folder.open();
    let link = folder.0.join("link.db");
    std::os::unix::fs::symlink(folder.file(), &link).unwrap();
    let error = SqliteStore::open(link).unwrap_err().to_string();
    assert!(error.contains("in use"), "{error}");
}

#[test]
fn what_is_no_place_for_a_file_is_said() {
    let folder = Folder::new();
    let error = |path: &Path| SqliteStore::open(path).unwrap_err().to_string();
    let missing = error(&folder.0.join("no").join("state.db"));
    assert!(missing.contains("no does not exist: make it"), "{missing}");
    let is_folder = error(&folder.0);
    assert!(is_folder.contains("is a folder"), "{is_folder}");
    let root = error(Path::new("/"));
    assert!(root.contains("is a folder"), "{root}");
    error(Path::new(""));
}

/// Not even root makes files there.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_without_the_right_to_write_is_said() {
    let error = SqliteStore::open("/sys/state.db").unwrap_err();
    assert!(error.to_string().contains("the right to write"), "{error}");
}

#[test]
fn the_file_of_another_program_is_left_alone() {
    for sql in [
        "CREATE TABLE t (a)",
        "PRAGMA user_version = 1",
        "PRAGMA application_id = 5",
    ] {
        let folder = Folder::new();
        let other = Connection::open(folder.file()).unwrap();
        other.execute_batch(sql).unwrap();
        drop(other);
        let before = fs::read(folder.file()).unwrap();
        let error = folder.error();
        assert!(error.contains("belongs to another program"), "{error}");
        assert_eq!(fs::read(folder.file()).unwrap(), before);
    }
}

#[test]
fn a_newer_file_is_refused() {
    let folder = Folder::new();
    drop(folder.open());
    let other = Connection::open(folder.file()).unwrap();
    other.pragma_update(None, "user_version", 99).unwrap();
    drop(other);
    let error = folder.error();
    assert!(error.contains("its version is 99"), "{error}");
    assert!(error.contains("update this program"), "{error}");
}

#[test]
fn a_damaged_file_is_refused_and_left_as_it_is() {
    let sound = {
        let folder = Folder::new();
        let store = folder.open();
        for id in 0..500 {
            let id = process(&format!("p-{id}"));
            drop(store.begin(&id, fingerprint(1), 1, time()));
        }
        drop(store);
        fs::read(folder.file()).unwrap()
    };
    let mut overwritten = sound.clone();
    overwritten[3 * 4096..].fill(0x55);
    let mut headless = sound.clone();
    headless[..100].fill(0);
    let cut = sound[..sound.len() / 2].to_vec();
    let mut versionless = sound.clone();
    versionless[60..64].fill(0);
    for damaged in [
        overwritten,
        headless,
        cut,
        versionless,
        b"not a database, but a long text".repeat(100),
    ] {
        let folder = Folder::new();
        fs::write(folder.file(), &damaged).unwrap();
        let error = folder.error();
        assert!(
            error.contains("is damaged, or is no SQLite file: put a backup"),
            "{error}"
        );
        assert!(fs::read(folder.file()).unwrap() == damaged);
    }
}

#[test]
fn a_file_that_was_emptied_is_not_begun_anew() {
    let folder = Folder::new();
    let store = folder.open();
    store
        .set_switch_for_test("product")
        .expect("there is a log now");
    let mut log = folder.file().into_os_string();
    log.push("-wal");
    let log_bytes = fs::read(&log).unwrap();
    drop(store);
    fs::write(folder.file(), "").unwrap();
    fs::write(&log, &log_bytes).unwrap();
    let error = folder.error();
    assert!(error.contains("is damaged"), "{error}");
    assert!(fs::read(&log).unwrap() == log_bytes);

    // One that is empty and has no log is a file that was made for us.
    fs::remove_file(&log).unwrap();
    folder.open();
}

impl SqliteStore {
    fn set_switch_for_test(&self, name: &str) -> Result<(), StateError> {
        dsync_core::StateStore::set_entity(self, name, &dsync_core::EntityState::default())
    }
}

#[test]
fn versions_follow_one_another_wholly_or_not_at_all() {
    const NEXT: &str = "CREATE TABLE next (a) STRICT;";
    let version = |connection: &Connection| -> (i64, i64) {
        let number = |sql| connection.query_row(sql, (), |row| row.get(0)).unwrap();
        (
            number("PRAGMA user_version"),
            number("SELECT count(*) FROM sqlite_schema WHERE name IN ('next', 'promise')"),
        )
    };
    let mut connection = Connection::open_in_memory().unwrap();
    let first = schema::VERSIONS[0];
    schema::migrate(&mut connection, 0, &[first]).unwrap();
    assert_eq!(version(&connection), (1, 1));

    let broken = [first, "CREATE TABLE next (a INTEGER) STRICT; nonsense"];
    schema::migrate(&mut connection, 1, &broken).unwrap_err();
    assert_eq!(version(&connection), (1, 1));
    schema::migrate(
        &mut connection,
        1,
        &[first, "CREATE TABLE next (a INTEGER) STRICT"],
    )
    .unwrap();
    assert_eq!(version(&connection), (2, 2));

    let mut connection = Connection::open_in_memory().unwrap();
    schema::migrate(&mut connection, 0, &[first, NEXT]).unwrap_err();
    assert_eq!(version(&connection), (0, 0));
}

/// The process that is killed: it is this test binary, told to run this one.
#[test]
fn child() {
    let Ok(path) = std::env::var(CHILD) else {
        return;
    };
    let runtime = tokio::runtime::Builder::new_current_thread()
        .build()
        .unwrap();
    runtime.block_on(async {
        let store = SqliteStore::open(path).unwrap();
        let mut out = std::io::stdout();
        for number in 0..u32::MAX {
            let id = format!("p-{number}");
            if number % 2 == 0 {
                begin(&store, &id).await.unwrap();
            } else {
                promised(&store, &promise(&id)).await;
            }
            writeln!(out, "\nkept {number}").unwrap();
            out.flush().unwrap();
        }
    });
}

#[tokio::test]
async fn what_was_acknowledged_survives_a_kill() {
    let folder = Folder::new();
    let (_, this) = module_path!().split_once("::").unwrap();
    for round in 1..=3_u32 {
        let file = folder.0.join(format!("{round}.db"));
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args([&format!("{this}::child"), "--exact", "--nocapture"])
            .env(CHILD, &file)
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let mut kept = Vec::new();
        for line in lines.map_while(Result::ok) {
            let number = line.strip_prefix("kept ").map(str::parse::<u32>);
            if let Some(Ok(number)) = number {
                kept.push(number);
                if kept.len() == 100 * round as usize {
                    child.kill().unwrap();
                }
            }
        }
        child.wait().unwrap();
        assert!(kept.len() >= 100 * round as usize);

        // The lock went with the process.
        let store = SqliteStore::open(&file).unwrap();
        let promises = store.promises().unwrap();
        for number in &kept {
            assert!(has(&store, &format!("p-{number}")).await, "{number}");
        }
        let promised = kept.iter().filter(|number| *number % 2 == 1).count();
        assert!((promised..=promised + 1).contains(&promises.len()));
        for one in promises {
            let promise = store.promised(one.number).await.unwrap().unwrap();
            assert!(
                store
                    .seen(promise.request.process_id(), time())
                    .await
                    .unwrap()
                    .is_some()
            );
        }
    }
}
