//! What a program did to its disk, as the shim wrote it down.

use std::collections::HashSet;
use std::io;
use std::path::{Path, PathBuf};

/// One record of the shim's journal: its source tells what they mean.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Record {
    Created {
        inode: u64,
        path: PathBuf,
    },
    Opened {
        inode: u64,
        path: PathBuf,
    },
    Written {
        inode: u64,
        offset: usize,
        bytes: Vec<u8>,
    },
    Truncated {
        inode: u64,
        size: usize,
    },
    SyncBegun {
        inode: u64,
        thread: u32,
    },
    SyncDone {
        inode: u64,
        thread: u32,
    },
    SyncFailed {
        inode: u64,
        thread: u32,
    },
    Removed {
        path: PathBuf,
    },
    Renamed {
        from: PathBuf,
        to: PathBuf,
    },
    Folder {
        inode: u64,
    },
}

/// What programs did to their disk, in its order.
#[derive(Debug)]
pub struct Journal {
    pub(crate) records: Vec<Record>,
}

impl Journal {
    /// Reads a journal. One that ends in the midst of a record ends before it: its program was killed.
    ///
    /// # Errors
    ///
    /// If there is none.
    pub fn read(path: &Path) -> io::Result<Self> {
        let bytes = std::fs::read(path)?;
        let mut rest = bytes.as_slice();
        Ok(Self {
            records: std::iter::from_fn(|| record(&mut rest)).collect(),
        })
    }

    /// How many records it has.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether nothing was done.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// How many syncs were done.
    #[must_use]
    pub fn syncs(&self) -> usize {
        let done = |record: &&Record| matches!(record, Record::SyncDone { .. });
        self.records.iter().filter(done).count()
    }

    /// How many syncs a thread has tried after one of its own had failed, of whatever file.
    #[must_use]
    pub fn syncs_after_a_failed_one(&self) -> usize {
        let mut failed = HashSet::new();
        let mut count = 0;
        for record in &self.records {
            match record {
                // One that fails on purpose has no beginning.
                Record::SyncFailed { thread, .. } => count += usize::from(!failed.insert(*thread)),
                Record::SyncBegun { thread, .. } => count += usize::from(failed.contains(thread)),
                _ => {}
            }
        }
        count
    }
}

const MAGIC: u32 = 0x4d49_4853;

fn record(rest: &mut &[u8]) -> Option<Record> {
    let mut u32 = || Some(u32::from_ne_bytes(*split(rest)?));
    let (magic, kind, length, thread) = (u32()?, u32()?, u32()?, u32()?);
    let inode = u64::from_ne_bytes(*split(rest)?);
    let value = u64::from_ne_bytes(*split(rest)?);
    let (bytes, after) = rest.split_at_checked(usize::try_from(length).ok()?)?;
    *rest = after;
    if magic != MAGIC {
        return None;
    }
    Some(match kind {
        1 => Record::Created {
            inode,
            path: path(bytes),
        },
        2 => Record::Opened {
            inode,
            path: path(bytes),
        },
        3 => Record::Written {
            inode,
            offset: usize::try_from(value).ok()?,
            bytes: bytes.to_vec(),
        },
        4 => Record::Truncated {
            inode,
            size: usize::try_from(value).ok()?,
        },
        5 => Record::SyncBegun { inode, thread },
        6 => Record::SyncDone { inode, thread },
        7 => Record::SyncFailed { inode, thread },
        8 => Record::Removed { path: path(bytes) },
        9 => {
            let middle = bytes.iter().position(|byte| *byte == 0)?;
            Record::Renamed {
                from: path(&bytes[..middle]),
                to: path(&bytes[middle + 1..]),
            }
        }
        10 => Record::Folder { inode },
        _ => return None,
    })
}

fn split<'a, const N: usize>(rest: &mut &'a [u8]) -> Option<&'a [u8; N]> {
    let (taken, after) = rest.split_first_chunk()?;
    *rest = after;
    Some(taken)
}

fn path(bytes: &[u8]) -> PathBuf {
    String::from_utf8_lossy(bytes).into_owned().into()
}
