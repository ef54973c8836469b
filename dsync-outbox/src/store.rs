//! The seam between the outbox and where it is kept.

use std::fmt::Debug;
use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dsync_core::wire::RealtimeRequest;
use dsync_core::{EntityId, IdempotencyKey};

use crate::{ChangeId, Counts, Entry, Failure, Filter, StoreError};

/// What the calls of a store give, some time.
pub type Storing<'a, T> = Pin<Box<dyn Future<Output = Result<T, StoreError>> + Send + 'a>>;

/// Keeps the changes of an outbox on stable storage.
///
/// Many programs may add changes to one store; one at a time, the holder of the [lease](Self::lease),
/// takes them out. Every call is all or nothing, and what it has done is on stable storage when it
/// returns `Ok`. If the future of a call is dropped, the call may be carried out or not.
///
/// # Lanes
///
/// Changes of the same entity token and [record](NewChange::record) form a lane; one without a record is a
/// lane of its own. Within a lane the order is that of the numbers, which is that of the commits. A dead
/// letter that [holds](crate::State::Dead) keeps all that follow it in its lane from being claimed.
///
/// # Coalescing
///
/// [`add`](Self::add) looks at the last open change of the lane. If that was never claimed, and both it
/// and the new one are [whole](Coalescing), then it is superseded by the new one:
///
/// | last | new | becomes |
/// |---|---|---|
/// | create | update | a create with the new body |
/// | update | update | an update with the new body |
/// | create | delete | nothing, if both say that [nobody else publishes](Coalescing::SolePublisher) |
///
/// Everything else stays as it is. A create and a delete are both sent without that: the record may be
/// known to the platform from elsewhere, so the delete has to be; and a platform that does not know it may
/// refuse a delete without the create.
pub trait OutboxStore: Send + Sync + Debug {
    /// Keeps a change.
    fn add(&self, change: NewChange) -> Storing<'_, Added>;

    /// Takes the lease: from now on, and until it is dropped or its program ends however that may be,
    /// this is the one who takes changes out.
    ///
    /// An error of kind [`Leased`](crate::StoreErrorKind::Leased) says that somebody else has it.
    fn lease(&self) -> Storing<'_, Box<dyn Lease>>;

    /// How many changes stand how, of all or of those up to a number.
    fn counts(&self, up_to: Option<ChangeId>) -> Storing<'_, Counts>;

    /// The number of the last change that was added, if there ever was one.
    fn last(&self) -> Storing<'_, Option<ChangeId>>;

    /// Whether a change up to a number is pending and not held: something will happen to it by itself.
    fn is_moving(&self, up_to: ChangeId) -> Storing<'_, bool>;

    /// Up to `limit` changes after a number, by their numbers, without their bodies.
    fn list(
        &self,
        filter: Filter,
        after: Option<ChangeId>,
        limit: usize,
    ) -> Storing<'_, Vec<Entry>>;

    /// A change, as long as it is open or remembered.
    fn show(&self, id: ChangeId) -> Storing<'_, Option<Entry>>;

    /// Does something about a dead letter. An error of kind
    /// [`Refused`](crate::StoreErrorKind::Refused) says that there is none of this number.
    fn mend(&self, id: ChangeId, mending: Mending) -> Storing<'_, ()>;

    /// Retries all dead letters, as [`Mending::Retry`] does one. Gives how many. If it fails, some of them may
    /// be retried all the same.
    fn retry_all(&self) -> Storing<'_, u64>;

    /// Forgets changes that ended before a time, up to `limit`. Gives how many.
    fn forget(&self, before: SystemTime, limit: usize) -> Storing<'_, u64>;
}

/// The right to take changes out of a store.
///
/// It knows which changes are claimed and not settled, and so which lanes are busy. When it is dropped,
/// whatever was claimed and not settled is pending, and counts as attempted.
pub trait Lease: Send + Debug {
    /// Settles attempts that have ended, and claims changes for the next ones, in one step.
    ///
    /// Claimed are the first changes of lanes of which nothing is claimed, which no dead letter holds, and
    /// whose pause has passed: oldest first, those that were never attempted before those that were, but for a
    /// part of them that makes sure nothing starves. On stable storage is also that they are claimed:
    /// they are never coalesced again.
    ///
    /// After an error nothing is settled and nothing claimed: settle again.
    fn advance(&mut self, settled: Vec<Settled>, claim: Claim) -> Storing<'_, Advanced>;

    /// Whether changes may have come from elsewhere since the last [`advance`](Self::advance): from another
    /// program, from a transaction of the user's. It is asked several times a second.
    fn has_news(&mut self) -> Storing<'_, bool>;
}

/// A change on its way into a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewChange {
    /// The record's primary key, by which its changes stay in order; nothing where it has none.
    pub record: Option<EntityId>,
    /// The change.
    pub request: RealtimeRequest,
    /// What names it on every attempt.
    pub idempotency_key: IdempotencyKey,
    /// What may become of it.
    pub coalescing: Coalescing,
    /// The date and time.
    pub now: SystemTime,
}

/// Whether a change may be put together with another of the same record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Coalescing {
    /// No: it may not say all there is to the record.
    Never,
    /// Yes: it is of a whole record.
    Whole,
    /// Yes, and moreover nobody else publishes the record, and it is created once: so a create that was not
    /// sent, and a delete, are nothing.
    SolePublisher,
}

/// A change that was added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Added {
    /// Its number.
    pub id: ChangeId,
    /// The change that it has superseded.
    pub superseded: Option<ChangeId>,
    /// Whether there is nothing to send: it took back a create that was not sent. Then it is delivered
    /// already.
    pub needs_no_sending: bool,
}

impl Added {
    /// A change that is to be sent.
    #[must_use]
    pub fn new(id: ChangeId, superseded: Option<ChangeId>) -> Self {
        Self {
            id,
            superseded,
            needs_no_sending: false,
        }
    }

    /// A delete of what was never sent.
    #[must_use]
    pub fn needs_no_sending(id: ChangeId, superseded: ChangeId) -> Self {
        Self {
            id,
            superseded: Some(superseded),
            needs_no_sending: true,
        }
    }
}

/// What is to be claimed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Claim {
    /// How many changes at most. Zero only settles.
    pub limit: usize,
    /// The time since the lease was taken, by a clock that never goes back.
    pub elapsed: Duration,
    /// The date and time.
    pub now: SystemTime,
}

/// What came of a step.
#[derive(Clone, Debug, Default)]
#[non_exhaustive]
pub struct Advanced {
    /// Changes to be attempted now.
    pub claimed: Vec<Claimed>,
    /// When the next pause ends, on the clock of [`Claim::elapsed`].
    pub next: Option<Duration>,
    /// Whether the step was cut short, so another one may claim more.
    pub has_more: bool,
}

/// A change to be attempted.
#[derive(Clone, Debug)]
pub struct Claimed {
    /// Its number.
    pub id: ChangeId,
    /// The change, with its idempotency key.
    pub request: RealtimeRequest,
    /// The record's primary key.
    pub record: Option<EntityId>,
    /// Which attempt it is, from 1. One that its program did not survive counts.
    pub attempt: u32,
    /// When it was put in.
    pub enqueued: SystemTime,
    /// When it was claimed for the first time; a claim that was settled as
    /// [unattempted](Settlement::Unattempted) is none.
    pub first_attempt: SystemTime,
}

/// A change that was claimed, and whose attempt has ended.
#[derive(Clone, Debug)]
pub struct Settled {
    /// Its number.
    pub id: ChangeId,
    /// How it ended.
    pub settlement: Settlement,
}

/// How an attempt ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Settlement {
    /// It was accepted.
    Delivered {
        /// The name under which the platform reports on it, if it gave one.
        process_id: Option<String>,
    },
    /// It was not accepted, and is tried again.
    Again {
        /// When at the earliest, on the clock of [`Claim::elapsed`].
        at: Duration,
        /// Why.
        failure: Failure,
    },
    /// It is refused for good.
    Dead {
        /// Whether what follows in its lane has to wait.
        holds: bool,
        /// Why.
        failure: Failure,
    },
    /// There was no attempt: it was claimed for nothing.
    Unattempted,
}

/// What is done about a dead letter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Mending {
    /// It is pending again, with the same idempotency key. Its attempts so far count as one, and the next
    /// one is the first by its time: a retry policy begins anew, but for knowing that it was tried before.
    Retry,
    /// As [`Retry`](Self::Retry), with another body, and so with another idempotency key.
    Edit {
        /// The record's JSON.
        body: Bytes,
        /// The new key.
        idempotency_key: IdempotencyKey,
    },
    /// It stays dead, but what follows in its lane does not wait any more.
    Pass,
    /// It is dropped.
    Drop,
}
