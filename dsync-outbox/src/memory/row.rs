//! One change, and what becomes of it.

use std::time::SystemTime;

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{EntityId, EntityToken, IdempotencyKey};

use crate::store::{Coalescing, NewChange, Settlement};
use crate::{ChangeId, Entry, Failure, State};

/// What has one order.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Lane {
    /// Of a record.
    Record(EntityToken, EntityId),
    /// Of a change whose record has no name.
    Own(ChangeId),
}

#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) record: Option<EntityId>,
    pub(super) request: RealtimeRequest,
    pub(super) idempotency_key: IdempotencyKey,
    coalescing: Coalescing,
    pub(super) enqueued: SystemTime,
    /// All but `Held`, which is a matter of the whole lane.
    pub(super) state: State,
    pub(super) attempts: u32,
    /// When it was claimed for the first time, but for claims that came to nothing.
    pub(super) first_attempt: Option<SystemTime>,
    /// Whether its attempts count anew.
    is_renewed: bool,
    failure: Option<Failure>,
    pub(super) ended: Option<SystemTime>,
}

impl Row {
    pub(super) fn new(change: NewChange) -> Self {
        Self {
            record: change.record,
            request: change.request,
            idempotency_key: change.idempotency_key,
            coalescing: change.coalescing,
            enqueued: change.now,
            state: State::Pending,
            attempts: 0,
            first_attempt: None,
            is_renewed: false,
            failure: None,
            ended: None,
        }
    }

    pub(super) fn lane(&self, id: ChangeId) -> Lane {
        match &self.record {
            Some(record) => Lane::Record(self.request.entity_token().clone(), record.clone()),
            None => Lane::Own(id),
        }
    }

    pub(super) fn is_dead(&self) -> bool {
        matches!(self.state, State::Dead { .. })
    }

    /// Whether changes that follow in its lane wait until something is done about it.
    pub(super) fn holds(&self) -> bool {
        self.state == State::Dead { holds: true }
    }

    /// Whether this stays in order with others of its record.
    pub(super) fn is_open(&self) -> bool {
        self.state == State::Pending || self.is_dead()
    }

    /// What a later change of the same record is together with this one, if they are one. It is ended
    /// already where there is nothing to send.
    pub(super) fn coalesced(&self, later: &Self) -> Option<Self> {
        use Operation::{Create, Delete, Update};

        let coalescing = match (self.coalescing, later.coalescing) {
            (Coalescing::Never, _) | (_, Coalescing::Never) => return None,
            (Coalescing::SolePublisher, Coalescing::SolePublisher) => Coalescing::SolePublisher,
            _ => Coalescing::Whole,
        };
        // One that was claimed may have taken effect already.
        if self.first_attempt.is_some() {
            return None;
        }
        let operation = match (self.request.operation(), later.request.operation()) {
            (Create, Update) => Create,
            (Update, Update) => Update,
            (Create, Delete) if coalescing == Coalescing::SolePublisher => {
                let mut nothing = later.clone();
                nothing.end(State::Delivered { process_id: None }, later.enqueued);
                return Some(nothing);
            }
            _ => return None,
        };
        Some(Self {
            request: rebuilt(&later.request, operation, later.request.body().clone()),
            coalescing,
            ..later.clone()
        })
    }

    pub(super) fn claim(&mut self, now: SystemTime) {
        // What was claimed for nothing was no attempt.
        if self.attempts == 0 || self.is_renewed {
            self.first_attempt = Some(now);
            self.is_renewed = false;
        }
        self.attempts += 1;
    }

    pub(super) fn settle(&mut self, settlement: Settlement, now: SystemTime) {
        match settlement {
            Settlement::Delivered { process_id } => {
                self.failure = None;
                self.end(State::Delivered { process_id }, now);
            }
            Settlement::Again { failure, .. } => self.failure = Some(failure),
            Settlement::Dead { holds, failure } => {
                self.failure = Some(failure);
                self.end(State::Dead { holds }, now);
            }
            Settlement::Unattempted => self.attempts -= 1,
        }
    }

    pub(super) fn end(&mut self, state: State, now: SystemTime) {
        self.state = state;
        self.ended = Some(now);
    }

    pub(super) fn retry(&mut self) {
        self.state = State::Pending;
        self.ended = None;
        self.attempts = self.attempts.min(1);
        self.is_renewed = true;
    }

    pub(super) fn edit(&mut self, body: Bytes, key: IdempotencyKey) {
        self.request = rebuilt(&self.request, self.request.operation(), body);
        self.idempotency_key = key;
    }

    /// How it looks, in a state that is `Held` where it waits.
    pub(super) fn entry(&self, id: ChangeId, state: State, with_body: bool) -> Entry {
        let has_ended_for_good = matches!(
            state,
            State::Delivered { .. } | State::Superseded { .. } | State::Dropped
        );
        let has_body = with_body && !has_ended_for_good;
        Entry {
            state,
            attempts: self.attempts,
            failure: self.failure.clone().filter(|_| !has_ended_for_good),
            ended: self.ended,
            body: has_body.then(|| self.request.body().clone()),
            ..Entry::new(
                id,
                self.request.operation(),
                self.request.entity_token().clone(),
                self.record.clone(),
                self.idempotency_key.clone(),
                self.enqueued,
            )
        }
    }
}

/// The request with another operation and body. A delete has a record's id, and no body.
fn rebuilt(request: &RealtimeRequest, operation: Operation, body: Bytes) -> RealtimeRequest {
    let token = request.entity_token().clone();
    let rebuilt = match operation {
        Operation::Create => RealtimeRequest::create(token, body),
        Operation::Update => RealtimeRequest::update(token, body),
        Operation::Delete => return request.clone(),
    };
    match (request.entity_id().cloned(), request.entity_id_field()) {
        (Some(id), Some(field)) => rebuilt
            .with_id(id, field)
            .expect("the field's name stood in a request"),
        (Some(id), None) => rebuilt.with_entity_id(id),
        (None, _) => rebuilt,
    }
}
