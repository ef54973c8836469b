//! Whole programs on disks that fail.

use std::fs;
use std::time::Duration;

use dsync_crash_tests::item::kept;
use dsync_crash_tests::{Disk, Journal, Ledger, Running, WriteFault, cuts};

use crate::bench::Bench;

impl Bench {
    fn start_work(&self, disk: Disk, more: &[&str]) -> Running {
        let folder = self.folder.to_str().unwrap();
        let arguments = ["work", folder].into_iter().chain(more.iter().copied());
        Self::program().on(disk).start(arguments).unwrap()
    }

    fn lines(&self) -> Vec<String> {
        Ledger::read(&self.folder).unwrap()
    }
}

fn failures(lines: &[String]) -> Vec<&str> {
    let words = lines.iter().map(String::as_str);
    words.filter(|line| line.starts_with("failed ")).collect()
}

#[test]
fn after_one_failed_sync_nothing_is_accepted_and_a_restart_has_all_that_was() {
    for (number, writers) in [(14, "2"), (16, "1"), (33, "2"), (50, "2")] {
        let Some(bench) = Bench::new() else { return };
        // All syncs but this one do well, so it is the outbox that stops.
        let disk = bench
            .disk()
            .with_journal(&bench.journal())
            .with_failing_sync(number);
        let arguments = ["--writers", writers, "--changes", "300"];
        let mut running = bench.start_work(disk, &arguments);
        let status = running.wait(Duration::from_secs(60)).unwrap();
        assert!(status.success(), "{status}");

        let lines = bench.lines();
        let first = lines
            .iter()
            .position(|line| line.starts_with("failed "))
            .unwrap();
        let failed = failures(&lines);
        let writers: usize = writers.parse().unwrap();
        assert_eq!(failed.len(), 3 * writers, "{failed:?}");
        for line in failed {
            assert!(line.starts_with("failed NotSynced "), "{line}");
            assert!(line.contains("restart"), "{line}");
        }
        // One that was confirmed before may be told of after.
        assert!(kept(&lines[first..]).len() < writers, "{lines:?}");
        assert!(!kept(&lines).is_empty());

        let journal = Journal::read(&bench.journal()).unwrap();
        // A second try would find the pages clean, and say that all is well.
        assert_eq!(journal.syncs_after_a_failed_one(), 0);
        cuts::check(&journal, &bench.folder, number, 20).unwrap();
        cuts::look_at(&bench.folder, &lines).unwrap();
    }
}

#[test]
fn transactions_of_the_program_survive_what_follows_a_failed_sync() {
    for number in [12, 25, 40, 41, 42, 43] {
        let Some(bench) = Bench::new() else { return };
        let disk = bench
            .disk()
            .with_journal(&bench.journal())
            .with_failing_sync(number);
        let mut running = bench.start_work(disk, &["--writers", "3", "--changes", "40"]);
        assert!(running.wait(Duration::from_secs(60)).unwrap().success());
        let lines = bench.lines();
        assert!(!failures(&lines).is_empty());
        let journal = Journal::read(&bench.journal()).unwrap();
        cuts::check(&journal, &bench.folder, number, 30).unwrap();
        cuts::look_at(&bench.folder, &lines).unwrap();
    }
}

#[test]
fn a_disk_whose_syncs_all_fail_from_some_moment_on_loses_nothing_acknowledged() {
    let Some(bench) = Bench::new() else { return };
    let disk = bench
        .disk()
        .with_journal(&bench.journal())
        .with_failing_syncs_from(40);
    let mut running = bench.start_work(disk, &["--writers", "3", "--changes", "200"]);
    assert!(running.wait(Duration::from_secs(60)).unwrap().success());
    let lines = bench.lines();
    assert!(
        failures(&lines)
            .iter()
            .any(|line| line.starts_with("failed NotSynced "))
    );
    let journal = Journal::read(&bench.journal()).unwrap();
    cuts::check(&journal, &bench.folder, 5, 30).unwrap();
    cuts::look_at(&bench.folder, &lines).unwrap();
}

#[test]
fn writes_that_fail_for_a_while_are_told_of_and_then_it_goes_on() {
    for (fault, kind, advice) in [
        (WriteFault::NoSpace, "Full", "space"),
        // SQLite tells no more of them while a file is open.
        (WriteFault::ReadOnlyFileSystem, "Other", "check the disk"),
        (WriteFault::AccessDenied, "Other", "check the disk"),
    ] {
        let Some(bench) = Bench::new() else { return };
        let marker = bench.all.join("marker");
        let journal = bench.journal();
        let disk = bench
            .disk()
            .with_journal(&journal)
            .with_failing_writes(fault, &marker);
        let mut running = bench.start_work(disk, &["--writers", "2"]);
        running.wait_for_lines(&bench.folder, 40).unwrap();
        fs::write(&marker, "").unwrap();
        running
            .wait_for_lines(&bench.folder, bench.lines().len() + 20)
            .unwrap();
        let failed = bench.lines().len();
        fs::remove_file(&marker).unwrap();
        running.wait_for_lines(&bench.folder, failed + 40).unwrap();
        running.kill().unwrap();

        let lines = bench.lines();
        let wanted = format!("failed {kind} ");
        for line in failures(&lines) {
            assert!(
                line.starts_with(&wanted) && line.contains(advice),
                "{fault:?}: {line}"
            );
        }
        assert!(!failures(&lines).is_empty());
        assert!(kept(&lines[failed..]).len() > 30, "{fault:?}");
        let journal = Journal::read(&journal).unwrap();
        cuts::check(&journal, &bench.folder, 3, 20).unwrap();
        cuts::look_at(&bench.folder, &lines).unwrap();
    }
}

#[test]
fn a_file_that_may_not_be_written_is_refused_when_it_is_opened() {
    for fault in [WriteFault::ReadOnlyFileSystem, WriteFault::AccessDenied] {
        let Some(bench) = Bench::new() else { return };
        let work = ["--writers", "1", "--changes", "5"];
        let mut first = bench.start_work(bench.disk(), &work);
        assert!(first.wait(Duration::from_secs(60)).unwrap().success());
        let marker = bench.all.join("marker");
        fs::write(&marker, "").unwrap();
        let disk = bench.disk().with_failing_writes(fault, &marker);
        let mut second = bench.start_work(disk, &work);
        assert!(!second.wait(Duration::from_secs(60)).unwrap().success());
        let lines = bench.lines();
        let last = lines.last().unwrap();
        assert!(
            last.starts_with("not opened ReadOnly "),
            "{fault:?}: {last}"
        );
        fs::remove_file(&marker).unwrap();
        cuts::look_at(&bench.folder, &lines).unwrap();
    }
}
