//! What the platform has told a system about its entities.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

/// Whether the platform has linked an entity (PROTOCOL section 1, job).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Switch {
    /// Nothing was said. Changes are sent.
    #[default]
    Unknown,
    /// The entity has no job: nobody wants its changes.
    Off,
    /// The entity has a job.
    On,
}

/// What the platform has told about one entity.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct EntityState {
    /// Whether it has a job.
    pub switch: Switch,
    /// The field by which both sides of its job recognise a record, where that is not the primary key.
    pub shared_key: Option<String>,
}

/// What the platform has told a system about its entities: whether they are switched on, and their
/// shared keys.
///
/// A connector writes it, the client reads it; the program makes one and gives it to both. Clones are
/// handles of the same state. It is kept in memory.
///
/// # Examples
///
/// ```
/// use dsync_core::{Switch, SystemState};
///
/// let state = SystemState::new();
/// let handle = state.clone();
/// handle.set_switch("product", Switch::On);
/// handle.set_shared_key("product", Some("ean".to_owned()));
///
/// let product = state.entity("product");
/// assert_eq!(product.switch, Switch::On);
/// assert_eq!(product.shared_key.as_deref(), Some("ean"));
/// assert_eq!(state.entity("order").switch, Switch::Unknown);
/// ```
#[derive(Clone, Debug, Default)]
pub struct SystemState {
    entities: Arc<RwLock<BTreeMap<String, EntityState>>>,
}

impl SystemState {
    /// A state in which nothing was said.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// What is known of an entity, by its name.
    #[must_use]
    pub fn entity(&self, name: &str) -> EntityState {
        let entities = self.entities.read().unwrap_or_else(PoisonError::into_inner);
        entities.get(name).cloned().unwrap_or_default()
    }

    /// Notes whether an entity is switched on.
    pub fn set_switch(&self, name: &str, switch: Switch) {
        self.change(name, |entity| entity.switch = switch);
    }

    /// Notes the shared key of an entity, or that it has none.
    pub fn set_shared_key(&self, name: &str, field: Option<String>) {
        self.change(name, |entity| entity.shared_key = field);
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut EntityState)) {
        // Each change is one assignment, so a panic elsewhere leaves nothing half done.
        let mut entities = self
            .entities
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        change(entities.entry(name.to_owned()).or_default());
    }
}
