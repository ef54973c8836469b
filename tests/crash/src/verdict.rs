//! What was acknowledged, held against what the platform has done.

use std::collections::HashMap;
use std::fmt::{self, Display};

use dsync_core::EntityId;
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_outbox::{ChangeId, Entry, State};

use crate::item::{Item, Kept};

/// What came of a run, after everything was sent.
#[derive(Debug, Default)]
pub struct Verdict {
    /// How many changes were acknowledged.
    pub acknowledged: usize,
    /// How many were kept without an acknowledgement: their program was killed before.
    pub unacknowledged: usize,
    /// How many changes took effect on the platform.
    pub effects: usize,
    /// How many were superseded.
    pub superseded: usize,
    /// Acknowledged changes that did not come, nor a later one that supersedes them.
    pub lost: Vec<String>,
    /// Effects that came before an earlier change of their record.
    pub out_of_order: Vec<String>,
    /// Changes that took effect more than once.
    pub doubled: Vec<String>,
    /// What else should not be.
    pub strange: Vec<String>,
}

impl Verdict {
    /// Compares what was acknowledged, what the outbox knows of its changes, and what took effect in its
    /// order.
    #[must_use]
    pub fn of(acknowledged: &[Kept], entries: &[Entry], history: &[RealtimeRequest]) -> Self {
        let mut verdict = Self {
            acknowledged: acknowledged.len(),
            unacknowledged: entries.len().saturating_sub(acknowledged.len()),
            effects: history.len(),
            ..Self::default()
        };
        let by_id: HashMap<_, _> = entries.iter().map(|entry| (entry.id, entry)).collect();
        let by_key: HashMap<_, _> = entries
            .iter()
            .map(|entry| (&entry.idempotency_key, entry))
            .collect();

        let mut effects: HashMap<ChangeId, &RealtimeRequest> = HashMap::new();
        let mut last: HashMap<&str, ChangeId> = HashMap::new();
        for request in history {
            let Some(entry) = request.idempotency_key().and_then(|key| by_key.get(key)) else {
                verdict.strange.push(format!("nobody put in {request:?}"));
                continue;
            };
            if effects.insert(entry.id, request).is_some() {
                verdict.doubled.push(format!("{entry:?}"));
            }
            let record = request.entity_id().map_or("", EntityId::as_str);
            if let Some(before) = last.insert(record, entry.id)
                && before >= entry.id
            {
                let words = format!("{record}: {} after {before}", entry.id);
                verdict.out_of_order.push(words);
            }
        }
        for entry in entries {
            if !entry.state.is_ended() || matches!(entry.state, State::Dead { .. }) {
                verdict.strange.push(format!("not delivered: {entry:?}"));
            }
        }
        for kept in acknowledged {
            verdict.look_for(kept, &by_id, &effects);
        }
        verdict
    }

    /// Follows a change to the one that took effect in its place.
    fn look_for(
        &mut self,
        kept: &Kept,
        by_id: &HashMap<ChangeId, &Entry>,
        effects: &HashMap<ChangeId, &RealtimeRequest>,
    ) {
        let mut id = kept.id;
        let end = loop {
            match by_id.get(&id) {
                Some(entry) if entry.record.as_ref().map(EntityId::as_str) != Some(&*kept.sku) => {
                    return self.lost.push(format!("{kept}: {id} is another record's"));
                }
                Some(entry) => match entry.state {
                    State::Superseded { by } if by > id => id = by,
                    _ => break entry,
                },
                None => return self.lost.push(format!("{kept}: the outbox knows no {id}")),
            }
        };
        self.superseded += usize::from(id != kept.id);
        match effects.get(&id) {
            Some(request) if id == kept.id => {
                let is_it = kept.operation == Operation::Delete
                    || request.body() == Item::new(&kept.sku, kept.version).json().as_bytes();
                if !is_it {
                    self.lost.push(format!("{kept}: other bytes came"));
                }
            }
            Some(_) => {}
            // A create that was never sent and its delete are nothing.
            None if end.attempts == 0 && end.operation == Operation::Delete => {}
            None => self.lost.push(format!("{kept}: {end:?} did not come")),
        }
    }

    /// Adds the attempts, as the programs told of them: of one record there is one at a time.
    #[must_use]
    pub fn with_attempts(mut self, lines: &[String], entries: &[Entry]) -> Self {
        let records: HashMap<_, _> = entries
            .iter()
            .map(|entry| (entry.idempotency_key.as_str(), &entry.record))
            .collect();
        let mut under_way = HashMap::new();
        for line in lines {
            match line.split_once(' ') {
                // Whoever had the lease before is dead.
                Some(("leased", _)) => under_way.clear(),
                Some(("attempt", key)) => {
                    let record = records.get(key);
                    // One whose program was killed begins again, perhaps before its line of the lease.
                    if let Some(other) = under_way.insert(record, key)
                        && other != key
                    {
                        let words = format!("{key} and {other} at once, of {record:?}");
                        self.out_of_order.push(words);
                    }
                }
                Some(("answered", key)) => {
                    under_way.remove(&records.get(key));
                }
                _ => {}
            }
        }
        self
    }

    /// Whether the promise was kept.
    #[must_use]
    pub fn is_good(&self) -> bool {
        self.lost.is_empty()
            && self.out_of_order.is_empty()
            && self.doubled.is_empty()
            && self.strange.is_empty()
    }
}

impl Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{} changes acknowledged, {} kept without, {} superseded, {} effects\n{} lost, {} out of order, {} double effects, {} strange",
            self.acknowledged,
            self.unacknowledged,
            self.superseded,
            self.effects,
            self.lost.len(),
            self.out_of_order.len(),
            self.doubled.len(),
            self.strange.len(),
        )?;
        let all = [&self.lost, &self.out_of_order, &self.doubled, &self.strange];
        for fault in all.into_iter().flat_map(|faults| faults.iter().take(5)) {
            writeln!(f, "  {fault}")?;
        }
        Ok(())
    }
}
