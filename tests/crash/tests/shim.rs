//! The shim below SQLite does what it says: shown with a program that has nothing of the outbox.

use std::collections::HashSet;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

use dsync_crash_tests::{Disk, Failed, Journal, Ledger, Loss, Machine, WriteFault, plain};
use rand::SeedableRng;
use rand::rngs::SmallRng;

use crate::bench::Bench;

impl Bench {
    /// Runs the plain program to its end.
    fn write(&self, disk: Disk, synchronous: &str, rows: u32) -> Vec<String> {
        let output = Self::program()
            .on(disk)
            .run([
                "plain",
                self.folder.to_str().unwrap(),
                synchronous,
                &rows.to_string(),
            ])
            .unwrap();
        assert!(output.status.success(), "{output:?}");
        Ledger::read(&self.folder).unwrap()
    }
}

/// Cuts the power at many moments, and gives the worst that came of it.
fn worst_of(bench: &Bench) -> Result<(), Failed> {
    let journal = Journal::read(&bench.journal()).unwrap();
    let mut machine = Machine::new(&journal, &bench.folder).unwrap();
    let mut rng = SmallRng::seed_from_u64(7);
    for moment in (0..=journal.len()).step_by(journal.len() / 50) {
        machine.run_to(moment);
        for loss in Loss::ALL {
            let image = bench.all.inner("image").unwrap();
            machine.cut(loss, &mut rng, &image).unwrap();
            let there: HashSet<_> = plain::rows(&image)?.into_iter().collect();
            fs::remove_dir_all(image).unwrap();
            for heard in machine.heard() {
                let row = heard.parse()?;
                if !there.contains(&row) {
                    return Err(format!("row {row} is lost at {moment} with {loss:?}").into());
                }
            }
        }
    }
    Ok(())
}

#[test]
fn what_was_confirmed_with_full_survives_every_power_cut() {
    let Some(bench) = Bench::new() else { return };
    bench.write(bench.disk().with_journal(&bench.journal()), "full", 200);
    worst_of(&bench).unwrap();
}

#[test]
fn what_was_confirmed_with_normal_or_off_is_lost_by_a_power_cut() {
    for synchronous in ["normal", "off"] {
        let Some(bench) = Bench::new() else { return };
        bench.write(
            bench.disk().with_journal(&bench.journal()),
            synchronous,
            200,
        );
        let worst = worst_of(&bench).unwrap_err().to_string();
        assert!(
            worst.contains("is lost") || worst.contains("malformed"),
            "{worst}"
        );
    }
}

#[test]
fn what_nothing_of_is_lost_is_what_the_folder_holds() {
    let Some(bench) = Bench::new() else { return };
    let disk = bench.disk().with_journal(&bench.journal());
    let folder = bench.folder.to_str().unwrap();
    let mut running = Bench::program()
        .on(disk)
        .start(["plain", folder, "full", "100000"])
        .unwrap();
    running.wait_for_lines(&bench.folder, 100).unwrap();
    running.kill().unwrap();

    let journal = Journal::read(&bench.journal()).unwrap();
    let mut machine = Machine::new(&journal, &bench.folder).unwrap();
    machine.run_to(journal.len());
    let image = bench.all.inner("image").unwrap();
    machine
        .cut(Loss::Nothing, &mut SmallRng::seed_from_u64(1), &image)
        .unwrap();
    for name in ["plain.db", "plain.db-wal"] {
        let (real, made) = (bench.folder.join(name), image.join(name));
        // The last write may have been killed before it was written down.
        let differing = differing(&real, &made);
        assert!(differing <= 4096 + 24, "{name}: {differing} bytes");
    }
    let heard = machine.heard();
    assert!(heard.len() >= 100);
    assert!(Ledger::read(&bench.folder).unwrap().starts_with(&heard));
}

fn differing(left: &Path, right: &Path) -> usize {
    let (left, right) = (fs::read(left).unwrap(), fs::read(right).unwrap());
    let common = left.iter().zip(&right).filter(|(a, b)| a != b).count();
    common + left.len().abs_diff(right.len())
}

#[test]
fn a_delay_is_added_to_every_sync() {
    let Some(bench) = Bench::new() else { return };
    let delay = Duration::from_millis(20);
    let disk = bench
        .disk()
        .with_journal(&bench.journal())
        .with_sync_delay(delay);
    let begun = Instant::now();
    bench.write(disk, "full", 20);
    let taken = begun.elapsed();
    let syncs = Journal::read(&bench.journal()).unwrap().syncs();
    assert!(syncs >= 20);
    assert!(taken >= delay * u32::try_from(syncs).unwrap());
}

#[test]
fn syncs_fail_from_one_on_or_once() {
    let Some(bench) = Bench::new() else { return };
    let said = bench.write(bench.disk().with_failing_sync(15), "full", 20);
    let failed: Vec<_> = said
        .iter()
        .filter(|line| line.starts_with("failed"))
        .collect();
    assert_eq!(failed, ["failed disk I/O error"]);

    let Some(bench) = Bench::new() else { return };
    let said = bench.write(bench.disk().with_failing_syncs_from(15), "full", 20);
    let last = said.last().unwrap();
    assert!(said.len() > 1000 && last.starts_with("failed"), "{last}");
    let before = said
        .iter()
        .take_while(|line| !line.starts_with("failed"))
        .count();
    assert!(before < 15);
}

#[test]
fn what_a_failed_sync_left_behind_is_in_doubt_for_good() {
    let Some(bench) = Bench::new() else { return };
    let disk = bench
        .disk()
        .with_journal(&bench.journal())
        .with_failing_sync(15);
    // This program goes on after the failure, which is just the mistake.
    bench.write(disk, "full", 100);
    worst_of(&bench).unwrap_err();
    let journal = Journal::read(&bench.journal()).unwrap();
    assert!(journal.syncs_after_a_failed_one() > 0);
}

#[test]
fn writes_fail_as_long_as_a_file_exists() {
    for (fault, words) in [
        (WriteFault::NoSpace, "database or disk is full"),
        (WriteFault::ReadOnlyFileSystem, "disk I/O error"),
        (WriteFault::AccessDenied, "disk I/O error"),
    ] {
        let Some(bench) = Bench::new() else { return };
        let marker = bench.all.join("marker");
        let disk = bench.disk().with_failing_writes(fault, &marker);
        let folder = bench.folder.to_str().unwrap();
        let mut running = Bench::program()
            .on(disk)
            .start(["plain", folder, "full", "100000"])
            .unwrap();
        running.wait_for_lines(&bench.folder, 10).unwrap();
        fs::write(&marker, "").unwrap();
        let lines = || Ledger::read(&bench.folder).unwrap();
        let begun = lines().len();
        running.wait_for_lines(&bench.folder, begun + 10).unwrap();
        assert!(
            lines().last().unwrap().ends_with(words),
            "{fault:?} {:?}",
            lines().last()
        );
        fs::remove_file(&marker).unwrap();
        let failed = lines().len();
        running.wait_for_lines(&bench.folder, failed + 10).unwrap();
        assert!(!lines().last().unwrap().starts_with("failed"));
    }
}
