//! What a disk holds after the power was cut.

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::path::{Path, PathBuf};

use rand::RngExt;
use rand::rngs::SmallRng;

use crate::journal::{Journal, Record};

/// What a disk writes in one piece at least.
const SECTOR: usize = 512;

/// A disk in the midst of a journal, at any moment of which the power may be cut.
///
/// What was synced stays. Of what was written since, any part may be there: the disk writes in whatever
/// order it likes. What a failed sync left behind stays in doubt for good, whatever is synced later, as
/// on Linux. Folders are lists of names that reach the disk in their order, and are synced by themselves.
#[derive(Debug)]
pub struct Machine<'j> {
    journal: &'j Journal,
    folder: PathBuf,
    next: usize,
    files: Vec<File<'j>>,
    by_inode: HashMap<u64, Place>,
    begun: HashMap<(u32, u64), usize>,
    names: Vec<Name>,
    names_synced: usize,
    heard: Vec<u8>,
}

/// What of it is lost that was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Loss {
    /// All of it.
    Everything,
    /// Nothing: the program was killed, and not the machine.
    Nothing,
    /// Everything after some moment, at which a write was torn.
    After,
    /// Some writes.
    Writes,
    /// Some sectors.
    Sectors,
}

impl Loss {
    /// All of them.
    pub const ALL: [Self; 5] = [
        Self::Everything,
        Self::Nothing,
        Self::After,
        Self::Writes,
        Self::Sectors,
    ];
}

#[derive(Clone, Copy, Debug)]
enum Place {
    File(usize),
    Folder,
    /// What is said there is heard outside of the machine at once.
    Ledger,
}

#[derive(Debug, Default)]
struct File<'j> {
    operations: Vec<Operation<'j>>,
    /// How many operations were settled by a sync, done or failed.
    settled: usize,
}

#[derive(Debug)]
struct Operation<'j> {
    at: usize,
    synced: bool,
    what: What<'j>,
}

#[derive(Clone, Copy, Debug)]
enum What<'j> {
    Write { offset: usize, bytes: &'j [u8] },
    Truncate { size: usize },
}

#[derive(Debug)]
enum Name {
    Created { path: PathBuf, file: usize },
    Removed { path: PathBuf },
    Renamed { from: PathBuf, to: PathBuf },
}

impl<'j> Machine<'j> {
    /// A machine whose folder, to which the shim minded, was empty when the journal began.
    ///
    /// # Errors
    ///
    /// If there is no such folder any more.
    pub fn new(journal: &'j Journal, folder: &Path) -> io::Result<Self> {
        Ok(Self {
            journal,
            folder: folder.canonicalize()?,
            next: 0,
            files: Vec::new(),
            by_inode: HashMap::new(),
            begun: HashMap::new(),
            names: Vec::new(),
            names_synced: 0,
            heard: Vec::new(),
        })
    }

    /// Goes on to a moment: that after so many records of the journal.
    pub fn run_to(&mut self, moment: usize) {
        let journal = self.journal;
        while self.next < moment.min(journal.records.len()) {
            self.apply(&journal.records[self.next]);
            self.next += 1;
        }
    }

    /// The whole lines that the programs have written to files by the name of `*.ledger` so far.
    #[must_use]
    pub fn heard(&self) -> Vec<String> {
        let text = String::from_utf8_lossy(&self.heard);
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        whole.lines().map(str::to_owned).collect()
    }

    /// Cuts the power now, and writes what is on the disk into an empty folder.
    ///
    /// # Errors
    ///
    /// If that folder cannot be written.
    pub fn cut(&self, loss: Loss, rng: &mut SmallRng, into: &Path) -> io::Result<()> {
        let last = match loss {
            Loss::After => rng.random_range(0..=self.next),
            _ => self.next,
        };
        for (path, file) in self.names_after(loss, rng, last) {
            let Ok(inner) = path.strip_prefix(&self.folder) else {
                continue;
            };
            std::fs::write(into.join(inner), self.files[file].after(loss, rng, last))?;
        }
        Ok(())
    }

    fn names_after(
        &self,
        loss: Loss,
        rng: &mut SmallRng,
        last: usize,
    ) -> BTreeMap<&'_ Path, usize> {
        let unsynced = self.names.len() - self.names_synced;
        let kept = match loss {
            Loss::Everything => 0,
            Loss::Nothing => unsynced,
            Loss::After if last == self.next => unsynced,
            _ => rng.random_range(0..=unsynced),
        };
        let mut names = BTreeMap::new();
        for name in &self.names[..self.names_synced + kept] {
            match name {
                Name::Created { path, file } => {
                    names.insert(path.as_path(), *file);
                }
                Name::Removed { path } => {
                    names.remove(path.as_path());
                }
                Name::Renamed { from, to } => {
                    if let Some(file) = names.remove(from.as_path()) {
                        names.insert(to, file);
                    }
                }
            }
        }
        names
    }

    fn apply(&mut self, record: &'j Record) {
        match record {
            Record::Created { inode, path } | Record::Opened { inode, path }
                if path.extension().is_some_and(|end| end == "ledger") =>
            {
                self.by_inode.insert(*inode, Place::Ledger);
            }
            Record::Created { inode, path } => {
                let file = self.files.len();
                self.files.push(File::default());
                self.by_inode.insert(*inode, Place::File(file));
                self.names.push(Name::Created {
                    path: path.clone(),
                    file,
                });
            }
            // Known since it was created, because the folder was empty.
            Record::Opened { .. } => {}
            Record::Folder { inode } => {
                self.by_inode.insert(*inode, Place::Folder);
            }
            Record::Written {
                inode,
                offset,
                bytes,
            } => match self.by_inode.get(inode) {
                Some(Place::File(file)) => {
                    let what = What::Write {
                        offset: *offset,
                        bytes,
                    };
                    self.files[*file].add(self.next, what);
                }
                Some(Place::Ledger) => self.heard.extend_from_slice(bytes),
                _ => {}
            },
            Record::Truncated { inode, size } => {
                if let Some(Place::File(file)) = self.by_inode.get(inode) {
                    self.files[*file].add(self.next, What::Truncate { size: *size });
                }
            }
            Record::SyncBegun { inode, thread } => {
                let covered = match self.by_inode.get(inode) {
                    Some(Place::File(file)) => self.files[*file].operations.len(),
                    _ => self.names.len(),
                };
                self.begun.insert((*thread, *inode), covered);
            }
            Record::SyncDone { inode, thread } => {
                let Some(covered) = self.begun.remove(&(*thread, *inode)) else {
                    return;
                };
                match self.by_inode.get(inode) {
                    Some(Place::File(file)) => self.files[*file].settle(covered, true),
                    Some(Place::Folder) => self.names_synced = self.names_synced.max(covered),
                    _ => {}
                }
            }
            Record::SyncFailed { inode, .. } => {
                if let Some(Place::File(file)) = self.by_inode.get(inode) {
                    let file = &mut self.files[*file];
                    file.settle(file.operations.len(), false);
                }
            }
            Record::Removed { path } => self.names.push(Name::Removed { path: path.clone() }),
            Record::Renamed { from, to } => self.names.push(Name::Renamed {
                from: from.clone(),
                to: to.clone(),
            }),
        }
    }
}

impl<'j> File<'j> {
    fn add(&mut self, at: usize, what: What<'j>) {
        self.operations.push(Operation {
            at,
            synced: false,
            what,
        });
    }

    fn settle(&mut self, covered: usize, synced: bool) {
        for operation in self.operations.iter_mut().take(covered).skip(self.settled) {
            operation.synced = synced;
        }
        self.settled = self.settled.max(covered);
    }

    fn after(&self, loss: Loss, rng: &mut SmallRng, last: usize) -> Vec<u8> {
        let mut content = Vec::new();
        for operation in &self.operations {
            let keeps = operation.synced
                || match loss {
                    Loss::Everything => false,
                    Loss::Nothing => true,
                    Loss::After => operation.at < last,
                    Loss::Writes => rng.random(),
                    Loss::Sectors => matches!(operation.what, What::Write { .. }) || rng.random(),
                };
            let torn = !operation.synced
                && (loss == Loss::Sectors || (loss == Loss::After && operation.at == last));
            if keeps || torn {
                operation.what.apply(&mut content, || !torn || rng.random());
            }
        }
        content
    }
}

impl What<'_> {
    fn apply(&self, content: &mut Vec<u8>, mut keeps: impl FnMut() -> bool) {
        match *self {
            What::Truncate { size } => content.resize(size, 0),
            What::Write { offset, bytes } => {
                let mut at = offset;
                let end = offset + bytes.len();
                while at < end {
                    let piece = at..end.min((at / SECTOR + 1) * SECTOR);
                    if keeps() {
                        if content.len() < piece.end {
                            content.resize(piece.end, 0);
                        }
                        content[piece.clone()]
                            .copy_from_slice(&bytes[piece.start - offset..piece.end - offset]);
                    }
                    at = piece.end;
                }
            }
        }
    }
}
