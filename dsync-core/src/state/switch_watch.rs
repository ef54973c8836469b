//! Whoever sends looks at an entity's switch before each change.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{Switch, SystemState};

/// Finds out before a change whether its entity is [switched off](Switch::Off), and whether that was told
/// already: once until it is on again, because a thousand records would be a thousand lines of a log.
///
/// # Examples
///
/// ```
/// use dsync_core::{Switch, SwitchWatch, SystemState};
///
/// let (watch, state) = (SwitchWatch::default(), SystemState::new());
/// assert!(!watch.is_off(Some(&state), "product"));
/// state.set_switch("product", Switch::Off)?;
/// assert!(watch.is_off(Some(&state), "product"));
/// assert!(watch.is_news("product") && !watch.is_news("product"));
/// # Ok::<(), dsync_core::StateError>(())
/// ```
#[derive(Debug, Default)]
pub struct SwitchWatch {
    told_off: Mutex<BTreeSet<&'static str>>,
}

impl SwitchWatch {
    /// Whether an entity is known to be switched off. Without a state nothing is known.
    #[must_use]
    pub fn is_off(&self, state: Option<&SystemState>, entity: &'static str) -> bool {
        let Some(state) = state else {
            return false;
        };
        let is_off = state.entity(entity).switch == Switch::Off;
        if !is_off {
            self.told_off().remove(entity);
        }
        is_off
    }

    /// Whether this is asked for the first time since the entity was switched off.
    #[must_use]
    pub fn is_news(&self, entity: &'static str) -> bool {
        self.told_off().insert(entity)
    }

    fn told_off(&self) -> MutexGuard<'_, BTreeSet<&'static str>> {
        // One call on a set, so a panic elsewhere leaves nothing half done.
        self.told_off.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
