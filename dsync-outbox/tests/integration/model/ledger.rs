//! What the store has said, change by change, and what it may say next.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{EntityId, EntityToken, IdempotencyKey};
use dsync_outbox::{
    Added, Advanced, ChangeId, Claim, Coalescing, Mending, NewChange, Settled, Settlement,
};

use super::platform::Reply;
use super::world::State;

pub(crate) type Lane = (EntityToken, EntityId);

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Status {
    Open,
    Dead {
        holds: bool,
    },
    Delivered,
    /// A delete that took back a create.
    TakenBack,
    Superseded {
        by: ChangeId,
    },
    Dropped,
}

impl Status {
    fn is_open(self) -> bool {
        matches!(self, Self::Open | Self::Dead { .. })
    }
}

/// How far an attempt has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Flight {
    None,
    Claimed,
    UnderWay,
    Answered(Reply),
}

#[derive(Clone, Debug)]
pub(crate) struct Change {
    pub(crate) lane: Option<Lane>,
    /// What is to be sent, with its key.
    pub(crate) request: RealtimeRequest,
    pub(crate) key: IdempotencyKey,
    coalescing: Coalescing,
    pub(crate) status: Status,
    pub(crate) flight: Flight,
    was_claimed: bool,
    attempts: u32,
    pause: Duration,
    /// Others went ahead, because somebody said so.
    pub(crate) was_passed: bool,
    /// The platform refuses it for good.
    pub(crate) is_bad: bool,
    pub(crate) effects: u32,
}

#[derive(Debug, Default)]
pub(crate) struct Ledger {
    pub(crate) changes: BTreeMap<ChangeId, Change>,
    pub(crate) keys: BTreeMap<String, ChangeId>,
    /// How many changes were claimed, and not settled, when the last lease ended.
    pub(crate) left_over: usize,
}

impl Ledger {
    fn lane<'a>(
        &'a self,
        lane: &'a Lane,
    ) -> impl DoubleEndedIterator<Item = (ChangeId, &'a Change)> {
        let changes = self.changes.iter().map(|(id, change)| (*id, change));
        changes.filter(move |(_, change)| change.lane.as_ref() == Some(lane))
    }

    pub(crate) fn by_key(&self, key: Option<&IdempotencyKey>) -> Option<ChangeId> {
        self.keys.get(key?.as_str()).copied()
    }
}

fn rebuilt(request: &RealtimeRequest, operation: Operation, body: Bytes) -> RealtimeRequest {
    let token = request.entity_token().clone();
    let rebuilt = match operation {
        Operation::Create => RealtimeRequest::create(token, body),
        Operation::Update => RealtimeRequest::update(token, body),
        Operation::Delete => return request.clone(),
    };
    match (request.entity_id().cloned(), request.entity_id_field()) {
        (Some(id), Some(field)) => rebuilt.with_id(id, field).unwrap(),
        (Some(id), None) => rebuilt.with_entity_id(id),
        (None, _) => rebuilt,
    }
}

impl State {
    pub(crate) fn added(&mut self, new: &NewChange, added: &Added) {
        use Operation::{Create, Delete, Update};

        self.note("added", added.id.number());
        self.tally.changes += 1;
        if self
            .ledger
            .changes
            .last_key_value()
            .is_some_and(|(last, _)| *last >= added.id)
        {
            self.broken(format!("the number {} does not grow", added.id));
        }
        let token = new.request.entity_token().clone();
        let lane = new.record.clone().map(|record| (token, record));
        let mut change = Change {
            lane,
            request: new.request.clone(),
            key: new.idempotency_key.clone(),
            coalescing: new.coalescing,
            status: Status::Open,
            flight: Flight::None,
            was_claimed: false,
            attempts: 0,
            pause: Duration::ZERO,
            was_passed: false,
            is_bad: !self.is_calm && self.chance.one_in(8),
            effects: 0,
        };
        if let Some(superseded) = added.superseded {
            self.note("superseded", superseded.number());
            let last = change.lane.as_ref().and_then(|lane| {
                let last = self
                    .ledger
                    .lane(lane)
                    .rfind(|(_, change)| change.status.is_open());
                last.map(|(id, change)| (id, change.clone()))
            });
            let Some((_, last)) = last.filter(|(id, _)| *id == superseded) else {
                return self.broken(format!(
                    "{superseded} was superseded, and was not the last one"
                ));
            };
            let is_never = [last.coalescing, new.coalescing].contains(&Coalescing::Never);
            if last.was_claimed || last.status != Status::Open || is_never {
                return self.broken(format!(
                    "{superseded} was superseded, though it may be known to the platform, or says Never"
                ));
            }
            let is_sole = [last.coalescing, new.coalescing] == [Coalescing::SolePublisher; 2];
            let operation = match (last.request.operation(), new.request.operation()) {
                (Create, Update) => Create,
                (Update, Update) => Update,
                (Create, Delete) if is_sole => Delete,
                (one, other) => {
                    return self.broken(format!("{one} and {other} were put together"));
                }
            };
            let needs_none = is_sole && operation == Delete;
            if added.needs_no_sending != needs_none {
                return self.broken(format!("{} is to be sent, or not", added.id));
            }
            if needs_none {
                change.status = Status::TakenBack;
                self.tally.taken_back += 1;
            }
            if !is_sole {
                change.coalescing = Coalescing::Whole;
            }
            change.request = rebuilt(&new.request, operation, new.request.body().clone());
            self.tally.superseded += 1;
            if let Some(earlier) = self.ledger.changes.get_mut(&superseded) {
                earlier.status = Status::Superseded { by: added.id };
            }
        }
        change.request = change.request.with_idempotency_key(change.key.clone());
        self.ledger
            .keys
            .insert(change.key.as_str().to_owned(), added.id);
        self.ledger.changes.insert(added.id, change);
    }

    /// Whoever had the lease has lost it: what was under way, and pauses.
    pub(crate) fn lease_ended(&mut self) {
        self.note("lease ended", 0);
        self.ledger.left_over = 0;
        for change in self.ledger.changes.values_mut() {
            let flight = std::mem::replace(&mut change.flight, Flight::None);
            change.pause = Duration::ZERO;
            self.ledger.left_over += usize::from(flight != Flight::None);
            match flight {
                Flight::None => {}
                Flight::Claimed => self.tally.crashes_before_attempt += 1,
                Flight::UnderWay => self.tally.crashes_in_attempt += 1,
                Flight::Answered(_) => self.tally.crashes_before_settling += 1,
            }
        }
    }

    pub(crate) fn advanced(&mut self, settled: &[Settled], claim: Claim, advanced: &Advanced) {
        for Settled { id, settlement } in settled {
            self.settled(*id, settlement);
        }
        if advanced.claimed.len() > claim.limit {
            self.broken("more was claimed than asked for");
        }
        for claimed in &advanced.claimed {
            let id = claimed.id;
            self.note("claimed", id.number());
            let Some(change) = self.ledger.changes.get(&id) else {
                return self.broken(format!("{id} was claimed, and never added"));
            };
            if change.status != Status::Open || change.flight != Flight::None {
                return self.broken(format!("{id} was claimed, and is not to be sent"));
            }
            if let Some(lane) = &change.lane {
                if self
                    .ledger
                    .lane(lane)
                    .any(|(_, other)| other.flight != Flight::None)
                {
                    return self.broken(format!("{id} was claimed, and its record is busy"));
                }
                let before = |(_, other): &(_, &Change)| {
                    matches!(other.status, Status::Open | Status::Dead { holds: true })
                };
                let mut earlier = self.ledger.lane(lane).take_while(|(other, _)| *other < id);
                let other = earlier.find(before).map(|(other, _)| other);
                drop(earlier);
                if let Some(other) = other {
                    return self.broken(format!("{id} was claimed before {other}"));
                }
            }
            if change.pause > claim.elapsed {
                return self.broken(format!("{id} was claimed in its pause"));
            }
            if claimed.request != change.request {
                return self.broken(format!("{id} is not what was put in"));
            }
            if claimed.attempt != change.attempts + 1 {
                let (is, should) = (claimed.attempt, change.attempts + 1);
                return self.broken(format!("{id} is said to be attempt {is}, and is {should}"));
            }
            if let Some(change) = self.ledger.changes.get_mut(&id) {
                change.flight = Flight::Claimed;
                change.was_claimed = true;
                change.attempts += 1;
            }
        }
    }

    fn settled(&mut self, id: ChangeId, settlement: &Settlement) {
        let Some(change) = self.ledger.changes.get_mut(&id) else {
            return self.broken(format!("{id} was settled, and never added"));
        };
        let flight = std::mem::replace(&mut change.flight, Flight::None);
        let is_true = match (settlement, &flight) {
            (Settlement::Delivered { process_id }, Flight::Answered(Reply::Accepted(id))) => {
                change.status = Status::Delivered;
                process_id.as_ref() == Some(id)
            }
            (Settlement::Again { at, .. }, Flight::Answered(reply)) => {
                change.pause = *at;
                !matches!(reply, Reply::Accepted(_) | Reply::Final(_) | Reply::NoKey)
            }
            (Settlement::Dead { holds, .. }, Flight::Answered(Reply::Final(_))) => {
                change.status = Status::Dead { holds: *holds };
                change.was_passed |= !holds;
                self.tally.dead += 1;
                true
            }
            (Settlement::Unattempted, Flight::Claimed | Flight::Answered(Reply::NoKey)) => {
                change.attempts -= 1;
                true
            }
            _ => false,
        };
        let what = match settlement {
            Settlement::Delivered { .. } => "settled as delivered",
            Settlement::Again { .. } => "settled for another attempt",
            Settlement::Dead { .. } => "settled as dead",
            Settlement::Unattempted => "settled as not attempted",
        };
        self.note(what, id.number());
        if !is_true {
            self.broken(format!("{id} was {what}, after {flight:?}"));
        }
    }

    pub(crate) fn mended(&mut self, id: ChangeId, mending: &Mending) {
        self.note("mended", id.number());
        self.tally.mended += 1;
        let Some(change) = self.ledger.changes.get_mut(&id) else {
            return self.broken(format!("{id} was mended, and never added"));
        };
        if !matches!(change.status, Status::Dead { .. }) {
            return self.broken(format!("{id} was mended, and is not dead"));
        }
        match mending {
            Mending::Retry => {
                // What the platform minded is mended there.
                change.is_bad = false;
                change.status = Status::Open;
                change.attempts = change.attempts.min(1);
            }
            Mending::Edit {
                body,
                idempotency_key,
            } => {
                change.status = Status::Open;
                change.attempts = change.attempts.min(1);
                let operation = change.request.operation();
                let request = rebuilt(&change.request, operation, body.clone());
                let old = std::mem::replace(&mut change.key, idempotency_key.clone());
                change.request = request.with_idempotency_key(idempotency_key.clone());
                change.is_bad = false;
                self.tally.edited += 1;
                self.ledger.keys.remove(old.as_str());
                self.ledger
                    .keys
                    .insert(idempotency_key.as_str().to_owned(), id);
            }
            Mending::Pass => {
                change.status = Status::Dead { holds: false };
                change.was_passed = true;
                self.tally.passed += 1;
            }
            Mending::Drop => {
                change.status = Status::Dropped;
                self.tally.dropped += 1;
            }
        }
    }

    /// Everything dead is tried again: so many, as the store says.
    pub(crate) fn retried_all(&mut self, said: u64) {
        let mut count = 0;
        for change in self.ledger.changes.values_mut() {
            if matches!(change.status, Status::Dead { .. }) {
                change.status = Status::Open;
                change.attempts = change.attempts.min(1);
                count += 1;
            }
        }
        if count != said {
            self.broken(format!(
                "{said} dead letters are retried, and {count} there were"
            ));
        }
    }
}
