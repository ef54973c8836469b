//! A folder for one test.

use std::io;
use std::ops::Deref;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// A new folder, removed with all that is in it when this is dropped.
#[derive(Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// Makes one. Its path is absolute and free of links.
    ///
    /// # Errors
    ///
    /// If the folder for temporary files cannot be written.
    pub fn new() -> io::Result<Self> {
        Self::below(&std::env::temp_dir().canonicalize()?)
    }

    /// Makes one in memory where the system has such a place: for disks that nobody waits for.
    ///
    /// # Errors
    ///
    /// If there is no place to make it.
    pub fn in_memory() -> io::Result<Self> {
        let memory = Path::new("/dev/shm");
        if memory.is_dir() {
            Self::below(memory).or_else(|_| Self::new())
        } else {
            Self::new()
        }
    }

    fn below(parent: &Path) -> io::Result<Self> {
        static LAST: AtomicU64 = AtomicU64::new(0);
        let name = format!(
            "dsync-crash-{}-{}",
            std::process::id(),
            LAST.fetch_add(1, Ordering::Relaxed)
        );
        let path = parent.join(name);
        std::fs::create_dir(&path)?;
        Ok(Self(path))
    }

    /// An empty folder in it.
    ///
    /// # Errors
    ///
    /// If there is something of that name.
    pub fn inner(&self, name: &str) -> io::Result<PathBuf> {
        let path = self.join(name);
        std::fs::create_dir(&path)?;
        Ok(path)
    }
}

impl Deref for Folder {
    type Target = Path;

    fn deref(&self) -> &Path {
        &self.0
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // What is left is swept with the temporary files.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
