//! Everything that an outbox is told before its first change.

use std::path::Path;
use std::sync::Arc;

use dsync_core::{ChangeEncoder, EntityTokens, SwitchWatch, SystemState};

use crate::planner::Planner;
use crate::shared::Shared;
use crate::{Coalescing, Outbox, OutboxStore, SqliteStore, StoreError};

/// Sets up an [`Outbox`].
///
/// | setting | default |
/// |---|---|
/// | [`entity_tokens`](Self::entity_tokens) | the tokens in the source code |
/// | [`system_state`](Self::system_state) | none: records are named by their primary keys |
/// | [`refuse_switched_off`](Self::refuse_switched_off) | no: they are kept, with a warning |
/// | [`coalesce`](Self::coalesce) | yes |
/// | [`sole_publisher`](Self::sole_publisher) | no |
///
/// # Examples
///
/// ```no_run
/// use dsync_outbox::Outbox;
///
/// let outbox = Outbox::builder().sole_publisher(true).open("shop.db")?;
/// # Ok::<(), dsync_outbox::StoreError>(())
/// ```
#[derive(Debug, Default)]
#[must_use = "a builder does nothing until `open` or `over` is called"]
pub struct OutboxBuilder {
    tokens: EntityTokens,
    state: Option<SystemState>,
    refuse_switched_off: bool,
    never_coalesce: bool,
    sole_publisher: bool,
}

impl OutboxBuilder {
    /// Overrides the tokens in the source code with those of the deployed system. A change keeps the token
    /// that it was put in with.
    pub fn entity_tokens(mut self, tokens: EntityTokens) -> Self {
        self.tokens = tokens;
        self
    }

    /// Sets what the platform has told the system's connector: which entities are switched on, and by which
    /// field it knows their records. A change names its record as it was told when the change was put in.
    pub fn system_state(mut self, state: SystemState) -> Self {
        self.state = Some(state);
        self
    }

    /// Says that a change of an entity that is known to be switched off is an error, and not kept.
    pub fn refuse_switched_off(mut self) -> Self {
        self.refuse_switched_off = true;
        self
    }

    /// Says whether changes of the same record that were not attempted are put together. With `false` the
    /// platform gets each of them.
    pub fn coalesce(mut self, coalesce: bool) -> Self {
        self.never_coalesce = !coalesce;
        self
    }

    /// States that nothing else publishes this program's records, and that none is created twice. Then a
    /// delete takes back a create that was not sent: the platform hears of neither.
    ///
    /// Without this it hears of both, because it may know the record from elsewhere.
    pub fn sole_publisher(mut self, sole: bool) -> Self {
        self.sole_publisher = sole;
        self
    }

    /// The outbox in a SQLite file; see [`Outbox::open`].
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the file cannot be used.
    pub fn open(self, path: impl AsRef<Path>) -> Result<Outbox, StoreError> {
        Ok(self.over(SqliteStore::open(path)?))
    }

    /// The outbox in another store.
    ///
    /// # Examples
    ///
    /// ```
    /// use dsync_outbox::{MemoryStore, Outbox};
    ///
    /// let outbox = Outbox::builder().over(MemoryStore::new());
    /// # drop(outbox);
    /// ```
    pub fn over<S: OutboxStore + 'static>(self, store: S) -> Outbox<S> {
        let encoder = ChangeEncoder::new(self.tokens);
        let planner = Planner {
            encoder: match self.state {
                Some(state) => encoder.with_state(state),
                None => encoder,
            },
            refuse_switched_off: self.refuse_switched_off,
            whole: match (self.never_coalesce, self.sole_publisher) {
                (true, _) => Coalescing::Never,
                (false, true) => Coalescing::SolePublisher,
                (false, false) => Coalescing::Whole,
            },
            watch: SwitchWatch::default(),
        };
        let store = Arc::new(store);
        let shared = Shared::new(store.clone());
        Outbox::assemble(planner, store, shared)
    }
}
