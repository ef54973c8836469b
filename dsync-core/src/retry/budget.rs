//! How many repetitions may be under way while nothing succeeds.

use std::sync::atomic::{AtomicU32, Ordering};

use super::{Decision, Outcome};

/// Tokens that repetitions cost and successes earn, shared by all that send to one host.
///
/// When a host is down, every change that is sent would be sent several times, and the host would meet
/// a multiple of its load when it comes back. With an empty budget each change is sent once.
///
/// A repetition costs 5 tokens, after a time-out 10, because those hold a connection longest. A change
/// that succeeds at the first attempt earns 1; one that succeeds later gets back what its last
/// repetition cost.
///
/// # Examples
///
/// ```
/// use dsync_core::retry::RetryBudget;
///
/// let budget = RetryBudget::new(12);
/// assert!(budget.spend(5) && budget.spend(5));
/// assert!(!budget.spend(5));
/// budget.earn(100);
/// assert_eq!(budget.tokens(), 12); // never more than it began with
/// ```
#[derive(Debug)]
pub struct RetryBudget {
    capacity: u32,
    tokens: AtomicU32,
}

impl RetryBudget {
    /// The cost of a repetition.
    const REPETITION: u32 = 5;
    /// The cost of a repetition after the time ran out.
    const AFTER_TIMEOUT: u32 = 10;
    /// What a success without repetition earns.
    pub const SUCCESS: u32 = 1;

    /// A full budget. 500 tokens are 100 repetitions.
    #[must_use]
    pub const fn new(capacity: u32) -> Self {
        Self {
            capacity,
            tokens: AtomicU32::new(capacity),
        }
    }

    /// How many tokens there are.
    #[must_use]
    pub fn tokens(&self) -> u32 {
        self.tokens.load(Ordering::Relaxed)
    }

    /// Takes tokens, or none if there are not enough.
    pub fn spend(&self, cost: u32) -> bool {
        self.tokens
            .try_update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                tokens.checked_sub(cost)
            })
            .is_ok()
    }

    /// Adds tokens, up to the capacity.
    pub fn earn(&self, amount: u32) {
        // Nearly every success meets a full budget; then nothing is written that others read.
        if self.tokens() < self.capacity {
            self.tokens
                .update(Ordering::Relaxed, Ordering::Relaxed, |tokens| {
                    tokens.saturating_add(amount).min(self.capacity)
                });
        }
    }

    pub(super) fn cost(outcome: &Outcome<'_>) -> u32 {
        match outcome {
            Outcome::NoAnswer(crate::TransportErrorKind::Timeout) => Self::AFTER_TIMEOUT,
            _ => Self::REPETITION,
        }
    }
}

impl Default for RetryBudget {
    /// 500 tokens.
    fn default() -> Self {
        Self::new(500)
    }
}

impl Decision {
    /// The decision, if the budget still has what it costs; it is spent then.
    #[must_use]
    pub fn paid_from(self, budget: &RetryBudget) -> Self {
        match self {
            Self::Wait { cost, .. } if !budget.spend(cost) => Self::Stop(super::Stop::Budget),
            decision => decision,
        }
    }
}
