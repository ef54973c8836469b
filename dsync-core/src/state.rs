//! What the platform and a system know of each other: entities, and the system's own changes on their
//! way.

mod memory;
mod store;
mod switch_watch;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};
use std::time::SystemTime;

use crate::entity::EntityId;
use crate::process::ProcessId;
use crate::token::EntityToken;
use crate::wire::{Operation, RealtimeRequest};

use memory::MemoryStore;
pub use store::{StateError, StateStore};
pub use switch_watch::SwitchWatch;

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
    /// What the platform calls that job, where it said so.
    pub job_id: Option<String>,
    /// The field by which both sides of its job recognise a record, where that is not the primary key.
    pub shared_key: Option<String>,
}

/// One of the system's own changes, which the platform has accepted and will report on.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OwnProcess {
    /// The platform's name for it.
    pub process_id: ProcessId,
    /// The entity.
    pub entity_token: EntityToken,
    /// The record, where the change named one.
    pub entity_id: Option<EntityId>,
    /// What happened to it.
    pub operation: Operation,
    /// When the platform accepted it.
    pub accepted: SystemTime,
    /// How it ended: nothing while it is under way, else the status that was notified. 200 is success.
    pub outcome: Option<u16>,
}

impl OwnProcess {
    /// A change that was accepted, and is under way.
    #[must_use]
    pub fn new(process_id: ProcessId, change: &RealtimeRequest, accepted: SystemTime) -> Self {
        Self {
            process_id,
            entity_token: change.entity_token().clone(),
            entity_id: change.entity_id().cloned(),
            operation: change.operation(),
            accepted,
            outcome: None,
        }
    }

    /// The same with another outcome: for a store that reads it.
    #[must_use]
    pub fn with_outcome(self, outcome: Option<u16>) -> Self {
        Self { outcome, ..self }
    }
}

/// What the platform has told a system about its entities (whether they are switched on, and their
/// shared keys), and the system's own changes that are under way.
///
/// A connector writes it, the client reads it; the program makes one and gives it to both. Clones are
/// handles of the same state. It is kept in memory, or by a [`StateStore`] for programs that restart.
///
/// # Examples
///
/// ```
/// use dsync_core::{Switch, SystemState};
///
/// let state = SystemState::new();
/// let handle = state.clone();
/// handle.set_switch("product", Switch::On)?;
/// handle.set_shared_key("product", Some("ean".to_owned()))?;
///
/// let product = state.entity("product");
/// assert_eq!(product.switch, Switch::On);
/// assert_eq!(product.shared_key.as_deref(), Some("ean"));
/// assert_eq!(state.entity("order").switch, Switch::Unknown);
/// # Ok::<(), dsync_core::StateError>(())
/// ```
#[derive(Clone, Debug)]
pub struct SystemState(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    /// What the store holds, for those who ask at every request.
    entities: RwLock<BTreeMap<String, EntityState>>,
    store: Box<dyn StateStore>,
    sending: AtomicUsize,
}

impl Default for SystemState {
    fn default() -> Self {
        Self::new()
    }
}

impl SystemState {
    /// A state in which nothing was said, kept in memory. It holds the last 100,000 own changes.
    #[must_use]
    pub fn new() -> Self {
        Self::of(BTreeMap::new(), Box::new(MemoryStore::default()))
    }

    /// The state that a store holds.
    ///
    /// # Errors
    ///
    /// [`StateError`] if it cannot be read.
    pub fn open(store: impl StateStore + 'static) -> Result<Self, StateError> {
        let entities = store.entities()?.into_iter().collect();
        Ok(Self::of(entities, Box::new(store)))
    }

    fn of(entities: BTreeMap<String, EntityState>, store: Box<dyn StateStore>) -> Self {
        Self(Arc::new(Shared {
            entities: RwLock::new(entities),
            store,
            sending: AtomicUsize::new(0),
        }))
    }

    /// What is known of an entity, by its name.
    #[must_use]
    pub fn entity(&self, name: &str) -> EntityState {
        let entities = self.0.entities.read();
        let entities = entities.unwrap_or_else(PoisonError::into_inner);
        entities.get(name).cloned().unwrap_or_default()
    }

    /// Notes whether an entity is switched on.
    ///
    /// # Errors
    ///
    /// [`StateError`] if the store cannot keep it; then nothing has changed. One in memory can.
    pub fn set_switch(&self, name: &str, switch: Switch) -> Result<(), StateError> {
        self.change(name, |entity| {
            entity.switch = switch;
            if switch != Switch::On {
                entity.job_id = None;
            }
        })
    }

    /// Notes the job of an entity, or that it has none: with one it is switched on.
    ///
    /// # Errors
    ///
    /// As [`set_switch`](Self::set_switch).
    pub fn set_job(&self, name: &str, job_id: Option<String>) -> Result<(), StateError> {
        self.change(name, |entity| {
            entity.switch = match job_id {
                Some(_) => Switch::On,
                None => Switch::Off,
            };
            entity.job_id = job_id;
        })
    }

    /// Notes the shared key of an entity, or that it has none.
    ///
    /// # Errors
    ///
    /// As [`set_switch`](Self::set_switch).
    pub fn set_shared_key(&self, name: &str, field: Option<String>) -> Result<(), StateError> {
        self.change(name, |entity| entity.shared_key = field)
    }

    fn change(&self, name: &str, change: impl FnOnce(&mut EntityState)) -> Result<(), StateError> {
        // Held while the store writes, so that both have the same last word.
        let mut entities = self
            .0
            .entities
            .write()
            .unwrap_or_else(PoisonError::into_inner);
        let mut entity = entities.get(name).cloned().unwrap_or_default();
        change(&mut entity);
        self.0.store.set_entity(name, &entity)?;
        entities.insert(name.to_owned(), entity);
        Ok(())
    }

    /// Says that a change is being sent. Until the guard is dropped a notification may come before
    /// its process is known here: the platform is as quick as its own answer.
    #[must_use = "the guard says how long"]
    pub fn sending(&self) -> SendingGuard {
        self.0.sending.fetch_add(1, Ordering::AcqRel);
        SendingGuard(self.clone())
    }

    /// Whether a change is being sent.
    #[must_use]
    pub fn is_sending(&self) -> bool {
        self.0.sending.load(Ordering::Acquire) > 0
    }

    /// Notes a change that the platform has accepted.
    ///
    /// # Errors
    ///
    /// [`StateError`] if the store cannot take it.
    pub fn add_process(&self, process: OwnProcess) -> Result<(), StateError> {
        self.0.store.add_process(process)
    }

    /// One of the system's own changes.
    ///
    /// # Errors
    ///
    /// [`StateError`] if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::SystemTime;
    ///
    /// use dsync_core::wire::RealtimeRequest;
    /// use dsync_core::{EntityToken, OwnProcess, ProcessId, SystemState};
    ///
    /// let change = RealtimeRequest::create(EntityToken::new("shop-product-1")?, "{}");
    /// let id: ProcessId = "p-1".parse()?;
    ///
    /// let state = SystemState::new();
    /// state.add_process(OwnProcess::new(id.clone(), &change, SystemTime::now()))?;
    /// assert!(state.complete_process(&id, 200)?);
    /// assert!(!state.complete_process(&id, 200)?, "it is complete already");
    /// assert_eq!(state.process(&id)?.unwrap().outcome, Some(200));
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn process(&self, id: &ProcessId) -> Result<Option<OwnProcess>, StateError> {
        self.0.store.process(id)
    }

    /// Notes how one of the system's own changes ended. `false` if there is none that is under way.
    ///
    /// # Errors
    ///
    /// [`StateError`] if the store cannot keep it.
    pub fn complete_process(&self, id: &ProcessId, outcome: u16) -> Result<bool, StateError> {
        self.0.store.complete_process(id, outcome)
    }
}

/// A change is being sent: see [`SystemState::sending`].
#[derive(Debug)]
pub struct SendingGuard(SystemState);

impl Drop for SendingGuard {
    fn drop(&mut self) {
        self.0.0.sending.fetch_sub(1, Ordering::AcqRel);
    }
}
