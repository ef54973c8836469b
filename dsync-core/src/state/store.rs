//! The seam between the state and where it is kept.

use std::error::Error;
use std::fmt::Debug;

use super::{EntityState, OwnProcess};
use crate::process::ProcessId;

/// Keeps a [`SystemState`](super::SystemState), for a program that restarts.
///
/// Calls may block, shortly: entities are written when the platform changes a job, which is seldom, and
/// are on stable storage when [`set_entity`](Self::set_entity) returns. An own process is added for each
/// change that is sent, so [`add_process`](Self::add_process) may write a moment later; what is lost by a
/// crash in between is that one notification is not recognised.
pub trait StateStore: Send + Sync + Debug {
    /// All entities of which something is known, by their names.
    ///
    /// # Errors
    ///
    /// [`StateError`] if they cannot be read.
    fn entities(&self) -> Result<Vec<(String, EntityState)>, StateError>;

    /// Keeps what is known of an entity.
    ///
    /// # Errors
    ///
    /// [`StateError`] if it cannot be written. Then the store has what it had.
    fn set_entity(&self, name: &str, state: &EntityState) -> Result<(), StateError>;

    /// Keeps one of the system's own changes, for a week or so. One that is known is left as it is.
    ///
    /// # Errors
    ///
    /// [`StateError`] if the store takes nothing any more.
    fn add_process(&self, process: OwnProcess) -> Result<(), StateError>;

    /// One of the system's own changes, also one that was just added.
    ///
    /// # Errors
    ///
    /// [`StateError`] if it cannot be read.
    fn process(&self, id: &ProcessId) -> Result<Option<OwnProcess>, StateError>;

    /// Keeps how a change ended. `false` if there is none, or if it has ended already.
    ///
    /// # Errors
    ///
    /// [`StateError`] if it cannot be written.
    fn complete_process(&self, id: &ProcessId, outcome: u16) -> Result<bool, StateError>;
}

/// The state cannot be read, or cannot be kept.
#[derive(Debug, thiserror::Error)]
#[error("{message}")]
pub struct StateError {
    message: String,
    source: Option<Box<dyn Error + Send + Sync>>,
}

impl StateError {
    /// An error that says what cannot be done, and what may help.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            source: None,
        }
    }

    /// Adds the cause.
    #[must_use]
    pub fn with_source(self, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            source: Some(source.into()),
            ..self
        }
    }
}
