//! The state of a program that does not outlive itself.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

use super::{EntityState, OwnProcess, StateError, StateStore};
use crate::process::ProcessId;

/// How many own processes are kept. A platform that never reports must not fill the memory.
const MOST: usize = 100_000;

/// Keeps own processes only: of the entities the state itself has all that there is.
#[derive(Debug, Default)]
pub(super) struct MemoryStore {
    processes: Mutex<Processes>,
}

#[derive(Debug, Default)]
struct Processes {
    by_id: HashMap<ProcessId, OwnProcess>,
    by_age: VecDeque<ProcessId>,
}

impl MemoryStore {
    fn processes(&self) -> MutexGuard<'_, Processes> {
        // A map and a queue that may differ in one id after a panic: it is forgotten, or twice.
        self.processes
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl StateStore for MemoryStore {
    fn entities(&self) -> Result<Vec<(String, EntityState)>, StateError> {
        Ok(Vec::new())
    }

    fn set_entity(&self, _name: &str, _state: &EntityState) -> Result<(), StateError> {
        Ok(())
    }

    fn add_process(&self, process: OwnProcess) -> Result<(), StateError> {
        let mut processes = self.processes();
        let id = process.process_id.clone();
        // An answer that is given again names a process that may have ended meanwhile.
        if let Entry::Vacant(free) = processes.by_id.entry(id.clone()) {
            free.insert(process);
            processes.by_age.push_back(id);
        }
        if processes.by_age.len() > MOST
            && let Some(oldest) = processes.by_age.pop_front()
        {
            processes.by_id.remove(&oldest);
        }
        Ok(())
    }

    fn process(&self, id: &ProcessId) -> Result<Option<OwnProcess>, StateError> {
        Ok(self.processes().by_id.get(id).cloned())
    }

    fn complete_process(&self, id: &ProcessId, outcome: u16) -> Result<bool, StateError> {
        let mut processes = self.processes();
        let process = processes
            .by_id
            .get_mut(id)
            .filter(|process| process.outcome.is_none());
        Ok(process
            .map(|process| process.outcome = Some(outcome))
            .is_some())
    }
}
