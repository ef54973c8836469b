//! How the attempts at a change ended.

use std::fmt;

use dsync_core::retry::Stop;

#[derive(Clone, Copy, Debug)]
pub(crate) struct Ending {
    /// How many attempts there were.
    pub(crate) attempts: u32,
    /// Why there was no other.
    pub(crate) stop: Stop,
}

/// What stands behind an error's message; nothing where one attempt was all there could be.
impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let reason = match self.stop {
            Stop::Deadline => Some("the next would begin behind the deadline"),
            Stop::Budget => Some("too many other changes are being repeated already"),
            Stop::Create => Some("a create that may have taken effect is not to be repeated"),
            _ => None,
        };
        match (self.attempts, reason) {
            (1, None) => Ok(()),
            (1, Some(reason)) => write!(f, " (after 1 attempt: {reason})"),
            (attempts, None) => write!(f, " (after {attempts} attempts)"),
            (attempts, Some(reason)) => write!(f, " (after {attempts} attempts: {reason})"),
        }
    }
}
