//! Whether a change that was not accepted is sent again, and when.
//!
//! [`RetryPolicy::decide`] is a function without I/O, clock or chance: all of that comes in as an
//! [`Attempt`]. The client, and whoever else sends, waits as it is told and asks again.
//!
//! # What is tried again
//!
//! | what happened | again? |
//! |---|---|
//! | no answer: no connection, time ran out, the connection broke, the answer was too long | yes |
//! | a 2xx that is no answer of DSYNC's, a login page for instance | yes |
//! | 408, 425, 429 | yes |
//! | 5xx, but not 501 and 505 | yes |
//! | 409 to a second or later attempt: the first is still being carried out (PROTOCOL section 8, ours) | yes |
//! | any other answer, redirects among them | no |
//!
//! Every attempt at a change carries the same [`IdempotencyKey`](crate::IdempotencyKey), so a peer
//! that knows it carries the change out once. Of a peer that does not know it, only
//! [`RetryPolicy::with_retry_creates`] keeps a create from happening twice.
//!
//! # How long
//!
//! Any time from zero to a limit that doubles with each attempt (full jitter), on top of what the
//! answer's `Retry-After` asks for. A pause that would end behind the deadline is not begun.

mod budget;
mod pause;
mod policy;
#[cfg(test)]
mod tests;

pub use budget::RetryBudget;
pub use pause::retry_after;
pub use policy::{Attempt, Decision, Outcome, RetryPolicy, Stop, is_retryable};
