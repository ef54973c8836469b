//! All there is beside the program: what it was promised, what the platform has, and what went wrong.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use dsync_core::Clock;
use tokio::time::Instant;

use super::chance::Chance;
use super::clock::Ticks;
use super::ledger::Ledger;
use super::platform::Platform;

/// How often something has happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) schedules: u64,
    pub(crate) changes: u64,
    pub(crate) attempts: u64,
    pub(crate) effects: u64,
    pub(crate) superseded: u64,
    pub(crate) taken_back: u64,
    pub(crate) dead: u64,
    pub(crate) mended: u64,
    pub(crate) edited: u64,
    pub(crate) passed: u64,
    pub(crate) dropped: u64,
    pub(crate) crashes: u64,
    /// It was claimed, and not attempted yet.
    pub(crate) crashes_before_attempt: u64,
    pub(crate) crashes_in_attempt: u64,
    /// The answer was there, and not noted yet.
    pub(crate) crashes_before_settling: u64,
    /// It was on stable storage, and the program did not know.
    pub(crate) crashes_before_acknowledgement: u64,
    pub(crate) store_faults: u64,
    pub(crate) syncs_failed: u64,
    pub(crate) disks_full: u64,
    pub(crate) pauses: u64,
    /// Those because of the key.
    pub(crate) pauses_by_key: u64,
    pub(crate) keys_rotated: u64,
    /// The program was asked for a new key after one was refused, and had one.
    pub(crate) new_keys: u64,
    pub(crate) probes: u64,
    pub(crate) holds: u64,
    pub(crate) late_arrivals: u64,
    pub(crate) in_progress: u64,
    pub(crate) stops: u64,
    pub(crate) clock_set: u64,
    pub(crate) clock_set_back: u64,
}

macro_rules! add_up {
    ($to:ident, $from:ident: $($field:ident)+) => { $($to.$field += $from.$field;)+ };
}

impl Tally {
    pub(crate) fn add(&mut self, other: &Self) {
        let to = self;
        add_up!(to, other: schedules changes attempts effects superseded taken_back dead mended edited
            passed dropped crashes crashes_before_attempt crashes_in_attempt crashes_before_settling
            crashes_before_acknowledgement store_faults syncs_failed disks_full pauses pauses_by_key
            keys_rotated new_keys probes holds late_arrivals in_progress stops clock_set
            clock_set_back);
    }
}

#[derive(Debug)]
pub(crate) struct State {
    pub(crate) chance: Chance,
    pub(crate) clock: Ticks,
    origin: Instant,
    pub(crate) ledger: Ledger,
    pub(crate) platform: Platform,
    pub(crate) tally: Tally,
    /// Faults have ended.
    pub(crate) is_calm: bool,
    pub(crate) is_disk_full: bool,
    trace: Vec<(Duration, &'static str, i64)>,
    broken: Option<String>,
}

impl State {
    pub(crate) fn note(&mut self, what: &'static str, number: i64) {
        self.trace.push((self.origin.elapsed(), what, number));
    }

    /// A promise is broken. The first one counts.
    pub(crate) fn broken(&mut self, what: impl Into<String>) {
        let what = what.into();
        self.note("BROKEN", 0);
        self.broken.get_or_insert(what);
    }

    /// The time on the program's clock.
    pub(crate) fn tick(&self) -> Duration {
        self.clock.elapsed()
    }
}

#[derive(Clone, Debug)]
pub(crate) struct World(Arc<Mutex<State>>);

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(State {
            chance: Chance::new(seed ^ 0x5eed),
            clock: Ticks::new(),
            origin: Instant::now(),
            ledger: Ledger::default(),
            platform: Platform::default(),
            tally: Tally::default(),
            is_calm: false,
            is_disk_full: false,
            trace: Vec::new(),
            broken: None,
        })))
    }

    /// The world as it is now: whatever was to happen up to now has happened.
    pub(crate) fn now(&self) -> MutexGuard<'_, State> {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        state.catch_up();
        state
    }

    /// What is broken, and what has led to it.
    pub(crate) fn verdict(&self) -> Result<(), String> {
        let state = self.now();
        let Some(broken) = &state.broken else {
            return Ok(());
        };
        let mut text = String::from("what has led to it:\n");
        for (at, what, number) in &state.trace {
            text += &format!("{:>12.3} s  {what} {number}\n", at.as_secs_f64());
        }
        Err(format!("{broken}; {text}{broken}"))
    }

    pub(crate) fn is_broken(&self) -> bool {
        self.now().broken.is_some()
    }
}
