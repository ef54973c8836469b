//! A platform that answers as the test says.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bytes::Bytes;
use dsync_core::wire::{Answer, RealtimeRequest};
use dsync_core::{Carried, Carrier, Carrying, KeyCheck, TransportError, TransportErrorKind};
use http::Response;
use tokio::time::{Instant, sleep};

type Script = dyn Fn(&str, u32) -> Reply + Send + Sync;

/// How an attempt ends, and after what time.
pub(super) struct Reply {
    after: Duration,
    how: How,
}

enum How {
    Answer(Response<Bytes>),
    NoAnswer(TransportErrorKind),
    NoKey,
    Panic,
}

impl Reply {
    fn new(how: How) -> Self {
        Self {
            after: Duration::ZERO,
            how,
        }
    }

    pub(super) fn accepted() -> Self {
        let body = r#"{"status":200,"message":"OK","detail":[],"data":{"process_id":"p-1"}}"#;
        Self::new(How::Answer(Response::new(body.into())))
    }

    /// An envelope that says so.
    pub(super) fn refused(status: u16) -> Self {
        let body = format!(r#"{{"status":{status},"message":"no {status}","detail":{{"a":1}}}}"#);
        Self::text(status, body)
    }

    /// Whatever text.
    pub(super) fn text(status: u16, body: impl Into<Bytes>) -> Self {
        let mut response = Response::new(body.into());
        *response.status_mut() = status.try_into().unwrap();
        Self::new(How::Answer(response))
    }

    pub(super) fn no_answer(kind: TransportErrorKind) -> Self {
        Self::new(How::NoAnswer(kind))
    }

    pub(super) fn no_connection() -> Self {
        Self::no_answer(TransportErrorKind::Connect)
    }

    pub(super) fn no_key() -> Self {
        Self::new(How::NoKey)
    }

    pub(super) fn panic() -> Self {
        Self::new(How::Panic)
    }

    pub(super) fn after(self, after: Duration) -> Self {
        Self { after, ..self }
    }

    pub(super) fn retry_after(mut self, seconds: u64) -> Self {
        if let How::Answer(response) = &mut self.how {
            response
                .headers_mut()
                .insert("retry-after", seconds.to_string().parse().unwrap());
        }
        self
    }

    fn carried(self) -> Carried {
        match self.how {
            How::Answer(response) => {
                let answer = Answer::decode(response);
                let status = answer.status();
                if status.is_success() && answer.is_envelope() {
                    Carried::Accepted(answer)
                } else {
                    Carried::Refused { status, answer }
                }
            }
            How::NoAnswer(kind) => Carried::NoAnswer(TransportError::new(kind, None)),
            How::NoKey => Carried::NoAuthToken("the vault is sealed".into()),
            How::Panic => panic!("the carrier is broken"),
        }
    }
}

#[derive(Clone)]
pub(super) struct FakeCarrier {
    script: Arc<Script>,
    seen: Arc<Mutex<Seen>>,
    began: Instant,
}

#[derive(Default)]
struct Seen {
    attempts: Vec<(String, Duration)>,
    in_flight: usize,
    most_in_flight: usize,
    key_checks: Vec<Duration>,
    has_new_key: bool,
}

impl FakeCarrier {
    pub(super) fn new(script: impl Fn(&str, u32) -> Reply + Send + Sync + 'static) -> Self {
        Self {
            script: Arc::new(script),
            seen: Arc::default(),
            began: Instant::now(),
        }
    }

    /// Records and times of the attempts, in their order.
    pub(super) fn attempts(&self) -> Vec<(String, Duration)> {
        self.seen.lock().unwrap().attempts.clone()
    }

    pub(super) fn count(&self) -> usize {
        self.seen.lock().unwrap().attempts.len()
    }

    pub(super) fn in_flight(&self) -> usize {
        self.seen.lock().unwrap().in_flight
    }

    pub(super) fn most_in_flight(&self) -> usize {
        self.seen.lock().unwrap().most_in_flight
    }

    /// Forgets how many there were in flight.
    pub(super) fn reset_most(&self) {
        let mut seen = self.seen.lock().unwrap();
        seen.most_in_flight = seen.in_flight;
    }

    pub(super) fn key_checks(&self) -> Vec<Duration> {
        self.seen.lock().unwrap().key_checks.clone()
    }

    pub(super) fn has_new_key_from_now_on(&self) {
        self.seen.lock().unwrap().has_new_key = true;
    }
}

impl Carrier for FakeCarrier {
    fn carry<'a>(&'a self, request: &'a RealtimeRequest) -> Carrying<'a> {
        Box::pin(async move {
            let record = request.entity_id().unwrap().as_str().to_owned();
            let reply = {
                let mut seen = self.seen.lock().unwrap();
                seen.attempts.push((record.clone(), self.began.elapsed()));
                seen.in_flight += 1;
                seen.most_in_flight = seen.most_in_flight.max(seen.in_flight);
                let mut counts: HashMap<&str, u32> = HashMap::new();
                for (record, _) in &seen.attempts {
                    *counts.entry(record).or_default() += 1;
                }
                (self.script)(&record, counts[&*record])
            };
            if !reply.after.is_zero() {
                sleep(reply.after).await;
            }
            self.seen.lock().unwrap().in_flight -= 1;
            reply.carried()
        })
    }

    fn has_new_key(&self) -> KeyCheck<'_> {
        Box::pin(async {
            let mut seen = self.seen.lock().unwrap();
            seen.key_checks.push(self.began.elapsed());
            seen.has_new_key
        })
    }
}
