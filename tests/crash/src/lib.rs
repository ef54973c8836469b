//! Kills programs and cuts their power, and looks at what is left.
//!
//! In reading order:
//!
//! - [`Shim`]: a library below SQLite that writes down, delays and fails what goes to the disk;
//! - [`Journal`], [`Machine`]: what was done to a disk, and what is on it after a power cut;
//! - [`plain`]: a program without an outbox, which shows that power cuts lose what they should;
//! - [`work`]: the program that enqueues, sends and is killed; [`Ledger`]: what it said before;
//! - [`cuts`], [`kills`], [`verdict`]: whether the promise was kept.

#![forbid(unsafe_code)]

mod aimed;
pub mod cuts;
mod folder;
pub mod item;
mod journal;
pub mod kills;
mod ledger;
pub mod plain;
mod power;
mod program;
mod shim;
pub mod verdict;
pub mod work;

pub use folder::Folder;
pub use journal::Journal;
pub use ledger::Ledger;
pub use power::{Loss, Machine};
pub use program::{Program, Running};
pub use shim::{Disk, Shim, WriteFault};

/// Why a run could not be carried out, or what it found.
pub type Failed = Box<dyn std::error::Error + Send + Sync>;
