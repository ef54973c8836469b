//! The library that is loaded below SQLite, and what it is told to do.

use std::ffi::OsString;
use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use crate::Failed;

const SOURCE: &str = include_str!("../shim/shim.c");

/// The built library.
#[derive(Debug)]
pub struct Shim {
    library: PathBuf,
}

impl Shim {
    /// Builds it into a folder, with the C compiler that SQLite was built with.
    ///
    /// # Errors
    ///
    /// Why there is none: this is not Linux, or there is no `cc`.
    ///
    /// # Panics
    ///
    /// If the source has a mistake, or the folder cannot be written.
    pub fn build(folder: &Path) -> Result<Self, Failed> {
        if cfg!(not(target_os = "linux")) {
            return Err("the shim below SQLite exists for Linux only".into());
        }
        let source = folder.join("shim.c");
        let library = folder.join("shim.so");
        std::fs::write(&source, SOURCE).expect("the folder was made for it");
        let built = Command::new("cc")
            .args(["-shared", "-fPIC", "-O1", "-Wall", "-Wextra", "-Werror"])
            .arg("-o")
            .args([&library, &source])
            .args(["-ldl", "-lpthread"])
            .output()
            .map_err(|error| format!("the shim needs a C compiler by the name of cc: {error}"))?;
        let errors = String::from_utf8_lossy(&built.stderr);
        assert!(
            built.status.success(),
            "the shim does not compile: {errors}"
        );
        Ok(Self { library })
    }

    /// A disk that does what it should, for the files under a folder.
    ///
    /// # Errors
    ///
    /// If there is no such folder.
    pub fn disk(&self, folder: &Path) -> io::Result<Disk> {
        let mut disk = Disk {
            variables: Vec::new(),
        };
        disk.set("LD_PRELOAD", self.library.as_os_str());
        disk.set("DSYNC_SHIM_FOLDER", folder.canonicalize()?.as_os_str());
        Ok(disk)
    }
}

/// What the disk under a program does.
#[derive(Clone, Debug)]
pub struct Disk {
    variables: Vec<(&'static str, OsString)>,
}

impl Disk {
    /// Appends what is done to a file outside of the folder.
    #[must_use]
    pub fn with_journal(self, journal: &Path) -> Self {
        self.with("DSYNC_SHIM_JOURNAL", journal.as_os_str())
    }

    /// Adds a time to every sync.
    #[must_use]
    pub fn with_sync_delay(self, delay: Duration) -> Self {
        self.with("DSYNC_SHIM_SYNC_DELAY_US", delay.as_micros().to_string())
    }

    /// Fails every sync of a program from the one with this number on, counted from 1.
    #[must_use]
    pub fn with_failing_syncs_from(self, number: u64) -> Self {
        self.with("DSYNC_SHIM_SYNC_EIO_FROM", number.to_string())
    }

    /// Fails the sync of a program with this number, counted from 1, and no other.
    #[must_use]
    pub fn with_failing_sync(self, number: u64) -> Self {
        self.with("DSYNC_SHIM_SYNC_EIO_AT", number.to_string())
    }

    /// Fails what writes, as long as a file exists.
    #[must_use]
    pub fn with_failing_writes(self, fault: WriteFault, marker: &Path) -> Self {
        self.with("DSYNC_SHIM_WRITE_ERRNO", fault.name())
            .with("DSYNC_SHIM_WRITE_WHILE", marker.as_os_str())
    }

    /// Puts a program on this disk.
    pub fn under<'c>(&self, command: &'c mut Command) -> &'c mut Command {
        command.envs(
            self.variables
                .iter()
                .map(|(name, value)| (name, value.as_os_str())),
        )
    }

    fn with(mut self, name: &'static str, value: impl Into<OsString>) -> Self {
        self.set(name, value);
        self
    }

    fn set(&mut self, name: &'static str, value: impl Into<OsString>) {
        self.variables.push((name, value.into()));
    }
}

/// Why a write fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WriteFault {
    /// The disk is full.
    NoSpace,
    /// The file system can only be read.
    ReadOnlyFileSystem,
    /// The program may not write.
    AccessDenied,
}

impl WriteFault {
    fn name(self) -> &'static str {
        match self {
            Self::NoSpace => "ENOSPC",
            Self::ReadOnlyFileSystem => "EROFS",
            Self::AccessDenied => "EACCES",
        }
    }
}
