//! What a program says to the world while it runs.

use std::fs::{File, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

/// A file of lines, each written in one piece at the moment at which it is true: what stands there is
/// known outside, whatever becomes of the program and its disk.
#[derive(Debug)]
pub struct Ledger(File);

impl Ledger {
    /// Where that of a folder is.
    #[must_use]
    pub fn path(folder: &Path) -> PathBuf {
        folder.join("said.ledger")
    }

    /// Opens that of a folder, to go on where it ends. Several programs may.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let mut options = OpenOptions::new();
        let file = options.create(true).append(true).open(Self::path(folder))?;
        Ok(Self(file))
    }

    /// Says a line.
    ///
    /// # Errors
    ///
    /// If it cannot be written.
    pub fn say(&self, line: impl std::fmt::Display) -> io::Result<()> {
        (&self.0).write_all(format!("{line}\n").as_bytes())
    }

    /// The lines of a folder's ledger so far, but for one that was not finished. None if there is no
    /// ledger yet.
    ///
    /// # Errors
    ///
    /// If it cannot be read.
    pub fn read(folder: &Path) -> io::Result<Vec<String>> {
        let text = match std::fs::read_to_string(Self::path(folder)) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => String::new(),
            Err(error) => return Err(error),
        };
        let whole = text.rfind('\n').map_or("", |end| &text[..end]);
        Ok(whole.lines().map(str::to_owned).collect())
    }
}
