//! SQLite files whose commits are on stable storage: what the stores of connector and outbox have in common. It
//! knows nothing of DSYNC, nor of what is in the tables.
//!
//! - [`DataFile`]: a file by its one path, its lock, and connections whose commits reach the disk;
//! - [`Writer`]: the one thread that writes. Who comes at the same time shares a commit, and so a sync;
//! - [`Reader`]: a thread that looks in, and holds up nobody who writes;
//! - [`FileError`]: what SQLite and the file system say, as advice.
//!
//! ```
//! use std::sync::mpsc::channel;
//!
//! use dsync_sqlite::{DataFile, Undo, Words, Writer};
//!
//! static WORDS: Words = Words {
//!     noun: "diary",
//!     contents: "its pages",
//!     library: "diaries",
//!     thread: "diary",
//! };
//!
//! # let folder = tempfile::tempdir()?;
//! # let path = folder.path().join("diary.db");
//! let file = DataFile::find(&path, &WORDS)?;
//! let connection = file.open()?;
//! connection.execute_batch("CREATE TABLE IF NOT EXISTS page (text TEXT)")?;
//! file.keep_log(&connection)?;
//!
//! let writer = Writer::start(file, connection, None)?;
//! let (answer, answered) = channel();
//! writer.send(
//!     Undo::Itself,
//!     |connection| Ok(connection.execute("INSERT INTO page VALUES ('Dear diary')", ())?),
//!     move |result| answer.send(result).unwrap(),
//! )?;
//! // Now it is on the disk.
//! assert_eq!(answered.recv()??, 1);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#![forbid(unsafe_code)]

mod error;
mod file;
mod job;
mod reader;
mod writer;

pub use error::{FileError, FileErrorKind, is_unreadable};
pub use file::{DataFile, Lock, Words};
pub use job::{Fault, Undo, Work};
pub use reader::{Reader, at_once};
pub use writer::Writer;
