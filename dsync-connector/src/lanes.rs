//! One change a record at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

/// Who has the turn in each lane. A lane is named by a text: an entity, a field and its value.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    turns: Mutex<HashMap<String, Arc<Turn<()>>>>,
}

impl Lanes {
    /// Waits for the turn in all of these lanes, first come, first served.
    pub(crate) async fn enter(&self, lanes: &[String]) -> InLanes<'_> {
        // In one order everywhere, so that two who want the same two lanes do not wait for each other.
        let mut names = lanes.to_vec();
        names.sort_unstable();
        names.dedup();
        let mut inside = InLanes {
            lanes: self,
            held: Vec::with_capacity(names.len()),
        };
        for name in names {
            let turn = self.turns().entry(name.clone()).or_default().clone();
            let waiting = Waiting {
                lanes: self,
                name: Some(name),
            };
            let guard = turn.lock_owned().await;
            inside.held.push((waiting.arrived(), guard));
        }
        inside
    }

    /// Forgets a lane that nobody is in and nobody waits for.
    fn leave(&self, name: &str) {
        let mut turns = self.turns();
        if turns
            .get(name)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            turns.remove(name);
        }
    }

    fn turns(&self) -> MutexGuard<'_, HashMap<String, Arc<Turn<()>>>> {
        // Each use is a call or two on a map that cannot fail.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn in some lanes.
#[derive(Debug)]
pub(crate) struct InLanes<'a> {
    lanes: &'a Lanes,
    held: Vec<(String, OwnedMutexGuard<()>)>,
}

impl Drop for InLanes<'_> {
    fn drop(&mut self) {
        for (name, guard) in self.held.drain(..) {
            drop(guard);
            self.lanes.leave(&name);
        }
    }
}

/// Somebody who waits, and may give up.
struct Waiting<'a> {
    lanes: &'a Lanes,
    name: Option<String>,
}

impl Waiting<'_> {
    fn arrived(mut self) -> String {
        self.name.take().expect("it is taken once")
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        if let Some(name) = self.name.take() {
            self.lanes.leave(&name);
        }
    }
}
