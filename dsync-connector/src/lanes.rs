//! One change a record at a time.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use smallvec::SmallVec;
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use crate::digest::{DigestMap, digest};

/// Who has the turn in each lane. A lane is named by a text: an entity, a field and its value.
#[derive(Debug, Default)]
pub(crate) struct Lanes {
    turns: Mutex<DigestMap<Arc<Turn<()>>>>,
}

impl Lanes {
    /// Takes the turn in all of these lanes if nobody is in one of them; else gives the lanes back.
    pub(crate) fn try_enter(&self, mut names: Vec<String>) -> Result<InLanes<'_>, Vec<String>> {
        names.sort_unstable();
        names.dedup();
        let mut turns = self.turns();
        if names.iter().any(|name| turns.contains_key(&digest(name))) {
            return Err(names);
        }
        let mut held = SmallVec::new();
        for name in &names {
            let turn = Arc::new(Turn::new(()));
            let free = turn.clone().try_lock_owned();
            turns.insert(digest(name), turn);
            held.push(free.expect("a turn that was just made is free"));
        }
        drop(turns);
        Ok(InLanes {
            lanes: self,
            names,
            held,
        })
    }

    /// Waits for the turn in all of these lanes, first come, first served.
    pub(crate) async fn enter(&self, mut names: Vec<String>) -> InLanes<'_> {
        // In one order everywhere, so that two who want the same two lanes do not wait for each other.
        names.sort_unstable();
        names.dedup();
        let mut inside = InLanes {
            lanes: self,
            held: SmallVec::new(),
            names,
        };
        for name in &inside.names {
            let turn = self.turns().entry(digest(name)).or_default().clone();
            inside.held.push(turn.lock_owned().await);
        }
        inside
    }

    /// Forgets a lane that nobody is in and nobody waits for.
    fn leave(&self, name: &str) {
        let name = digest(name);
        let mut turns = self.turns();
        if turns
            .get(&name)
            .is_some_and(|turn| Arc::strong_count(turn) == 1)
        {
            turns.remove(&name);
        }
    }

    fn turns(&self) -> MutexGuard<'_, DigestMap<Arc<Turn<()>>>> {
        // Each use is a call or two on a map that cannot fail.
        self.turns.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The turn in some lanes.
#[derive(Debug)]
pub(crate) struct InLanes<'a> {
    lanes: &'a Lanes,
    names: Vec<String>,
    /// Of the first names; of all, once everything was waited for.
    held: SmallVec<[OwnedMutexGuard<()>; 2]>,
}

impl InLanes<'_> {
    pub(crate) fn names(&self) -> &[String] {
        &self.names
    }
}

impl Drop for InLanes<'_> {
    fn drop(&mut self) {
        self.held.clear();
        // Also those that it still waited for, if it was dropped before its turn.
        for name in &self.names {
            self.lanes.leave(name);
        }
    }
}
