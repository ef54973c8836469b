//! The decision: stop, or wait so long.

use std::time::{Duration, SystemTime};

use http::{HeaderMap, StatusCode};

use super::budget::RetryBudget;
use super::pause::{backoff_limit, jitter, retry_after};
use crate::transport::TransportErrorKind;
use crate::wire::Operation;

/// How often, how long and how fast a change is tried.
///
/// | | default |
/// |---|---|
/// | attempts, the first one included | 5 |
/// | first pause | up to 200 ms |
/// | longest pause | up to 10 s |
/// | deadline, from the first attempt on | 90 s |
/// | creates | are repeated |
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use dsync_core::retry::RetryPolicy;
///
/// let patient = RetryPolicy::new()
///     .with_max_attempts(10)
///     .with_deadline(Duration::from_secs(600));
/// let never = RetryPolicy::never();
/// assert_eq!(never.max_attempts(), 1);
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RetryPolicy {
    max_attempts: u32,
    base: Duration,
    longest: Duration,
    deadline: Duration,
    retry_creates: bool,
}

impl RetryPolicy {
    /// The defaults.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            max_attempts: 5,
            base: Duration::from_millis(200),
            longest: Duration::from_secs(10),
            deadline: Duration::from_secs(90),
            retry_creates: true,
        }
    }

    /// One attempt, and no other.
    #[must_use]
    pub const fn never() -> Self {
        Self::new().with_max_attempts(1)
    }

    /// Sets how many attempts there are, the first one included. Zero is one: what is sent is sent.
    #[must_use]
    pub const fn with_max_attempts(mut self, attempts: u32) -> Self {
        self.max_attempts = if attempts == 0 { 1 } else { attempts };
        self
    }

    /// Sets the limit of the first pause and that of the longest. Each pause is any time from zero to
    /// a limit that doubles from the one to the other. More than a day is a day.
    #[must_use]
    pub const fn with_backoff(mut self, first: Duration, longest: Duration) -> Self {
        self.base = first;
        self.longest = longest;
        self
    }

    /// Sets the time after which no attempt begins, from the beginning of the first. An attempt that
    /// has begun ends by then too, where the transport keeps its time limit.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Says whether a create is sent again although it may have taken effect.
    ///
    /// With `false` it is sent again only if there was no connection, or the answer was 425 or 429,
    /// which say that nothing was carried out. That is for a peer of which it is not known whether it
    /// reads the idempotency key.
    #[must_use]
    pub const fn with_retry_creates(mut self, retry: bool) -> Self {
        self.retry_creates = retry;
        self
    }

    /// How many attempts there are, the first one included.
    #[must_use]
    pub const fn max_attempts(&self) -> u32 {
        self.max_attempts
    }

    /// The time after which no attempt begins.
    #[must_use]
    pub const fn deadline(&self) -> Duration {
        self.deadline
    }

    /// What is left of the deadline, for the time limit of the next attempt.
    #[must_use]
    pub const fn remaining(&self, elapsed: Duration) -> Duration {
        self.deadline.saturating_sub(elapsed)
    }

    /// Decides what follows an attempt that was not accepted.
    ///
    /// # Examples
    ///
    /// ```
    /// use std::time::{Duration, SystemTime};
    ///
    /// use dsync_core::retry::{Attempt, Decision, Outcome, RetryPolicy, Stop};
    /// use dsync_core::wire::Operation;
    ///
    /// let mut headers = http::HeaderMap::new();
    /// headers.insert("retry-after", "3".parse()?);
    /// let mut attempt = Attempt {
    ///     operation: Operation::Update,
    ///     number: 1,
    ///     elapsed: Duration::from_secs(1),
    ///     outcome: Outcome::Answered { status: http::StatusCode::TOO_MANY_REQUESTS, headers: &headers },
    ///     now: SystemTime::now(),
    ///     random: 0,
    /// };
    /// let Decision::Wait { pause, .. } = RetryPolicy::new().decide(&attempt) else { panic!() };
    /// assert_eq!(pause, Duration::from_secs(3));
    ///
    /// attempt.number = 5;
    /// assert_eq!(RetryPolicy::new().decide(&attempt), Decision::Stop(Stop::Attempts));
    /// # Ok::<(), http::header::InvalidHeaderValue>(())
    /// ```
    #[must_use]
    pub fn decide(&self, attempt: &Attempt<'_>) -> Decision {
        let Attempt {
            operation,
            number,
            elapsed,
            outcome,
            now,
            random,
        } = attempt;
        if !outcome.may_succeed_later(*number) {
            return Decision::Stop(Stop::Final);
        }
        let is_create = *operation == Operation::Create;
        if is_create && !self.retry_creates && outcome.may_have_taken_effect() {
            return Decision::Stop(Stop::Create);
        }
        if *number >= self.max_attempts {
            return Decision::Stop(Stop::Attempts);
        }
        let asked = match outcome {
            Outcome::Answered { headers, .. } => retry_after(headers, *now).unwrap_or_default(),
            Outcome::NoAnswer(_) => Duration::ZERO,
        };
        let limit = backoff_limit(self.base, self.longest, *number);
        let pause = asked.saturating_add(jitter(limit, *random));
        if pause >= self.remaining(*elapsed) {
            return Decision::Stop(Stop::Deadline);
        }
        Decision::Wait {
            pause,
            cost: RetryBudget::cost(outcome),
        }
    }
}

impl Default for RetryPolicy {
    fn default() -> Self {
        Self::new()
    }
}

/// An attempt that was not accepted, and what is known around it.
#[derive(Clone, Copy, Debug)]
pub struct Attempt<'a> {
    /// What was to happen to the record.
    pub operation: Operation,
    /// Which attempt it was, from 1.
    pub number: u32,
    /// The time since the first attempt began.
    pub elapsed: Duration,
    /// How it ended.
    pub outcome: Outcome<'a>,
    /// The date and time, which a `Retry-After` may be held against.
    pub now: SystemTime,
    /// A random number, all values alike.
    pub random: u64,
}

/// How an attempt ended that was not accepted.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub enum Outcome<'a> {
    /// No answer came.
    NoAnswer(TransportErrorKind),
    /// An answer came that accepts nothing. A status of 2xx is that of an answer that is none of
    /// DSYNC's.
    Answered {
        /// The status that counts.
        status: StatusCode,
        /// The answer's headers.
        headers: &'a HeaderMap,
    },
}

impl Outcome<'_> {
    fn may_succeed_later(&self, attempt: u32) -> bool {
        match self {
            Self::NoAnswer(_) => true,
            // Only our own repetition can meet our own first attempt.
            Self::Answered { status, .. } if *status == StatusCode::CONFLICT => attempt > 1,
            Self::Answered { status, .. } => is_retryable(*status),
        }
    }

    fn may_have_taken_effect(&self) -> bool {
        match self {
            Self::NoAnswer(kind) => *kind != TransportErrorKind::Connect,
            Self::Answered { status, .. } => !matches!(status.as_u16(), 425 | 429),
        }
    }
}

/// Whether a change that was answered so, and not accepted, may be accepted later: 408, 425, 429, any
/// 5xx but 501 and 505, and a 2xx that was no answer of DSYNC's.
///
/// # Examples
///
/// ```
/// use dsync_core::retry::is_retryable;
/// use http::StatusCode;
///
/// assert!(is_retryable(StatusCode::SERVICE_UNAVAILABLE));
/// assert!(!is_retryable(StatusCode::BAD_REQUEST));
/// ```
#[must_use]
pub fn is_retryable(status: StatusCode) -> bool {
    match status.as_u16() {
        408 | 425 | 429 => true,
        501 | 505 => false,
        status => (200..300).contains(&status) || (500..600).contains(&status),
    }
}

/// What follows an attempt that was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// There is no further attempt.
    Stop(Stop),
    /// The next attempt begins after a pause.
    Wait {
        /// How long.
        pause: Duration,
        /// What the repetition costs of a [`RetryBudget`].
        cost: u32,
    },
}

/// Why there is no further attempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Stop {
    /// The same request would not succeed later either.
    Final,
    /// It is a create that may have taken effect, and those are not to be repeated.
    Create,
    /// All attempts were made.
    Attempts,
    /// The pause would end behind the deadline.
    Deadline,
    /// Too many changes are being repeated already.
    Budget,
}
