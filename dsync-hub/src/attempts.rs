//! Carries out a change once, however often it comes.

use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use dsync_core::IdempotencyKey;
use dsync_core::wire::{RealtimeRequest, Refusal};

use crate::answered::Accepted;
use crate::idempotency::{Begin, Fingerprint, KeptAnswers};

/// The kept answers, for many requests at a time.
#[derive(Debug, Default)]
pub(crate) struct Attempts {
    answers: Mutex<KeptAnswers>,
}

/// How an accepted request came by its answer.
#[derive(Debug)]
pub(crate) struct Outcome {
    pub(crate) accepted: Accepted,
    /// Whether it took effect at an earlier attempt, and not now.
    pub(crate) replayed: bool,
}

impl Attempts {
    /// Carries out a change unless an attempt with the same key did, or is about to.
    pub(crate) fn once(
        &self,
        request: &RealtimeRequest,
        change: impl FnOnce() -> Result<Accepted, Refusal>,
    ) -> Result<Outcome, Refusal> {
        let first = |accepted| Outcome {
            accepted,
            replayed: false,
        };
        let Some(key) = request.idempotency_key() else {
            return change().map(first);
        };
        let begun = self
            .answers()
            .begin(key, Fingerprint::of(request), Instant::now());
        match begun {
            Begin::New => {
                let mut attempt = Attempt {
                    attempts: self,
                    key,
                    accepted: None,
                };
                let accepted = change()?;
                attempt.accepted = Some(accepted.clone());
                Ok(first(accepted))
            }
            Begin::Answered(accepted) => Ok(Outcome {
                accepted,
                replayed: true,
            }),
            Begin::InProgress => Err(Refusal::InProgress),
            Begin::OtherRequest => Err(Refusal::IdempotencyKeyReused),
        }
    }

    fn answers(&self) -> MutexGuard<'_, KeptAnswers> {
        // Each method leaves the answers whole, or ended before it touched them.
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A request with a key while it is carried out. Its end is a drop, so that also a refusal and a
/// panic free the key.
struct Attempt<'a> {
    attempts: &'a Attempts,
    key: &'a IdempotencyKey,
    accepted: Option<Accepted>,
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        let accepted = self.accepted.take();
        self.attempts
            .answers()
            .finish(self.key, accepted, Instant::now());
    }
}
