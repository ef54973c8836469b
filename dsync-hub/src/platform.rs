//! The hub without a network: a request in, an answer out.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use dsync_core::wire::{
    Operation, RealtimeRequest, Refusal, authenticate, decode_operation, headers,
};
use dsync_core::{AuthToken, Envelope};
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, Method, Request, StatusCode, request};
use serde_json::value::RawValue;

use crate::answered::{About, Accepted, Answered, shown};
use crate::attempts::{Attempts, Outcome};
use crate::entities::Entities;
use crate::random::hex_128;

#[derive(Debug)]
pub(crate) struct Platform {
    auth_token: AuthToken,
    max_body: usize,
    entities: Mutex<Entities>,
    pub(crate) attempts: Attempts,
    answered: AtomicU64,
    changes: AtomicU64,
    history: Option<Mutex<Vec<RealtimeRequest>>>,
}

/// The addresses that exist.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Address {
    Realtime,
    Records,
}

/// A request whose head was found good: only this lets its body be read.
#[derive(Debug)]
pub(crate) struct Admitted {
    address: Address,
    operation: Option<&'static str>,
}

impl Admitted {
    /// Whether the body is to be read. That of a delete means nothing, but is held to the same size
    /// and time as any other: one rule, and a delete that was cut off does nothing.
    pub(crate) fn wants_body(&self) -> bool {
        self.address == Address::Realtime
    }

    /// What is known before the body.
    pub(crate) fn about(&self) -> About {
        About {
            operation: self.operation,
            ..About::default()
        }
    }
}

impl Platform {
    pub(crate) fn new(auth_token: AuthToken, max_body: usize, keeps_history: bool) -> Self {
        Self {
            auth_token,
            max_body,
            entities: Mutex::default(),
            attempts: Attempts::default(),
            answered: AtomicU64::new(0),
            changes: AtomicU64::new(0),
            history: keeps_history.then(Mutex::default),
        }
    }

    pub(crate) fn auth_token(&self) -> &AuthToken {
        &self.auth_token
    }

    pub(crate) fn max_body(&self) -> usize {
        self.max_body
    }

    pub(crate) fn entities(&self) -> MutexGuard<'_, Entities> {
        // A change is a few calls on maps that cannot fail, made after all checks: a panic before
        // them left nothing half done.
        self.entities.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many requests were answered.
    pub(crate) fn answered(&self) -> u64 {
        self.answered.load(Ordering::Relaxed)
    }

    /// How many requests took effect.
    pub(crate) fn changes(&self) -> u64 {
        self.changes.load(Ordering::Relaxed)
    }

    /// What took effect, in its order, if it is kept.
    pub(crate) fn history(&self) -> Vec<RealtimeRequest> {
        // A push leaves nothing half done.
        let lock = |history: &Mutex<Vec<RealtimeRequest>>| {
            let history = history.lock().unwrap_or_else(PoisonError::into_inner);
            history.clone()
        };
        self.history.as_ref().map(lock).unwrap_or_default()
    }

    /// Everything that can be said about a request before its body is there: the address, the API
    /// key, the method and the stated size. From here on the head can be shown: its keys are hidden.
    #[expect(
        clippy::result_large_err,
        reason = "an answer is moved once a request, which a box would not make cheaper"
    )]
    pub(crate) fn admit(&self, head: &mut request::Parts) -> Result<Admitted, Answered> {
        hide_keys(&mut head.headers);
        let address = Address::of(head.uri.path()).ok_or_else(|| no_such_address(head))?;
        let operation = match address {
            Address::Realtime => Operation::from_method(&head.method).map(Operation::as_str),
            Address::Records => Some("read records"),
        };
        let admitted = Admitted { address, operation };
        let refused = |refusal: Refusal| Answered::refused(&refusal, admitted.about());

        authenticate(&head.headers, &self.auth_token).map_err(refused)?;
        match address {
            Address::Realtime => {
                decode_operation(&head.method)
                    .map_err(|refusal| refused(refusal).with_allow("POST, PUT, DELETE"))?;
                if stated_length(&head.headers).is_some_and(|length| length > self.limit()) {
                    return Err(refused(self.too_large()));
                }
            }
            Address::Records if head.method == Method::GET => {}
            Address::Records => {
                let message = format!("the method {} does nothing here: GET reads", head.method);
                return Err(
                    Answered::plain(StatusCode::METHOD_NOT_ALLOWED, message).with_allow("GET")
                );
            }
        }
        Ok(admitted)
    }

    /// Answers a request that was admitted.
    pub(crate) fn finish(&self, admitted: &Admitted, request: &Request<Bytes>) -> Answered {
        let mut about = admitted.about();
        match admitted.address {
            Address::Records => self.read_records(about),
            Address::Realtime => match self.realtime(request, &mut about) {
                Ok(Outcome { accepted, replayed }) => Answered::accepted(accepted, replayed, about),
                Err(refusal) => Answered::refused(&refusal, about),
            },
        }
    }

    /// [`admit`](Self::admit) and [`finish`](Self::finish) in one.
    #[cfg(test)]
    pub(crate) fn handle(&self, request: Request<Bytes>) -> http::Response<Bytes> {
        let (mut head, body) = request.into_parts();
        let answered = match self.admit(&mut head) {
            Ok(admitted) => self.finish(&admitted, &Request::from_parts(head, body)),
            Err(refused) => refused,
        };
        self.count();
        answered.response
    }

    pub(crate) fn count(&self) {
        self.answered.fetch_add(1, Ordering::Relaxed);
    }

    fn realtime(&self, request: &Request<Bytes>, about: &mut About) -> Result<Outcome, Refusal> {
        let request = RealtimeRequest::decode(request)?;
        let name = self
            .entities()
            .by_token(request.entity_token())?
            .name()
            .to_owned();
        about.entity = Some(name);
        self.attempts.once(&request, || self.change(&request))
    }

    fn change(&self, request: &RealtimeRequest) -> Result<Accepted, Refusal> {
        let process_id = hex_128();
        let mut entities = self.entities();
        let unknown_keys = entities
            .by_token(request.entity_token())?
            .change(request, &process_id)?;
        // Counted before the lock is gone: who sees the change sees the count.
        self.changes.fetch_add(1, Ordering::Relaxed);
        if let Some(history) = &self.history {
            let mut history = history.lock().unwrap_or_else(PoisonError::into_inner);
            history.push(request.clone());
        }
        Ok(Accepted {
            process_id,
            unknown_keys,
        })
    }

    fn read_records(&self, about: About) -> Answered {
        let records = RawValue::from_string(self.entities().dump())
            .expect("the dump is JSON around records that were parsed as JSON");
        Answered::new(&Envelope::ok(records), about)
    }

    pub(crate) fn too_large(&self) -> Refusal {
        Refusal::BodyTooLarge {
            limit: self.max_body,
        }
    }

    fn limit(&self) -> u64 {
        u64::try_from(self.max_body).unwrap_or(u64::MAX)
    }
}

impl Address {
    /// Empty segments do not count: DSYNC's own software asks for `//datalayout`.
    fn of(path: &str) -> Option<Self> {
        let mut segments = path.split('/').filter(|segment| !segment.is_empty());
        match (segments.next()?, segments.next()?, segments.next()) {
            ("api", "realtime", None) => Some(Self::Realtime),
            ("hub", "records", None) => Some(Self::Records),
            _ => None,
        }
    }
}

fn no_such_address(head: &request::Parts) -> Answered {
    let path = shown(head.uri.path());
    Answered::plain(
        StatusCode::NOT_FOUND,
        format!(
            "there is nothing at {path:?}: the addresses are /api/realtime (POST, PUT, DELETE) and /hub/records (GET)"
        ),
    )
}

fn stated_length(headers: &HeaderMap) -> Option<u64> {
    headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// Marks every API key that came, so that no log and no error can show it.
fn hide_keys(headers: &mut HeaderMap) {
    for (name, value) in headers.iter_mut() {
        if *name == headers::AUTH_TOKEN {
            value.set_sensitive(true);
        }
    }
}
