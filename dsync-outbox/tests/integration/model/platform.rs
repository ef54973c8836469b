//! A platform that knows idempotency keys, the network before it, and what may be seen there.

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use dsync_core::wire::{Answer, Operation, RealtimeRequest};
use dsync_core::{Carried, IdempotencyKey, TransportError, TransportErrorKind};
use dsync_outbox::ChangeId;
use http::{Response, StatusCode};
use tokio::time::Instant;

use super::ledger::{Flight, Lane};
use super::world::State;

/// How an attempt ends, as its sender sees it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    /// With the process's name.
    Accepted(String),
    /// Refused for good.
    Final(u16),
    /// Refused because of the key, or the way.
    Way(u16),
    /// Not now; perhaps not before so many seconds.
    NotNow(u16, Option<u64>),
    NoAnswer(TransportErrorKind),
    /// The program had no key to send.
    NoKey,
}

impl Reply {
    pub(crate) fn into_carried(self) -> Carried {
        let (status, retry_after, data) = match self {
            Self::NoAnswer(kind) => return Carried::NoAnswer(TransportError::new(kind, None)),
            Self::NoKey => return Carried::NoAuthToken("there is none".into()),
            Self::Accepted(id) => (200, None, format!(r#"{{"process_id":"{id}"}}"#)),
            Self::Final(status) | Self::Way(status) => (status, None, "[]".to_owned()),
            Self::NotNow(status, retry_after) => (status, retry_after, "[]".to_owned()),
        };
        let body = format!(r#"{{"status":{status},"message":"M","detail":[],"data":{data}}}"#);
        let mut response = Response::builder().status(status);
        if let Some(seconds) = retry_after {
            response = response.header("retry-after", seconds);
        }
        let answer = Answer::decode(response.body(Bytes::from(body)).unwrap());
        match answer.is_success() {
            true => Carried::Accepted(answer),
            false => Carried::Refused {
                status: StatusCode::from_u16(status).unwrap(),
                answer,
            },
        }
    }
}

/// What is to become of an attempt, however the platform answers.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fate {
    /// The sender learns the answer.
    Answered,
    /// It does not, and gives up at a time.
    Unheard {
        gives_up: Instant,
        kind: TransportErrorKind,
    },
    NoKey,
}

#[derive(Clone, Debug)]
pub(crate) struct Attempt {
    change: ChangeId,
    key: IdempotencyKey,
    api_key: u32,
    /// On the program's clock.
    began: Duration,
    pub(crate) fate: Fate,
    /// When it is at the platform.
    pub(crate) arrives: Instant,
    pub(crate) answer: Option<(Instant, Reply)>,
    /// Nobody waits for it any more.
    is_orphan: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Arrives(u64),
    TakesEffect(String),
}

#[derive(Debug, Default)]
pub(crate) struct Platform {
    pub(crate) api_key: u32,
    /// The key that the program has.
    pub(crate) programs_key: Option<u32>,
    pub(crate) has_firewall: bool,
    pub(crate) is_down: bool,
    pub(crate) is_overloaded: bool,
    pub(crate) attempts: BTreeMap<u64, Attempt>,
    count: u64,
    events: BTreeMap<(Instant, u64), Event>,
    carrying_out: BTreeMap<String, ChangeId>,
    accepted: BTreeMap<String, String>,
    pub(crate) records: BTreeMap<Lane, Bytes>,
    last_effect: BTreeMap<Lane, ChangeId>,
    last_attempt: BTreeMap<Lane, ChangeId>,
    /// Nothing may be sent before, on the program's clock.
    held_until: Duration,
    /// Since when the keys are refused, on the program's clock, as the program knows.
    refused: BTreeMap<u32, Duration>,
}

impl Platform {
    fn at(&mut self, at: Instant, event: Event) {
        self.count += 1;
        self.events.insert((at, self.count), event);
    }

    /// A program that begins knows nothing.
    pub(crate) fn program_began(&mut self) {
        self.held_until = Duration::ZERO;
        self.refused.clear();
    }
}

/// The sender's own, for every change.
pub(crate) const PROBE: Duration = Duration::from_secs(300);

impl State {
    /// Lets happen what was to happen up to now.
    pub(crate) fn catch_up(&mut self) {
        while let Some(entry) = self.platform.events.first_entry()
            && entry.key().0 <= Instant::now()
        {
            let ((at, _), event) = entry.remove_entry();
            match event {
                Event::Arrives(number) => self.arrives(number, at),
                Event::TakesEffect(key) => self.takes_effect(&key),
            }
        }
    }

    /// An attempt begins. Gives its number.
    pub(crate) fn attempt_begins(&mut self, request: &RealtimeRequest) -> Option<u64> {
        self.tally.attempts += 1;
        let Some(id) = self.ledger.by_key(request.idempotency_key()) else {
            self.broken("an attempt under a key that no change has");
            return None;
        };
        self.note("attempt", id.number());
        let change = self.ledger.changes[&id].clone();
        if *request != change.request {
            self.broken(format!("{id} is not sent as it was put in, byte for byte"));
        }
        if change.flight != Flight::Claimed {
            self.broken(format!("{id} is attempted, and is {:?}", change.flight));
        }
        if let Some(lane) = &change.lane {
            let mut others = self.ledger.changes.iter();
            let is_other = others.any(|(other, change)| {
                *other != id
                    && change.lane.as_ref() == Some(lane)
                    && change.flight == Flight::UnderWay
            });
            if is_other {
                self.broken(format!("{id} is in flight, and another of its record, too"));
            }
            let last = self.platform.last_attempt.entry(lane.clone()).or_insert(id);
            let is_overtaken = *last > id && !change.was_passed;
            *last = id.max(*last);
            if is_overtaken {
                self.broken(format!("{id} is attempted after a later one of its record"));
            }
        }
        let began = self.tick();
        if began < self.platform.held_until {
            let until = self.platform.held_until;
            self.broken(format!(
                "{id} is sent at {began:?}, before Retry-After passes at {until:?}"
            ));
        }
        let Some(api_key) = self.platform.programs_key else {
            self.set_flight(id, Flight::UnderWay);
            let arrives = Instant::now();
            return Some(self.attempt(id, request, 0, Fate::NoKey, arrives));
        };
        if let Some(since) = self.platform.refused.get(&api_key).copied() {
            let is_only = !self.platform.attempts.values().any(|attempt| {
                !attempt.is_orphan && attempt.answer_is_due() && attempt.began > since
            });
            self.tally.probes += 1;
            if began < since + PROBE || !is_only {
                self.broken(format!(
                    "{id} is sent at {began:?}, though its key is refused since {since:?}"
                ));
            }
        }
        self.set_flight(id, Flight::UnderWay);
        let now = Instant::now();
        let arrives = now + self.chance.millis(1, 900);
        let mut fate = Fate::Answered;
        let mut is_sent = true;
        if self.platform.is_down {
            is_sent = false;
            let gives_up = now + self.chance.millis(1, 3_000);
            let kind = TransportErrorKind::Connect;
            fate = Fate::Unheard { gives_up, kind };
        } else if !self.is_calm && self.chance.one_in(6) {
            is_sent = !self.chance.one_in(4);
            let gives_up = now + self.chance.millis(1, 30_000);
            let kind = self.chance.pick(&[
                TransportErrorKind::Timeout,
                TransportErrorKind::Broken,
                TransportErrorKind::AnswerTooLarge,
            ]);
            fate = Fate::Unheard { gives_up, kind };
        }
        // Some are long under way, and come when nobody waits any more.
        let arrives = match fate {
            Fate::Unheard { .. } => now + self.chance.millis(1, 200_000),
            _ => arrives,
        };
        let number = self.attempt(id, request, api_key, fate, arrives);
        if is_sent {
            self.platform.at(arrives, Event::Arrives(number));
        }
        Some(number)
    }

    fn attempt(
        &mut self,
        change: ChangeId,
        request: &RealtimeRequest,
        api_key: u32,
        fate: Fate,
        arrives: Instant,
    ) -> u64 {
        self.platform.count += 1;
        let number = self.platform.count;
        let attempt = Attempt {
            change,
            key: request.idempotency_key().unwrap().clone(),
            api_key,
            began: self.tick(),
            fate,
            arrives,
            answer: None,
            is_orphan: false,
        };
        self.platform.attempts.insert(number, attempt);
        number
    }

    fn set_flight(&mut self, id: ChangeId, flight: Flight) {
        if let Some(change) = self.ledger.changes.get_mut(&id) {
            change.flight = flight;
        }
    }

    fn arrives(&mut self, number: u64, at: Instant) {
        let Some(attempt) = self.platform.attempts.get(&number).cloned() else {
            return;
        };
        if attempt.is_orphan {
            self.tally.late_arrivals += 1;
        }
        self.note("arrives", attempt.change.number());
        let back = at + self.chance.millis(1, 900);
        let key = attempt.key.as_str();
        // A key that was replaced stays what it was: refused.
        let change = self.ledger.by_key(Some(&attempt.key));
        let is_bad = change.is_none_or(|id| self.ledger.changes[&id].is_bad);
        let answer = if attempt.api_key != self.platform.api_key {
            (back, Reply::Way(401))
        } else if self.platform.has_firewall {
            (back, Reply::Way(self.chance.pick(&[403, 407, 302])))
        } else if self.platform.is_overloaded && self.chance.one_in(2) {
            // With jitter, these stay between two ticks.
            let retry_after = self
                .chance
                .pick(&[None, None, Some(1), Some(5), Some(20), Some(37)]);
            let status = self.chance.pick(&[408, 425, 429, 500, 502, 503, 504]);
            (back, Reply::NotNow(status, retry_after))
        } else if self.platform.carrying_out.contains_key(key) {
            self.tally.in_progress += 1;
            (back, Reply::NotNow(409, None))
        } else if let Some(process_id) = self.platform.accepted.get(key) {
            (back, Reply::Accepted(process_id.clone()))
        } else if is_bad {
            let status = self.chance.pick(&[400, 404, 413, 422, 501]);
            (back, Reply::Final(status))
        } else {
            let takes = match self.chance.one_in(5) && !self.is_calm {
                true => self.chance.millis(1, 60_000),
                false => self.chance.millis(1, 500),
            };
            let key = key.to_owned();
            self.platform
                .carrying_out
                .insert(key.clone(), attempt.change);
            self.platform.at(at + takes, Event::TakesEffect(key));
            (back + takes, Reply::Accepted(format!("p-{number}")))
        };
        if let Reply::Accepted(process_id) = &answer.1 {
            let key = key.to_owned();
            self.platform
                .accepted
                .entry(key)
                .or_insert_with(|| process_id.clone());
        }
        if let Some(attempt) = self.platform.attempts.get_mut(&number) {
            attempt.answer = Some(answer);
        }
    }

    fn takes_effect(&mut self, key: &str) {
        let Some(id) = self.platform.carrying_out.remove(key) else {
            return;
        };
        self.note("takes effect", id.number());
        self.tally.effects += 1;
        let Some(change) = self.ledger.changes.get_mut(&id) else {
            return;
        };
        change.effects += 1;
        let change = change.clone();
        if change.effects > 1 {
            self.broken(format!("{id} has taken effect twice"));
        }
        let Some(lane) = change.lane else { return };
        let last = self.platform.last_effect.entry(lane.clone()).or_insert(id);
        let is_overtaken = *last > id && !change.was_passed;
        *last = id.max(*last);
        if is_overtaken {
            self.broken(format!("{id} takes effect after a later one of its record"));
        }
        match change.request.operation() {
            Operation::Create | Operation::Update => {
                let body = change.request.body().clone();
                self.platform.records.insert(lane, body);
            }
            Operation::Delete => {
                self.platform.records.remove(&lane);
            }
        }
    }

    /// The sender learns how its attempt has ended.
    pub(crate) fn attempt_ends(&mut self, number: u64, reply: &Reply) {
        let Some(attempt) = self.platform.attempts.get_mut(&number) else {
            return;
        };
        attempt.is_orphan = true;
        let (id, began, api_key) = (attempt.change, attempt.began, attempt.api_key);
        let now = self.tick();
        let what = match reply {
            Reply::Accepted(_) => "accepted",
            Reply::Final(_) => "refused for good",
            Reply::Way(_) => "its way refused",
            Reply::NotNow(..) => "refused for now",
            Reply::NoAnswer(_) => "not answered",
            Reply::NoKey => "without a key",
        };
        self.note(what, id.number());
        match reply {
            Reply::Way(status) => {
                let since = self.platform.refused.get(&api_key).copied();
                if since.is_none() {
                    self.tally.pauses += 1;
                    self.tally.pauses_by_key += u64::from(*status == 401);
                }
                // What began before says nothing new, also if it began under a newer key.
                let mut others = self.platform.refused.iter();
                let is_old = others.any(|(key, since)| *key != api_key && *since >= began);
                if !is_old && since.is_none_or(|since| began > since) {
                    self.platform.refused.insert(api_key, now);
                }
            }
            Reply::Accepted(_) | Reply::Final(_) | Reply::NotNow(..) => {
                let since = self.platform.refused.get(&api_key);
                if since.is_some_and(|since| began > *since) {
                    self.platform.refused.remove(&api_key);
                }
            }
            Reply::NoAnswer(_) | Reply::NoKey => {}
        }
        if let Reply::NotNow(_, Some(seconds)) = reply {
            self.tally.holds += 1;
            let until = now + Duration::from_secs(*seconds);
            self.platform.held_until = self.platform.held_until.max(until);
        }
        self.set_flight(id, Flight::Answered(reply.clone()));
    }

    /// Nobody waits for an attempt any more. What is under way may arrive all the same.
    pub(crate) fn attempt_is_dropped(&mut self, number: u64) {
        let is_lost = self.chance.one_in(3);
        let Some(attempt) = self.platform.attempts.get_mut(&number) else {
            return;
        };
        if attempt.is_orphan {
            return;
        }
        attempt.is_orphan = true;
        let id = attempt.change;
        if is_lost {
            let events = &mut self.platform.events;
            events.retain(|_, event| *event != Event::Arrives(number));
        }
        self.note("attempt dropped", id.number());
    }
}

impl Attempt {
    pub(crate) fn api_key(&self) -> u32 {
        self.api_key
    }

    /// Whether its sender waits.
    fn answer_is_due(&self) -> bool {
        !matches!(self.fate, Fate::NoKey)
    }
}
