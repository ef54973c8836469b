//! What a process of its own does with a file, and tells in a line of JSON.

use std::error::Error;
use std::fs;
use std::future::pending;
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use clap::ValueEnum;
use dsync::outbox::Filter;
use dsync::wire::{Answer, RealtimeRequest};
use dsync::{Carried, Carrier, Carrying, ChangeId, KeyCheck, Outbox};
use serde::{Deserialize, Serialize};
use tokio::runtime::Builder;
use tokio::sync::Notify;

/// How many changes are drained while the memory is watched.
pub(super) const DRAINED: usize = 5_000;

const IN_FLIGHT: usize = 32;
const PAGE: usize = 100;

/// How long a sender is watched that has nothing to send.
const IDLE: Duration = Duration::from_millis(300);

/// A sender that has not drained by then never will.
const LIMIT: Duration = Duration::from_secs(60);

#[derive(Clone, Copy, ValueEnum)]
pub(crate) enum Child {
    Open,
    Drain,
}

/// Milliseconds since the beginning, or of the call.
#[derive(Serialize, Deserialize)]
pub(super) struct Opened {
    pub(super) open: f64,
    /// NaN where there is nothing to claim; JSON has `null` for that.
    #[serde(deserialize_with = "nan")]
    pub(super) first_claim: f64,
    pub(super) middle_page: f64,
    pub(super) last_page: f64,
    pub(super) counts: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) peak_mib: f64,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Drained {
    #[serde(deserialize_with = "nan")]
    pub(super) rate: f64,
    #[serde(deserialize_with = "nan")]
    pub(super) peak_mib: f64,
}

fn nan<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<f64, D::Error> {
    Ok(Option::deserialize(deserializer)?.unwrap_or(f64::NAN))
}

pub(crate) fn run(child: Child, file: &Path) -> Result<(), Box<dyn Error>> {
    let runtime = Builder::new_current_thread().enable_all().build()?;
    let told = match child {
        Child::Open => serde_json::to_string(&runtime.block_on(open(file))?)?,
        Child::Drain => serde_json::to_string(&runtime.block_on(drain(file))?)?,
    };
    println!("{told}");
    Ok(())
}

async fn open(file: &Path) -> Result<Opened, Box<dyn Error>> {
    let begun = Instant::now();
    let outbox = Outbox::open(file)?;
    let open = millis(begun);
    let platform = Platform::accepting(0);
    let _sender = outbox
        .sender(platform.clone())
        .in_flight(IN_FLIGHT)
        .spawn()
        .await?;
    let is_empty = outbox.list(Filter::Open, None, 1).await?.is_empty();
    let limit = if is_empty { IDLE } else { LIMIT };
    let is_claimed = tokio::time::timeout(limit, platform.0.has_enough.notified()).await;
    let first_claim = match is_claimed {
        Ok(()) => millis(begun),
        Err(_) => f64::NAN,
    };
    let peak_mib = peak();

    let begun = Instant::now();
    let counts = outbox.counts().await?.pending;
    let count = millis(begun);
    let page = async |after: u64| {
        let begun = Instant::now();
        let after = i64::try_from(after).ok().and_then(ChangeId::new);
        let listed = outbox.list(Filter::Open, after, PAGE).await?;
        let is_whole = listed.len() == PAGE.min(usize::try_from(counts)?);
        if is_whole {
            Ok(millis(begun))
        } else {
            Err(Box::<dyn Error>::from("a page is not whole"))
        }
    };
    Ok(Opened {
        open,
        first_claim,
        middle_page: page(counts / 2).await?,
        last_page: page(counts.saturating_sub(PAGE as u64)).await?,
        counts: count,
        peak_mib,
    })
}

async fn drain(file: &Path) -> Result<Drained, Box<dyn Error>> {
    let outbox = Outbox::open(file)?;
    let pending = usize::try_from(outbox.counts().await?.pending)?;
    let count = pending.min(DRAINED);
    let platform = Platform::accepting(count);
    let begun = Instant::now();
    let _sender = outbox
        .sender(platform.clone())
        .in_flight(IN_FLIGHT)
        .spawn()
        .await?;
    if count == 0 {
        tokio::time::sleep(IDLE).await;
    } else {
        tokio::time::timeout(LIMIT, platform.0.has_enough.notified()).await?;
    }
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    Ok(Drained {
        rate: if count == 0 { f64::NAN } else { rate },
        peak_mib: peak(),
    })
}

fn millis(since: Instant) -> f64 {
    since.elapsed().as_secs_f64() * 1e3
}

/// The most memory that this process had, in MiB, where the system tells it.
fn peak() -> f64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = peak.and_then(|peak| peak.split_whitespace().next()?.parse::<f64>().ok());
    kib.map_or(f64::NAN, |kib| kib / 1024.0)
}

/// In the place of a client: accepts so many changes, and answers no more. It says when there are
/// enough, and when there is one more.
#[derive(Clone)]
struct Platform(Arc<Taken>);

struct Taken {
    left: AtomicUsize,
    has_enough: Notify,
}

impl Platform {
    fn accepting(count: usize) -> Self {
        Self(Arc::new(Taken {
            left: AtomicUsize::new(count),
            has_enough: Notify::new(),
        }))
    }

    /// Whether one more is accepted.
    fn take(&self) -> bool {
        let less = |left: usize| left.checked_sub(1);
        let left = &self.0.left;
        let before = left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, less);
        if matches!(before, Ok(1) | Err(_)) {
            self.0.has_enough.notify_one();
        }
        before.is_ok()
    }
}

impl Carrier for Platform {
    fn carry<'a>(&'a self, _request: &'a RealtimeRequest) -> Carrying<'a> {
        Box::pin(async {
            if !self.take() {
                pending::<()>().await;
            }
            let body = r#"{"status":200,"message":"OK","detail":[],"data":{"process_id":"p-1"}}"#;
            Carried::Accepted(Answer::decode(http::Response::new(body.into())))
        })
    }

    fn has_new_key(&self) -> KeyCheck<'_> {
        Box::pin(async { false })
    }
}
