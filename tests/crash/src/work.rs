//! The program that is killed: it enqueues changes, tells of each that was acknowledged, and sends.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use dsync::Client;
use dsync_core::wire::Operation;
use dsync_outbox::rusqlite::{Connection, TransactionBehavior};
use dsync_outbox::{
    ChangeId, Enqueued, Filter, Outbox, OutboxError, OutboxStore, Sender, SqliteStore, StoreError,
    StoreErrorKind,
};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use crate::aimed::{Aim, AimedCarrier, AimedStore, Moment};
use crate::item::{Item, Kept, kept};
use crate::{Failed, Ledger};

/// Where the outbox of a folder is.
#[must_use]
pub fn database(folder: &Path) -> PathBuf {
    folder.join("outbox.db")
}

/// What the program does.
#[derive(Clone, Debug, clap::Args)]
pub struct Work {
    /// Where the outbox and the ledger are.
    pub folder: PathBuf,
    /// Whose records it changes: programs that run at once need different names.
    #[arg(long, default_value = "a")]
    pub name: String,
    /// Larger than that of all programs before it on the same folder.
    #[arg(long, default_value_t = 1)]
    pub generation: u64,
    /// How many threads enqueue.
    #[arg(long, default_value_t = 6)]
    pub writers: usize,
    /// After how many changes, or failures, a thread ends.
    #[arg(long, default_value_t = u64::MAX)]
    pub changes: u64,
    /// Milliseconds that a thread rests after a change, at most.
    #[arg(long, default_value_t = 4)]
    pub rest: u64,
    /// Where it sends, if it does.
    #[arg(long, requires = "key")]
    pub url: Option<String>,
    /// The API key.
    #[arg(long)]
    pub key: Option<String>,
    /// When it kills itself, as MOMENT:COUNT.
    #[arg(long)]
    pub aim: Option<Aim>,
    /// Sends all there is, and ends.
    #[arg(long)]
    pub drain: bool,
}

/// How a thread enqueues.
#[derive(Clone, Copy, Debug)]
enum Way {
    /// Whole records, which may be put together.
    Typed,
    /// Bytes, which may not.
    Raw,
    /// Whole records in transactions of the program's own.
    InTransaction,
}

impl Work {
    /// Does it, until it is killed or has nothing more to do.
    ///
    /// # Errors
    ///
    /// If the outbox cannot be opened or sent from, or the ledger cannot be written.
    pub fn run(&self) -> Result<(), Failed> {
        let ledger = Arc::new(Ledger::open(&self.folder)?);
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()?;
        let store = AimedStore {
            inner: said(&ledger, SqliteStore::open(database(&self.folder)))?,
            aim: self.aim.clone(),
            ledger: ledger.clone(),
        };
        let outbox = Outbox::builder().sole_publisher(true).over(store);
        let standing = self.standing(&outbox, &ledger)?;

        thread::scope(|scope| {
            let writers: Vec<_> = (0..if self.drain { 0 } else { self.writers })
                .map(|number| {
                    let (outbox, ledger, standing) = (&outbox, &ledger, &standing);
                    scope.spawn(move || self.write(number, outbox, ledger, standing))
                })
                .collect();
            let sender = runtime.block_on(self.send(&outbox, &ledger))?;
            for writer in writers {
                writer.join().map_err(|_| "a writer has panicked")??;
            }
            if let Some(sender) = sender {
                let flushed = runtime.block_on(outbox.flush(Duration::from_secs(60)))?;
                ledger.say(format_args!("drained {} {}", flushed.pending, flushed.dead))?;
                runtime.block_on(sender.stop())?;
            }
            Ok(())
        })
    }

    /// Which of its records exist: by their last changes, of which a few were kept and never
    /// acknowledged. Those are looked for once, and then the ledger has them too.
    fn standing(
        &self,
        outbox: &Outbox<AimedStore>,
        ledger: &Ledger,
    ) -> Result<HashMap<String, bool>, Failed> {
        /// More than one commit holds, so that what lies farther back was acknowledged.
        const BACK: i64 = 500;

        let own = format!("{}-", self.name);
        let lines = Ledger::read(&self.folder)?;
        let found = lines.iter().filter_map(|line| line.strip_prefix("found "));
        let mut told = kept(&lines);
        told.extend(found.filter_map(|line| line.parse().ok()));
        told.retain(|kept| kept.sku.starts_with(&own));
        let newest = told.iter().map(|kept| kept.id).max();
        let from = newest.and_then(|id| ChangeId::new(id.number() - BACK));
        let known: HashSet<_> = told.iter().map(|kept| kept.id).collect();
        for entry in entries_after(outbox, from)? {
            let sku = entry.record.map_or_else(String::new, |id| id.to_string());
            if !known.contains(&entry.id) && sku.starts_with(&own) {
                let kept = Kept {
                    id: entry.id,
                    sku,
                    version: 0,
                    operation: entry.operation,
                    needs_no_sending: false,
                };
                ledger.say(format_args!("found {kept}"))?;
                told.push(kept);
            }
        }
        told.sort_by_key(|kept| kept.id);
        let exists = |kept: Kept| (kept.sku, kept.operation != Operation::Delete);
        Ok(told.into_iter().map(exists).collect())
    }

    /// Takes the lease, if need be when the one who has it is dead.
    async fn send(
        &self,
        outbox: &Outbox<AimedStore>,
        ledger: &Arc<Ledger>,
    ) -> Result<Option<Sender>, Failed> {
        let (Some(url), Some(key)) = (&self.url, &self.key) else {
            return Ok(None);
        };
        loop {
            let client = Client::builder(key).realtime_url(url).build()?;
            let carrier = AimedCarrier {
                inner: client,
                aim: self.aim.clone(),
                ledger: ledger.clone(),
            };
            match outbox.sender(carrier).spawn().await {
                Ok(sender) => {
                    ledger.say(format_args!("leased {}", self.generation))?;
                    return Ok(Some(sender));
                }
                Err(error) if error.kind() == StoreErrorKind::Leased => {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }

    fn write(
        &self,
        number: usize,
        outbox: &Outbox<AimedStore>,
        ledger: &Ledger,
        standing: &HashMap<String, bool>,
    ) -> Result<(), Failed> {
        let way = [Way::Typed, Way::Raw, Way::InTransaction][number % 3];
        let mut rng = SmallRng::seed_from_u64(self.generation * 1000 + number as u64);
        let own = Outbox::builder()
            .sole_publisher(true)
            .open(database(&self.folder))?;
        let mut connection = own.connect()?;
        let mut exists: Vec<_> = (0..4)
            .map(|record| {
                let sku = format!("{}-{number}-{record}", self.name);
                let there = standing.get(&sku).copied().unwrap_or(false);
                (sku, there)
            })
            .collect();
        let mut final_failures = 0;
        for count in 1..=self.changes {
            let record = rng.random_range(0..exists.len());
            let (sku, there) = &mut exists[record];
            let version = self.generation * 1_000_000 + count;
            let operation = match *there {
                false => Operation::Create,
                true if rng.random_ratio(1, 6) => Operation::Delete,
                true => Operation::Update,
            };
            let item = Item::new(sku, version);
            let enqueued = match way {
                Way::Typed => typed(outbox, operation, &item),
                Way::Raw => outbox.blocking().send(item.request(operation)?),
                Way::InTransaction => in_transaction(&own, &mut connection, operation, &item),
            };
            match enqueued {
                Ok(enqueued) => {
                    if let (Way::InTransaction, Some(aim)) = (way, &self.aim) {
                        aim.at(Moment::OwnCommit, ledger);
                    }
                    ledger.say(Kept {
                        id: enqueued.id().ok_or("nothing here is an echo")?,
                        sku: sku.clone(),
                        version,
                        operation,
                        needs_no_sending: enqueued.needs_no_sending(),
                    })?;
                    *there = operation != Operation::Delete;
                }
                Err(OutboxError::Store(error)) => {
                    ledger.say(format_args!("failed {:?} {error}", error.kind()))?;
                    final_failures += usize::from(error.is_final());
                    if final_failures == 3 {
                        break;
                    }
                }
                Err(error) => return Err(error.into()),
            }
            thread::sleep(Duration::from_micros(
                rng.random_range(0..=self.rest * 1000),
            ));
        }
        Ok(())
    }
}

fn typed(
    outbox: &Outbox<AimedStore>,
    operation: Operation,
    item: &Item,
) -> Result<Enqueued, OutboxError> {
    let outbox = outbox.blocking();
    match operation {
        Operation::Create => outbox.create(item),
        Operation::Update => outbox.update(item),
        Operation::Delete => outbox.delete(item),
    }
}

fn in_transaction(
    outbox: &Outbox,
    connection: &mut Connection,
    operation: Operation,
    item: &Item,
) -> Result<Enqueued, OutboxError> {
    let of_sqlite = |error: rusqlite::Error| {
        let words = format!("the program's own transaction: {error}");
        StoreError::new(StoreErrorKind::Other, words)
    };
    let transaction = connection
        .transaction_with_behavior(TransactionBehavior::Immediate)
        .map_err(of_sqlite)?;
    let inside = outbox.enqueue_in(&transaction)?;
    let enqueued = match operation {
        Operation::Create => inside.create(item),
        Operation::Update => inside.update(item),
        Operation::Delete => inside.delete(item),
    }?;
    transaction.commit().map_err(of_sqlite)?;
    Ok(enqueued)
}

/// All changes that an outbox knows, after a number.
///
/// # Errors
///
/// If it cannot be read.
pub fn entries_after<S: OutboxStore>(
    outbox: &Outbox<S>,
    after: Option<ChangeId>,
) -> Result<Vec<dsync_outbox::Entry>, Failed> {
    let mut entries = Vec::new();
    for filter in [Filter::Open, Filter::Ended] {
        let mut after = after;
        loop {
            let page = outbox.blocking().list(filter, after, 1000)?;
            let Some(last) = page.last() else { break };
            after = Some(last.id);
            entries.extend(page);
        }
    }
    entries.sort_by_key(|entry| entry.id);
    // One that ends between the two lists is in both.
    entries.dedup_by_key(|entry| entry.id);
    Ok(entries)
}

fn said<T>(ledger: &Ledger, opened: Result<T, StoreError>) -> Result<T, Failed> {
    opened.map_err(|error| {
        // The exit of the program says it too.
        let _ = ledger.say(format_args!("not opened {:?} {error}", error.kind()));
        error.into()
    })
}
