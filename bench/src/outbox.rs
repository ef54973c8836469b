//! What it takes to keep changes on stable storage, and to send them from there.

mod bare;
mod disk;
mod drain;
mod enqueue;
mod fill;
mod record;
mod reopen;
mod slow_sync;

use std::error::Error;
use std::path::PathBuf;

use clap::{Args, ValueEnum};

use record::Order;

/// Durable changes a second, how fast they drain, and what a million of them cost.
///
/// enqueue: tasks that each keep one record after another, against bare SQLite group commit of the same
/// bytes: one table, WAL, synchronous=FULL, a thread that puts up to 256 inserts into a commit. Both turn the
/// record into JSON and make an idempotency key. With `_random` the
/// keys come in no order, with `_pending` the file is full before.
///
/// slow-sync: the same, with a millisecond added to every sync by a library below SQLite. Needs `cc`.
///
/// drain: the real sender with the real client, 32 in flight, from the file to a hub in this process,
/// against the client's `create_all` of the same records, 32 in flight.
///
/// reopen: opening a file with a million pending changes, until a sender has its first one; pages and counts
/// of it; the memory that it takes, also while 5,000 of them are drained to a platform that accepts all.
///
/// The ratios are changes a second, so larger is better; but for those that end in `_memory`, where 1 says that
/// the memory does not grow. Where other programs keep the processors busy the CPU time a record, which
/// is printed beside the rates, says more than they do.
#[derive(Args)]
#[command(
    after_help = "Examples:\n  cargo run --release -p dsync-bench -- outbox --only enqueue --producers 64 --runs 21\n  cargo run --release -p dsync-bench -- outbox --only drain --folder /mnt/disk"
)]
pub(crate) struct Options {
    /// Only these parts.
    #[arg(long, value_enum, value_delimiter = ',')]
    only: Vec<Part>,

    /// How often each contender is measured.
    #[arg(long, default_value_t = 9)]
    runs: usize,

    /// How long an enqueueing run lasts.
    #[arg(long, default_value_t = 300)]
    millis: u64,

    /// How many tasks enqueue at once.
    #[arg(long, value_delimiter = ',', default_values_t = [1, 16, 64, 256])]
    producers: Vec<usize>,

    /// How many changes are in the file before, for the ratios with `_pending`.
    #[arg(long, default_value_t = 100_000)]
    filled: usize,

    /// How often the file is drained.
    #[arg(long, default_value_t = 3)]
    drain_runs: usize,

    /// How many changes are drained each time.
    #[arg(long, default_value_t = 20_000)]
    drained: usize,

    /// How many changes are pending when the file is opened again.
    #[arg(long, default_value_t = 1_000_000)]
    pending: usize,

    /// Where the files lie: on a disk, not in memory. Beside this program if not given.
    #[arg(long)]
    folder: Option<PathBuf>,

    /// What the names of the ratios end with.
    #[arg(long, hide = true, default_value = "")]
    suffix: String,

    /// What this process does with the file that `folder` names then.
    #[arg(long, hide = true, requires = "folder")]
    child: Option<reopen::Child>,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Part {
    Enqueue,
    SlowSync,
    Drain,
    Reopen,
}

type Failure = Box<dyn Error + Send + Sync>;

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    if let (Some(child), Some(file)) = (options.child, &options.folder) {
        return reopen::run_child(child, file);
    }
    let folder = disk::folder(options.folder.as_deref())?;
    let record = serde_json::to_vec(&Order::new(
        record::Numbers::new(record::Keys::Random).next(),
    ))?;
    println!("a record is {} bytes of JSON", record.len());
    disk::describe(folder.path())?;
    let has = |part| options.only.is_empty() || options.only.contains(&part);
    if has(Part::Enqueue) {
        enqueue::run(options, folder.path())?;
    }
    if has(Part::SlowSync) {
        slow_sync::run(options, folder.path())?;
    }
    if has(Part::Drain) {
        drain::run(options, folder.path())?;
    }
    if has(Part::Reopen) {
        reopen::run(options, folder.path())?;
    }
    Ok(())
}
