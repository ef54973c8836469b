//! The seam between the connector and where it remembers what it was told: which processes it has
//! carried out, and which it has promised to.

mod memory;

use std::fmt::{self, Debug};
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::{Duration, SystemTime};

use bytes::Bytes;
use dsync_core::wire::{EntityRequest, Report};
use dsync_core::{EntityId, ProcessId, StateError};
use http::StatusCode;
use twox_hash::XxHash3_128;

pub use memory::MemoryInbox;

/// How long the answer to a process is given again.
pub const KEPT_FOR: Duration = Duration::from_secs(7 * 24 * 60 * 60);

/// What an [`Inbox`] gives: at once, or some time.
///
/// A future of its own, because every request awaits some of them, and what is there needs no box.
///
/// # Examples
///
/// ```
/// use dsync_connector::Keeping;
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), dsync_core::StateError> {
/// assert_eq!(Keeping::now(Ok(7)).await?, 7);
/// assert_eq!(Keeping::later(async { Ok(7) }).await?, 7);
/// # Ok(())
/// # }
/// ```
pub struct Keeping<'a, T>(State<'a, T>);

enum State<'a, T> {
    /// Nothing once it was given.
    Now(Option<Result<T, StateError>>),
    Later(Pin<Box<dyn Future<Output = Result<T, StateError>> + Send + 'a>>),
}

impl<'a, T> Keeping<'a, T> {
    /// What is there already.
    pub fn now(result: Result<T, StateError>) -> Self {
        Self(State::Now(Some(result)))
    }

    /// What has to be waited for.
    pub fn later(future: impl Future<Output = Result<T, StateError>> + Send + 'a) -> Self {
        Self(State::Later(Box::pin(future)))
    }
}

/// What is there is moved out, and never polled in its place.
impl<T> Unpin for Keeping<'_, T> {}

impl<T> Future for Keeping<'_, T> {
    type Output = Result<T, StateError>;

    /// # Panics
    ///
    /// If it is polled after it was ready, as any future may.
    fn poll(self: Pin<&mut Self>, context: &mut std::task::Context<'_>) -> Poll<Self::Output> {
        match &mut self.get_mut().0 {
            State::Now(result) => Poll::Ready(result.take().expect("it is polled once")),
            State::Later(future) => future.as_mut().poll(context),
        }
    }
}

impl<T> Debug for Keeping<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self.0 {
            State::Now(_) => "Keeping::now(..)",
            State::Later(_) => "Keeping::later(..)",
        })
    }
}

/// Remembers processes: those that were carried out, with their answers, those that the connector has
/// promised to carry out, and the reports on them that the platform has not accepted yet.
///
/// What is kept is on stable storage when the future is ready, as far as the inbox has any. One connector
/// uses one inbox. Implementations do not judge and do not count time: every `now` comes in.
pub trait Inbox: Send + Sync + Debug + 'static {
    /// Everything that was promised and is not settled, in the order in which it was promised. Called
    /// once, at the start; may block.
    ///
    /// # Errors
    ///
    /// [`StateError`] if it cannot be read.
    fn promises(&self) -> Result<Vec<Promised>, StateError>;

    /// The last reports that the platform has not accepted yet, oldest first. Called once, at the start;
    /// may block.
    ///
    /// # Errors
    ///
    /// [`StateError`] if they cannot be read.
    fn reports(&self) -> Result<Vec<KeptReport>, StateError>;

    /// What is remembered of a process. What is older than [`KEPT_FOR`] may be forgotten, unless it is
    /// promised and not settled.
    fn seen<'a>(&'a self, id: &'a ProcessId, now: SystemTime) -> Keeping<'a, Option<Seen>>;

    /// What is remembered of a process; if that is nothing, remembers that it is about to be carried out for
    /// the first time. [`seen`](Self::seen) and [`begin`](Self::begin) in one, which is what every request
    /// costs; nobody else asks about the same process meanwhile.
    fn seen_or_begin<'a>(
        &'a self,
        id: &'a ProcessId,
        request: Fingerprint,
        now: SystemTime,
    ) -> Keeping<'a, Option<Seen>> {
        Keeping::later(async move {
            let seen = self.seen(id, now).await?;
            if seen.is_none() {
                self.begin(id, request, 1, now).await?;
            }
            Ok(seen)
        })
    }

    /// Remembers that a process is about to be carried out, the how-manieth time it is, and by which
    /// request. There is no answer yet.
    fn begin<'a>(
        &'a self,
        id: &'a ProcessId,
        request: Fingerprint,
        attempt: u32,
        now: SystemTime,
    ) -> Keeping<'a, ()>;

    /// Remembers the answer to a process that has begun.
    fn answer<'a>(
        &'a self,
        id: &'a ProcessId,
        status: StatusCode,
        body: &'a Bytes,
    ) -> Keeping<'a, ()>;

    /// Forgets a process: it was refused, and changed nothing.
    fn forget<'a>(&'a self, id: &'a ProcessId) -> Keeping<'a, ()>;

    /// Remembers a change that is promised, and the answer to its process, at once. Gives the promise's
    /// number; a later promise has a greater one.
    fn promise<'a>(
        &'a self,
        promise: &'a Promise,
        request: Fingerprint,
        answer: &'a KeptAnswer,
    ) -> Keeping<'a, u64>;

    /// The change that was promised under a number; nothing if it is settled.
    fn promised(&self, number: u64) -> Keeping<'_, Option<Promise>>;

    /// Remembers how often a promised change was tried, the try that is about to begin included, and when
    /// the next may begin.
    fn tried(&self, number: u64, attempts: u32, next: SystemTime) -> Keeping<'_, ()>;

    /// Forgets a promise, and remembers the last report on it, at once. Gives the report's number.
    fn settle<'a>(
        &'a self,
        number: u64,
        report: Option<&'a Report>,
        now: SystemTime,
    ) -> Keeping<'a, Option<u64>>;

    /// Forgets a report: the platform has accepted it, or never will.
    fn reported(&self, number: u64) -> Keeping<'_, ()>;
}

/// A change that the connector has promised to carry out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promise {
    /// The name of the entity.
    pub entity: String,
    /// The request, as it came.
    pub request: EntityRequest,
    /// What the change must not overtake, nor be overtaken by: changes that have one of these in common.
    pub lanes: Vec<String>,
    /// How often it was tried.
    pub attempts: u32,
    /// When it was promised.
    pub since: SystemTime,
    /// When it may be tried next.
    pub next: SystemTime,
}

/// A promise without its body: what is known of it without a look into the store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Promised {
    /// Its number.
    pub number: u64,
    /// As in [`Promise::lanes`].
    pub lanes: Vec<String>,
    /// As in [`Promise::attempts`].
    pub attempts: u32,
    /// As in [`Promise::since`].
    pub since: SystemTime,
    /// As in [`Promise::next`].
    pub next: SystemTime,
}

/// A last report that the platform has not accepted yet.
#[derive(Clone, Debug)]
pub struct KeptReport {
    /// Its number.
    pub number: u64,
    /// What it says.
    pub report: Report,
    /// Since when it is kept.
    pub since: SystemTime,
}

/// What is remembered of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Which request it came with.
    pub request: Fingerprint,
    /// How often it was begun.
    pub attempts: u32,
    /// What was answered. Nothing where the program died meanwhile, or the handler failed.
    pub answer: Option<KeptAnswer>,
}

/// The answer to a process, to be given again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptAnswer {
    /// Its status.
    pub status: StatusCode,
    /// Its body, byte for byte.
    pub body: Bytes,
}

/// What makes two requests of one process the same: the entity, the operation, the id with its field, and
/// the body byte for byte. A digest and not the parts, because a body may have megabytes.
///
/// It is XXH3 of 128 bits, and not a cryptographic one: who could look for two bodies with one fingerprint
/// has the API key, and would gain the answer to his own first request.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Fingerprint([u8; 16]);

impl Fingerprint {
    /// The fingerprint of a request to an entity.
    #[must_use]
    pub fn of(entity: &str, request: &EntityRequest) -> Self {
        let parts = [
            Some(entity.as_bytes()),
            Some(request.access().as_str().as_bytes()),
            request.entity_id().map(EntityId::as_str).map(str::as_bytes),
            request.entity_id_field().map(str::as_bytes),
        ];
        // Its length before each part, so that no two lists of parts are the same bytes; an absent one has a
        // length that no part can have.
        let mut bytes = Vec::with_capacity(256);
        for part in parts {
            let length = part.map_or(u64::MAX, |part| part.len() as u64);
            bytes.extend_from_slice(&length.to_be_bytes());
            bytes.extend_from_slice(part.unwrap_or_default());
        }
        // Of the two digests one, without the two in one buffer: a body may have megabytes.
        bytes.extend_from_slice(&XxHash3_128::oneshot(request.body()).to_be_bytes());
        Self(XxHash3_128::oneshot(&bytes).to_be_bytes())
    }

    /// A fingerprint that was kept.
    #[must_use]
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }

    /// Its bytes, to be kept.
    #[must_use]
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }
}

impl Debug for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fingerprint(")?;
        for byte in &self.0[..4] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("..)")
    }
}
