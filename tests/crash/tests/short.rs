//! Short runs of what `make crash` does at length.

use dsync_crash_tests::kills::Kills;
use dsync_crash_tests::{Folder, Shim, cuts, kills};

use crate::bench::Bench;

#[test]
fn a_few_kills_lose_double_and_reorder_nothing() {
    let (kills, verdict) = kills::run(&Bench::program(), 11, 8).unwrap();
    assert!(verdict.is_good(), "{kills}\n{verdict}");
    assert!(kills.at_commit > 0 && kills.at_answer > 0 && kills.taken_over > 0);
    // Each of those programs had one in its file that it never told of.
    assert!(
        verdict.unacknowledged >= kills.at_commit,
        "{kills}\n{verdict}"
    );
    assert!(
        verdict.acknowledged > 100 && verdict.superseded > 0,
        "{verdict}"
    );
}

/// What `make crash` is held to.
#[test]
fn fifty_kills_and_ten_at_each_moment_are_enough_and_fewer_are_not() {
    let enough = Kills {
        random: 30,
        at_commit: 10,
        at_answer: 10,
        taken_over: 0,
    };
    assert!(enough.are_enough());
    for fewer in [
        Kills {
            random: 29,
            ..enough
        },
        Kills {
            random: 90,
            at_commit: 9,
            ..enough
        },
        Kills {
            random: 90,
            at_answer: 9,
            ..enough
        },
    ] {
        assert!(!fewer.are_enough(), "{fewer}");
    }
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
