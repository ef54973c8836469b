//! Which changes took effect, by the idempotency keys that came with them.
//!
//! Neither a clock nor a lock is here: who asks says what time it is.

use std::collections::hash_map::Entry;
use std::collections::{HashMap, VecDeque};
use std::time::{Duration, Instant};

use dsync_core::wire::RealtimeRequest;
use dsync_core::{EntityId, IdempotencyKey};
use sha2::{Digest, Sha256};

use crate::answered::Accepted;

/// How long an answer is kept.
pub(crate) const KEPT_FOR: Duration = Duration::from_secs(24 * 60 * 60);

/// The answers to changes that took effect, and the changes that are being carried out.
#[derive(Debug, Default)]
pub(crate) struct KeptAnswers {
    by_key: HashMap<IdempotencyKey, Kept>,
    /// The answered ones, in the order in which their time runs out.
    by_age: VecDeque<(Instant, IdempotencyKey)>,
}

#[derive(Debug)]
struct Kept {
    fingerprint: Fingerprint,
    /// None while the request is being carried out.
    accepted: Option<Accepted>,
}

/// What a key says about the request that came with it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Begin {
    /// It is the first, or none before it took effect. From now on it is in progress.
    New,
    /// The same request is being carried out.
    InProgress,
    /// The same request took effect, and this was the answer.
    Answered(Accepted),
    /// The key is that of another request.
    OtherRequest,
}

impl KeptAnswers {
    /// Asks about a request. If it is [`Begin::New`], [`finish`](Self::finish) has to follow.
    pub(crate) fn begin(
        &mut self,
        key: &IdempotencyKey,
        fingerprint: Fingerprint,
        now: Instant,
    ) -> Begin {
        self.forget_old(now);
        match self.by_key.entry(key.clone()) {
            Entry::Vacant(free) => {
                free.insert(Kept {
                    fingerprint,
                    accepted: None,
                });
                Begin::New
            }
            Entry::Occupied(held) if held.get().fingerprint != fingerprint => Begin::OtherRequest,
            Entry::Occupied(held) => match &held.get().accepted {
                Some(accepted) => Begin::Answered(accepted.clone()),
                None => Begin::InProgress,
            },
        }
    }

    /// Keeps the answer of a request that took effect. One that had none frees its key: it changed
    /// nothing, so the next request with the key is a first one, also with another body.
    pub(crate) fn finish(
        &mut self,
        key: &IdempotencyKey,
        accepted: Option<Accepted>,
        now: Instant,
    ) {
        if accepted.is_none() {
            self.by_key.remove(key);
        } else if let Some(kept) = self.by_key.get_mut(key) {
            kept.accepted = accepted;
            self.by_age.push_back((now, key.clone()));
        }
    }

    /// Looks at the oldest only, so a request pays for nothing but what it frees.
    fn forget_old(&mut self, now: Instant) {
        while let Some((_, key)) = self
            .by_age
            .pop_front_if(|(answered, _)| now.saturating_duration_since(*answered) >= KEPT_FOR)
        {
            self.by_key.remove(&key);
        }
    }
}

/// What makes two requests the same: the operation, the entity, the id with its field, and the body
/// byte for byte. A digest and not the parts, because a body may have megabytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fingerprint([u8; 32]);

impl Fingerprint {
    pub(crate) fn of(request: &RealtimeRequest) -> Self {
        let parts = [
            Some(request.operation().as_str().as_bytes()),
            Some(request.entity_token().as_str().as_bytes()),
            request.entity_id().map(EntityId::as_str).map(str::as_bytes),
            request.entity_id_field().map(str::as_bytes),
            Some(request.body()),
        ];
        let mut digest = Sha256::new();
        for part in parts {
            // Its length before each part, so that no two lists of parts are the same bytes; an
            // absent one has a length that no part can have.
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            digest.update(length.to_be_bytes());
            digest.update(part.unwrap_or_default());
        }
        Self(digest.finalize().into())
    }
}
