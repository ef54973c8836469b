//! Files of outboxes, and many changes in them.

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use dsync::Outbox;
use indicatif::{ProgressBar, ProgressStyle};
use rusqlite::TransactionBehavior;

use super::record::{Numbers, Order};

/// How many changes share a transaction.
const TOGETHER: usize = 5_000;

/// A file that goes when this is dropped.
pub(super) struct File(PathBuf);

impl File {
    pub(super) fn new(folder: &Path) -> Self {
        Self(folder.join("outbox.db"))
    }

    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Puts many changes in, a few thousand a transaction.
    pub(super) fn fill(&self, numbers: &Numbers, count: usize) -> Result<(), Box<dyn Error>> {
        let outbox = Outbox::open(&self.0)?;
        let mut connection = outbox.connect()?;
        let bar = bar("filling", count);
        let mut left = count;
        while left > 0 {
            let now = left.min(TOGETHER);
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            let changes = outbox.enqueue_in(&transaction)?;
            for _ in 0..now {
                let _kept = changes.create(&Order::new(numbers.next()))?;
            }
            transaction.commit()?;
            left -= now;
            bar.inc(now as u64);
        }
        bar.finish_and_clear();
        Ok(())
    }

    /// Its size in MiB. Whoever closes it last has emptied its log.
    pub(super) fn mib(&self) -> Result<f64, Box<dyn Error>> {
        Ok(fs::metadata(&self.0)?.len() as f64 / (1024.0 * 1024.0))
    }
}

impl Drop for File {
    fn drop(&mut self) {
        for end in ["", "-wal", "-shm", "-sender"] {
            // Not everybody makes each of them.
            let _ = fs::remove_file(format!("{}{end}", self.0.display()));
        }
    }
}

/// A bar on a terminal, and nothing elsewhere.
pub(super) fn bar(what: &'static str, length: usize) -> ProgressBar {
    ProgressBar::new(length as u64)
        .with_style(
            ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len}, {eta} left")
                .unwrap_or_else(|_| ProgressStyle::default_bar()),
        )
        .with_message(what)
}
