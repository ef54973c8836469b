//! The changes of one system: a request of each, and whether it may go out.

use dsync_core::wire::RealtimeRequest;
use dsync_core::{
    ChangeEncoder, ChangeError, DsyncEntity, EntityId, EntityTokens, PrimaryKey, SwitchWatch,
    SystemState,
};
use serde::Serialize;

use crate::Error;

/// What the requests of one system have in common.
#[derive(Debug)]
pub(crate) struct Requests {
    encoder: ChangeEncoder,
    refuse_switched_off: bool,
    watch: SwitchWatch,
}

/// A change as it would be sent.
#[derive(Debug)]
pub(crate) struct Change {
    pub(crate) request: RealtimeRequest,
    /// The entity, where it is known to be switched off.
    pub(crate) switched_off: Option<&'static str>,
}

/// A request that somebody else put together: nothing is looked up for it.
impl From<RealtimeRequest> for Change {
    fn from(request: RealtimeRequest) -> Self {
        Self {
            request,
            switched_off: None,
        }
    }
}

impl Requests {
    /// Without a state nothing is known: every entity is sent, by its primary key.
    pub(crate) fn new(
        tokens: EntityTokens,
        state: Option<SystemState>,
        refuse_switched_off: bool,
    ) -> Self {
        let encoder = ChangeEncoder::new(tokens);
        Self {
            encoder: match state {
                Some(state) => encoder.with_state(state),
                None => encoder,
            },
            refuse_switched_off,
            watch: SwitchWatch::default(),
        }
    }

    pub(crate) fn tokens(&self) -> &EntityTokens {
        self.encoder.tokens()
    }

    pub(crate) fn create<T>(&self, record: &T) -> Result<Change, Error>
    where
        T: DsyncEntity + Serialize,
    {
        self.change::<T>(|encoder| encoder.create(record))
    }

    pub(crate) fn update<T>(&self, record: &T) -> Result<Change, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.change::<T>(|encoder| encoder.update(record))
    }

    /// An update of the record that was known by `id` until now.
    pub(crate) fn update_with_id<T>(&self, record: &T, id: EntityId) -> Result<Change, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.change::<T>(|encoder| encoder.update_with_id(record, id))
    }

    pub(crate) fn delete<T>(&self, record: &T) -> Result<Change, Error>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        self.change::<T>(|encoder| encoder.delete(record))
    }

    pub(crate) fn delete_by_id<T>(&self, id: EntityId) -> Result<Change, Error>
    where
        T: DsyncEntity + PrimaryKey,
    {
        self.change::<T>(|encoder| encoder.delete_by_id::<T>(id))
    }

    fn change<T: DsyncEntity>(
        &self,
        encode: impl FnOnce(&ChangeEncoder) -> Result<RealtimeRequest, ChangeError>,
    ) -> Result<Change, Error> {
        let entity = T::LAYOUT.name();
        let is_off = self.watch.is_off(self.encoder.state(), entity);
        Ok(Change {
            request: encode(&self.encoder)?,
            switched_off: is_off.then_some(entity),
        })
    }

    /// Says of a change that is about to be sent what it means that its entity is switched off.
    pub(crate) fn check_switch(&self, switched_off: Option<&'static str>) -> Result<(), Error> {
        let Some(entity) = switched_off else {
            return Ok(());
        };
        if self.refuse_switched_off {
            return Err(Error::SwitchedOff { entity });
        }
        if self.watch.is_news(entity) {
            tracing::warn!(
                entity,
                "the entity is switched off; it is sent all the same"
            );
        }
        Ok(())
    }
}
