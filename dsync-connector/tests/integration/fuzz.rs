//! Requests that are cut off, an inbox that fails and a handler that panics, all at random.
//!
//! What must hold: a process that was answered 200 took effect, one that was answered 202 comes to its
//! end, no two changes are at one record, and no attempt at a process has the number of an earlier one.

use std::collections::HashSet;
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dsync_connector::{
    Connector, Context, Fingerprint, Handled, Handler, HandlerError, Inbox, Keeping, KeptAnswer,
    KeptReport, MemoryInbox, Promise, Promised, Seen,
};
use dsync_core::retry::RetryPolicy;
use dsync_core::wire::Report;
use dsync_core::{ProcessId, StateError, Update};
use futures_util::future::{Either, join_all, select};

use http::StatusCode;

use crate::promises::working;
use crate::support::{KEY, Product, Reports, send, update};

/// How many seeds are tried; `DSYNC_FUZZ_SEEDS` says another number.
const SEEDS: u64 = 100;

/// How many processes there are, and how many records they share.
const PROCESSES: u32 = 8;
const RECORDS: u32 = 3;

/// How often the platform asks before it would give up.
const MOST_REQUESTS: u32 = 200;

/// Xorshift, so that a seed is a run.
#[derive(Clone, Debug)]
struct Dice(Arc<Mutex<u64>>);

impl Dice {
    fn new(seed: u64) -> Self {
        Self(Arc::new(Mutex::new(seed)))
    }

    /// A number below another one.
    fn roll(&self, sides: u64) -> u64 {
        let mut state = self.0.lock().unwrap();
        *state ^= *state << 13;
        *state ^= *state >> 7;
        *state ^= *state << 17;
        *state % sides
    }

    fn one_in(&self, sides: u64) -> bool {
        self.roll(sides) == 0
    }

    async fn some_steps(&self, most: u64) {
        for _ in 0..self.roll(most) {
            tokio::task::yield_now().await;
        }
    }
}

/// Takes its time, and fails before or after it has done what it is asked for.
#[derive(Debug)]
struct Shaky {
    inner: MemoryInbox,
    dice: Dice,
    fails: Arc<AtomicBool>,
}

impl Shaky {
    fn shake<'a, T: Send + 'a>(&'a self, keeping: Keeping<'a, T>) -> Keeping<'a, T> {
        let fails = self.fails.load(Ordering::Relaxed);
        let (before, after) = (self.dice.one_in(5), self.dice.one_in(7));
        Keeping::later(async move {
            self.dice.some_steps(2).await;
            if fails && before {
                return Err(StateError::new("before secret-path"));
            }
            let kept = keeping.await;
            self.dice.some_steps(2).await;
            if fails && after {
                return Err(StateError::new("after secret-path"));
            }
            kept
        })
    }
}

impl Inbox for Shaky {
    fn promises(&self) -> Result<Vec<Promised>, StateError> {
        self.inner.promises()
    }

    fn reports(&self) -> Result<Vec<KeptReport>, StateError> {
        self.inner.reports()
    }

    fn seen<'a>(&'a self, id: &'a ProcessId, now: SystemTime) -> Keeping<'a, Option<Seen>> {
        self.shake(Keeping::later(
            async move { self.inner.seen(id, now).await },
        ))
    }

    fn begin<'a>(
        &'a self,
        id: &'a ProcessId,
        request: Fingerprint,
        attempt: u32,
        now: SystemTime,
    ) -> Keeping<'a, ()> {
        self.shake(Keeping::later(async move {
            self.inner.begin(id, request, attempt, now).await
        }))
    }

    fn answer<'a>(
        &'a self,
        id: &'a ProcessId,
        status: StatusCode,
        body: &'a Bytes,
    ) -> Keeping<'a, ()> {
        self.shake(Keeping::later(async move {
            self.inner.answer(id, status, body).await
        }))
    }

    fn forget<'a>(&'a self, id: &'a ProcessId) -> Keeping<'a, ()> {
        self.shake(Keeping::later(async move { self.inner.forget(id).await }))
    }

    fn promise<'a>(
        &'a self,
        promise: &'a Promise,
        request: Fingerprint,
        answer: &'a KeptAnswer,
    ) -> Keeping<'a, u64> {
        self.shake(Keeping::later(async move {
            self.inner.promise(promise, request, answer).await
        }))
    }

    fn promised(&self, number: u64) -> Keeping<'_, Option<Promise>> {
        self.shake(Keeping::later(
            async move { self.inner.promised(number).await },
        ))
    }

    fn tried(&self, number: u64, attempts: u32, next: SystemTime) -> Keeping<'_, ()> {
        self.shake(Keeping::later(async move {
            self.inner.tried(number, attempts, next).await
        }))
    }

    fn settle<'a>(
        &'a self,
        number: u64,
        report: Option<&'a Report>,
        now: SystemTime,
    ) -> Keeping<'a, Option<u64>> {
        self.shake(Keeping::later(async move {
            self.inner.settle(number, report, now).await
        }))
    }

    fn reported(&self, number: u64) -> Keeping<'_, ()> {
        self.shake(Keeping::later(
            async move { self.inner.reported(number).await },
        ))
    }
}

/// Does something at random, and notes what took effect.
#[derive(Clone)]
struct Wild {
    dice: Dice,
    /// The process and the attempt.
    effects: Arc<Mutex<Vec<(String, u32)>>>,
    /// The records that a change is at.
    busy: Arc<Mutex<HashSet<String>>>,
    collided: Arc<AtomicBool>,
}

/// Leaves its record when it is dropped.
struct Inside<'a>(&'a Wild, &'a String);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.busy.lock().unwrap().remove(self.1);
    }
}

impl Wild {
    fn new(seed: u64) -> Self {
        Self {
            dice: Dice::new(seed),
            effects: Arc::default(),
            busy: Arc::default(),
            collided: Arc::default(),
        }
    }

    /// The attempts at a process that took effect.
    fn attempts(&self, process: &str) -> Vec<u32> {
        let effects = self.effects.lock().unwrap();
        let own = effects.iter().filter(|(id, _)| id == process);
        own.map(|&(_, attempt)| attempt).collect()
    }
}

impl Handler<Product> for Wild {
    type Id = String;

    async fn update(&self, context: &Context, sku: &String, _: Update<Product>) -> Handled<()> {
        // A panic here would be a 500 as any.
        let is_free = self.busy.lock().unwrap().insert(sku.clone());
        self.collided.fetch_or(!is_free, Ordering::Relaxed);
        let _inside = Inside(self, sku);
        self.dice.some_steps(4).await;
        if self.dice.one_in(3) {
            return Err(HandlerError::later("no"));
        }
        let process = context.process_id().unwrap().to_string();
        let effect = (process, context.attempt());
        self.effects.lock().unwrap().push(effect);
        self.dice.some_steps(4).await;
        match self.dice.roll(6) {
            // A panic without its message in the test's output.
            0 => resume_unwind(Box::new("on purpose")),
            1 => Err(std::io::Error::other("on purpose").into()),
            _ => Ok(()),
        }
    }
}

/// Asks until there is an answer that counts, as the platform does.
async fn ask(connector: &Connector, dice: &Dice, cuts_off: bool, number: u32) -> Option<u16> {
    let sku = format!("S-{}", number % RECORDS);
    let request = update(&format!("p-{number}"), &sku, number);
    for _ in 0..MOST_REQUESTS {
        let sending = pin!(send(connector, &request));
        let answer = if cuts_off {
            match select(sending, pin!(dice.some_steps(16))).await {
                Either::Left((answer, _)) => answer,
                Either::Right(_) => continue,
            }
        } else {
            sending.await
        };
        assert!(!String::from_utf8_lossy(answer.body()).contains("secret-path"));
        match answer.status().as_u16() {
            500 if dice.one_in(4) => {
                tokio::time::sleep(Duration::from_secs(dice.roll(10))).await;
            }
            500 => tokio::task::yield_now().await,
            status => return Some(status),
        }
    }
    None
}

async fn run(seed: u64) {
    let cuts_off = seed.is_multiple_of(2);
    let wild = Wild::new(seed * 7919 + 1);
    let reports = Reports::default();
    let fails = Arc::new(AtomicBool::new(true));
    let dice = Dice::new(seed * 104_729 + 5);
    let shaky = Shaky {
        inner: MemoryInbox::new(),
        dice: dice.clone(),
        fails: fails.clone(),
    };
    let patient = RetryPolicy::new()
        .with_max_attempts(1000)
        .with_backoff(Duration::ZERO, Duration::ZERO)
        .with_deadline(Duration::from_secs(36_000));
    let connector = Connector::builder(KEY)
        .entity::<Product>(wild.clone())
        .switched_on(true)
        .inbox(shaky)
        .reports(reports.clone())
        .retry(patient)
        .build()
        .unwrap();

    let platform = join_all((0..PROCESSES).map(|number| ask(&connector, &dice, cuts_off, number)));
    let hours = Duration::from_secs(36_000);
    let answers = tokio::time::timeout(hours, working(&connector, platform)).await;
    let answers = answers.unwrap_or_else(|_| panic!("seed {seed}: stuck"));
    fails.store(false, Ordering::Relaxed);

    for (number, status) in (0..PROCESSES).zip(answers) {
        let process = format!("p-{number}");
        match status {
            Some(200) => {}
            Some(202) => {
                let end = working(&connector, reports.wait_for_end(&process));
                let end = tokio::time::timeout(hours, end).await;
                let promised = connector.promised();
                assert!(
                    end.is_ok(),
                    "seed {seed}: {process} was promised and has no end, {promised} promised: {:?}",
                    reports.seen()
                );
            }
            other => panic!("seed {seed}: {process} was answered {other:?}"),
        }
        let attempts = wild.attempts(&process);
        assert!(!attempts.is_empty(), "seed {seed}: {process} has no effect");
        assert!(
            attempts.is_sorted_by(|one, next| one < next),
            "seed {seed}: {process} took effect in the attempts {attempts:?}"
        );
    }
    let collided = wild.collided.load(Ordering::Relaxed);
    assert!(!collided, "seed {seed}: two changes were at one record");
}

#[tokio::test(start_paused = true)]
async fn nothing_is_lost_or_done_at_once_whatever_fails() {
    let seeds = match std::env::var("DSYNC_FUZZ_SEEDS") {
        Ok(seeds) => seeds.parse().expect("a number of seeds"),
        Err(_) => SEEDS,
    };
    for seed in 1..=seeds {
        run(seed).await;
    }
}
