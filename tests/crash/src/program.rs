//! A program that is started to be killed.

use std::ffi::OsStr;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use crate::{Disk, Failed, Ledger};

/// How to start this crate's own program in one of its parts.
#[derive(Clone, Debug)]
pub struct Program {
    executable: PathBuf,
    disk: Option<Disk>,
}

/// A part that runs, until it is killed or dropped, which kills it too.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Program {
    /// The program `dsync-crash`, by its path.
    #[must_use]
    pub fn new(executable: impl Into<PathBuf>) -> Self {
        Self {
            executable: executable.into(),
            disk: None,
        }
    }

    /// Puts it on a disk.
    #[must_use]
    pub fn on(&self, disk: Disk) -> Self {
        Self {
            disk: Some(disk),
            ..self.clone()
        }
    }

    /// Starts a part.
    ///
    /// # Errors
    ///
    /// If there is no such program.
    pub fn start<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> io::Result<Running> {
        let child = self.command(arguments).spawn()?;
        Ok(Running { child })
    }

    /// Runs a part to its end.
    ///
    /// # Errors
    ///
    /// If there is no such program.
    pub fn run<A: AsRef<OsStr>>(
        &self,
        arguments: impl IntoIterator<Item = A>,
    ) -> io::Result<Output> {
        self.command(arguments).stderr(Stdio::piped()).output()
    }

    fn command<A: AsRef<OsStr>>(&self, arguments: impl IntoIterator<Item = A>) -> Command {
        let mut command = Command::new(&self.executable);
        command.arg("child").args(arguments).stdin(Stdio::null());
        if let Some(disk) = &self.disk {
            disk.under(&mut command);
        }
        command
    }
}

impl Running {
    /// Waits until the ledger of a folder has as many lines.
    ///
    /// # Errors
    ///
    /// If the program ends before, or a minute passes.
    pub fn wait_for_lines(&mut self, folder: &Path, lines: usize) -> Result<(), Failed> {
        let deadline = Instant::now() + Duration::from_secs(60);
        while Ledger::read(folder)?.len() < lines {
            if let Some(status) = self.child.try_wait()? {
                return Err(format!("the program has ended too early: {status}").into());
            }
            if Instant::now() > deadline {
                return Err(format!("the program has not said {lines} lines in a minute").into());
            }
            thread::sleep(Duration::from_millis(2));
        }
        Ok(())
    }

    /// How it has ended by itself, if it has.
    ///
    /// # Errors
    ///
    /// If the operating system does not tell.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }

    /// Kills it, as `kill -9` does.
    ///
    /// # Errors
    ///
    /// If the operating system refuses.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// Waits until it has ended by itself.
    ///
    /// # Errors
    ///
    /// If it has not after a time.
    pub fn wait(&mut self, at_most: Duration) -> Result<ExitStatus, Failed> {
        let deadline = Instant::now() + at_most;
        loop {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            if Instant::now() > deadline {
                return Err(format!("the program has not ended after {at_most:?}").into());
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
