//! Where a change came from, so that it is not sent back there.

use std::borrow::Cow;
use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;

use crate::entity::EntityId;
use crate::process::ProcessId;
use crate::token::EntityToken;
use crate::wire::RealtimeRequest;

thread_local! {
    static CURRENT: RefCell<Option<Origin>> = const { RefCell::new(None) };
}

/// Marks what is done because of a process of the platform's: a write that came from the platform must
/// not be sent back to it as a change (PROTOCOL section 6, a fact).
///
/// A connector makes one for each write, and carries the write out within its [`scope`](Self::scope).
/// Whoever sends asks [`Origin::current`] and leaves out what is an [`echo`](Self::is_echo). Work that a
/// handler hands to another task or thread is outside of that scope: there, pass the origin on.
///
/// Clones share their contents.
///
/// # Examples
///
/// ```
/// use dsync_core::wire::RealtimeRequest;
/// use dsync_core::{EntityId, EntityToken, Origin};
///
/// let product = EntityToken::new("shop-product-1")?;
/// let origin = Origin::of_record("p-1".parse()?, product.clone(), EntityId::new("S-1")?, "sku");
///
/// let same = RealtimeRequest::update(product.clone(), "{}").with_id(EntityId::new("S-1")?, "sku")?;
/// let other = RealtimeRequest::update(product, "{}").with_id(EntityId::new("S-2")?, "sku")?;
/// assert!(origin.is_echo(&same) && !origin.is_echo(&other));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Origin(Arc<Parts>);

#[derive(Clone, Debug, PartialEq, Eq)]
struct Parts {
    process_id: ProcessId,
    entity_token: EntityToken,
    /// The id, and the field whose value it is. Nothing while a create has not given it.
    id: Option<(EntityId, Cow<'static, str>)>,
}

impl Origin {
    /// A write to a record of this entity, by this process.
    #[must_use]
    pub fn new(process_id: ProcessId, entity_token: EntityToken) -> Self {
        Self(Arc::new(Parts {
            process_id,
            entity_token,
            id: None,
        }))
    }

    /// A write to one record, named by the value of one of its fields.
    #[must_use]
    pub fn of_record(
        process_id: ProcessId,
        entity_token: EntityToken,
        id: EntityId,
        field: impl Into<Cow<'static, str>>,
    ) -> Self {
        Self(Arc::new(Parts {
            process_id,
            entity_token,
            id: Some((id, field.into())),
        }))
    }

    /// The platform's process.
    #[must_use]
    pub fn process_id(&self) -> &ProcessId {
        &self.0.process_id
    }

    /// The entity that is written.
    #[must_use]
    pub fn entity_token(&self) -> &EntityToken {
        &self.0.entity_token
    }

    /// Whether a change would only tell the platform what came from it: it is about the same entity, and
    /// not about a record that is known to be another one.
    ///
    /// Two records are known to be different where both are named by the same field. What else a write
    /// causes, a change of another entity for instance, is no echo.
    #[must_use]
    pub fn is_echo(&self, change: &RealtimeRequest) -> bool {
        if *change.entity_token() != self.0.entity_token {
            return false;
        }
        match (&self.0.id, change.entity_id(), change.entity_id_field()) {
            (Some((id, field)), Some(other), Some(other_field)) if field == other_field => {
                id == other
            }
            _ => true,
        }
    }

    /// The origin in whose scope this is called.
    #[must_use]
    pub fn current() -> Option<Self> {
        CURRENT.with_borrow(Clone::clone)
    }

    /// Carries a future out as caused by this origin, whatever thread polls it.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_core::{EntityToken, Origin};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let origin = Origin::new("p-1".parse()?, EntityToken::new("shop-product-1")?);
    /// let seen = origin.scope(async { Origin::current() }).await;
    /// assert_eq!(seen, Some(origin));
    /// assert_eq!(Origin::current(), None);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn scope<F: Future>(&self, future: F) -> F::Output {
        let mut future = pin!(future);
        poll_fn(|context| self.in_scope(|| future.as_mut().poll(context))).await
    }

    /// Carries a function out as caused by this origin: for work on a thread of its own.
    pub fn in_scope<R>(&self, act: impl FnOnce() -> R) -> R {
        /// Restores also after a panic, which the thread may survive.
        struct Restore(Option<Origin>);

        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0.take());
            }
        }

        let _restore = Restore(CURRENT.replace(Some(self.clone())));
        act()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token(text: &'static str) -> EntityToken {
        EntityToken::new(text).unwrap()
    }

    fn origin() -> Origin {
        Origin::new(ProcessId::new("p-1").unwrap(), token("product"))
    }

    #[test]
    fn a_change_of_another_entity_is_no_echo() {
        assert!(!origin().is_echo(&RealtimeRequest::create(token("order"), "{}")));
    }

    #[test]
    fn a_record_that_may_be_the_same_is_one() {
        let id = |id: &str| EntityId::new(id).unwrap();
        let origin = Origin::of_record(
            ProcessId::new("p-1").unwrap(),
            token("product"),
            id("7"),
            "id",
        );
        let unnamed = RealtimeRequest::create(token("product"), "{}");
        let by_other_field = unnamed.clone().with_id(id("X"), "ean").unwrap();
        assert!(origin.is_echo(&unnamed) && origin.is_echo(&by_other_field));
        let other = unnamed.with_id(id("8"), "id").unwrap();
        assert!(!origin.is_echo(&other));
    }

    #[test]
    fn scopes_nest_and_survive_a_panic() {
        let outer = origin();
        let inner = Origin::new(ProcessId::new("p-2").unwrap(), token("product"));
        outer.in_scope(|| {
            let caught = std::panic::catch_unwind(|| inner.in_scope(|| panic!("on purpose")));
            assert!(caught.is_err());
            assert_eq!(Origin::current(), Some(outer.clone()));
        });
        assert_eq!(Origin::current(), None);
    }
}
