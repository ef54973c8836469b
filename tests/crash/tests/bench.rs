//! Where a test takes place.

use std::path::PathBuf;

use dsync_crash_tests::{Disk, Folder, Program, Shim};

/// A folder that the shim minds, and what lies beside it.
pub(crate) struct Bench {
    pub(crate) all: Folder,
    pub(crate) folder: PathBuf,
    shim: Shim,
}

impl Bench {
    /// Nothing where there can be no shim: then it is said.
    pub(crate) fn new() -> Option<Self> {
        let all = Folder::in_memory().unwrap();
        let folder = all.inner("disk").unwrap();
        match Shim::build(&all) {
            Ok(shim) => Some(Self { all, folder, shim }),
            Err(reason) => {
                println!("skipped: {reason}");
                None
            }
        }
    }

    pub(crate) fn disk(&self) -> Disk {
        self.shim.disk(&self.folder).unwrap()
    }

    pub(crate) fn journal(&self) -> PathBuf {
        self.all.join("journal")
    }

    pub(crate) fn program() -> Program {
        Program::new(env!("CARGO_BIN_EXE_dsync-crash"))
    }
}
