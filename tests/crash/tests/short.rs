//! Short runs of what `make crash` does at length.

use dsync_crash_tests::{Folder, Shim, cuts, kills};

use crate::bench::Bench;

#[test]
fn a_few_kills_lose_double_and_reorder_nothing() {
    let (kills, verdict) = kills::run(&Bench::program(), 11, 8).unwrap();
    assert!(verdict.is_good(), "{kills}\n{verdict}");
    assert!(kills.at_commit > 0 && kills.at_answer > 0 && kills.taken_over > 0);
    assert!(
        verdict.acknowledged > 100 && verdict.superseded > 0,
        "{verdict}"
    );
}

#[test]
fn a_few_power_cuts_lose_nothing() {
    if Bench::new().is_none() {
        return;
    }
    let folder = Folder::in_memory().unwrap();
    let shim = Shim::build(&folder).unwrap();
    cuts::run(&Bench::program(), &shim, 11, 8).unwrap();
}
