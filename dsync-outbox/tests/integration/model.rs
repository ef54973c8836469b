//! The promise, held against a model: programs that crash, a network, a platform and a store with faults.
//!
//! A schedule is made by its seed. A failed one prints its seed; `DSYNC_MODEL_SEED=<seed>` runs it alone.

mod carrier;
mod chance;
mod clock;
mod faulty;
mod ledger;
mod platform;
mod program;
mod schedule;
mod world;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;

use dsync_outbox::{MemoryStore, OutboxStore, SqliteStore};

use self::world::Tally;

/// At least so many are promised.
const IN_MEMORY: u64 = 10_000;
const IN_A_FILE: u64 = 500;

/// Where the seeds begin: a run of its own has its own.
fn seeds(count: u64) -> std::ops::Range<u64> {
    let number = |name| std::env::var(name).ok().map(|text| text.parse().unwrap());
    if let Some(seed) = number("DSYNC_MODEL_SEED") {
        return seed..seed + 1;
    }
    let from = number("DSYNC_MODEL_FROM").unwrap_or(0);
    from..from + number("DSYNC_MODEL_COUNT").unwrap_or(count)
}

fn run(seed: u64, open: impl Fn() -> Arc<dyn OutboxStore>) -> Tally {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .start_paused(true)
        .build()
        .unwrap();
    match runtime.block_on(schedule::run(seed, open)) {
        Ok(tally) => tally,
        Err(broken) => panic!("DSYNC_MODEL_SEED={seed}: {broken}"),
    }
}

/// Runs all, on as many threads as there are processors.
fn run_all(count: u64, run: impl Fn(u64) -> Tally + Sync) -> Tally {
    let seeds = seeds(count);
    let next = AtomicU64::new(seeds.start);
    let is_broken = AtomicBool::new(false);
    let work = || {
        let mut tally = Tally::default();
        while !is_broken.load(Ordering::Relaxed) {
            let seed = next.fetch_add(1, Ordering::Relaxed);
            if !seeds.contains(&seed) {
                break;
            }
            // It is broken unless the run comes back.
            let panics = OnPanic(&is_broken);
            tally.add(&run(seed));
            std::mem::forget(panics);
        }
        tally
    };
    let count = seeds.end - seeds.start;
    let threads = thread::available_parallelism().map_or(2, usize::from);
    thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        let mut all = Tally::default();
        let mut panicked = None;
        for worker in workers {
            match worker.join() {
                Ok(tally) => all.add(&tally),
                Err(panic) => panicked = Some(panic),
            }
        }
        if let Some(panic) = panicked {
            std::panic::resume_unwind(panic);
        }
        assert_eq!(all.schedules, count, "each was run, and once");
        all
    })
}

struct OnPanic<'a>(&'a AtomicBool);

impl Drop for OnPanic<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// What was to be met was met.
fn check(tally: &Tally) {
    if tally.schedules < 100 {
        return;
    }
    for (count, what) in [
        (tally.crashes, "crashes"),
        (tally.crashes_before_attempt, "crashes before an attempt"),
        (tally.crashes_in_attempt, "crashes in an attempt"),
        (
            tally.crashes_before_settling,
            "crashes between answer and settling",
        ),
        (
            tally.crashes_before_acknowledgement,
            "crashes between commit and acknowledgement",
        ),
        (tally.superseded, "changes that were superseded"),
        (tally.taken_back, "creates that were taken back"),
        (tally.dead, "dead letters"),
        (tally.mended, "dead letters that were mended"),
        (tally.edited, "dead letters that were edited"),
        (tally.passed, "dead letters that were passed"),
        (tally.dropped, "dead letters that were dropped"),
        (tally.pauses, "pauses"),
        (tally.pauses_by_key, "pauses because of a 401"),
        (tally.keys_rotated, "keys that were rotated"),
        (tally.new_keys, "pauses that a new key has ended"),
        (tally.probes, "probes"),
        (tally.stops, "senders that were stopped"),
        (tally.clock_set_back, "clocks that were set back"),
        (tally.holds, "answers with Retry-After"),
        (tally.late_arrivals, "requests that came when nobody waited"),
        (tally.in_progress, "changes that were in progress"),
        (tally.store_faults, "faults of the store"),
        (tally.disks_full, "full disks"),
        (tally.syncs_failed, "failed syncs"),
    ] {
        assert!(count > 0, "no schedule had {what}: {tally:#?}");
    }
}

fn run_in_memory(seed: u64) -> Tally {
    let store = MemoryStore::new();
    run(seed, move || Arc::new(store.clone()))
}

#[test]
fn the_promise_is_kept_in_memory() {
    check(&run_all(IN_MEMORY, run_in_memory));
}

#[test]
fn a_seed_is_one_schedule() {
    for seed in seeds(100) {
        assert_eq!(run_in_memory(seed), run_in_memory(seed), "{seed}");
    }
}

#[test]
fn the_promise_is_kept_in_a_file() {
    let tally = run_all(IN_A_FILE, |seed| {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("outbox.db");
        run(seed, || Arc::new(SqliteStore::open(&path).unwrap()))
    });
    check(&tally);
}
