//! Answers that accept nothing.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use dsync_core::wire::Answer;
use http::StatusCode;
use http::header::LOCATION;

use crate::ending::Ending;

/// An answer that is no success. [`Error`](crate::Error) has its accessors.
pub struct Refused(pub(crate) Box<Answered>);

/// An answer that is a success of HTTP, but not one of a DSYNC platform.
/// [`Error`](crate::Error) has its accessors.
pub struct NoEnvelope(pub(crate) Box<Answered>);

/// What came. Boxed, or every `Result` of the client would be as large as the answer.
pub(crate) struct Answered {
    /// The status that counts: the answer's own, or HTTP's for a redirect.
    pub(crate) status: StatusCode,
    pub(crate) answer: Answer,
    /// How long the answer asks to wait, counted from when it came.
    pub(crate) retry_after: Option<Duration>,
    pub(crate) ending: Ending,
}

impl Answered {
    /// The status as people know it.
    fn write_status(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.status.as_str())?;
        match self.status.canonical_reason() {
            Some(reason) => write!(f, " {reason}"),
            None => Ok(()),
        }
    }

    fn write_message(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.answer.message() {
            Some(message) => write!(f, ": {}", Shown(message)),
            None => Ok(()),
        }
    }

    /// Shows neither the answer's data nor its headers: they may hold what belongs in no log.
    fn debug(&self, name: &str, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct(name)
            .field("status", &self.status)
            .field("message", &self.answer.message().map(cut))
            .finish_non_exhaustive()
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the platform answered ")?;
        self.0.write_status(f)?;
        self.0.ending.fmt(f)?;
        if self.0.status.is_redirection() {
            f.write_str(", a redirect")?;
            let location = self.0.answer.headers().get(LOCATION);
            if let Some(location) = location.and_then(|value| value.to_str().ok()) {
                write!(f, " to {:?}", cut(location))?;
            }
            return f.write_str(
                "; it is not followed, because it would hand the API key to another address: set the realtime address to the right one",
            );
        }
        self.0.write_message(f)
    }
}

impl fmt::Display for NoEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the answer was ")?;
        self.0.write_status(f)?;
        self.0.ending.fmt(f)?;
        f.write_str(
            ", but in no form that a DSYNC platform answers in, so whether the change was accepted is unknown: check the realtime address, and whether a login page or a proxy stands before it",
        )?;
        self.0.write_message(f)
    }
}

impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("Refused", f)
    }
}

impl fmt::Debug for NoEnvelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.debug("NoEnvelope", f)
    }
}

impl StdError for Refused {}

impl StdError for NoEnvelope {}

/// A foreign text, cut, and without what would write a line of its own into a log or steer a terminal.
struct Shown<'a>(&'a str);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // `escape_debug` also escapes these, which are harmless.
        const KEPT: [char; 3] = ['"', '\'', '\\'];

        for piece in cut(self.0).split_inclusive(KEPT) {
            let text = piece.trim_end_matches(KEPT);
            write!(f, "{}", text.escape_debug())?;
            f.write_str(&piece[text.len()..])?;
        }
        Ok(())
    }
}

/// As much of a foreign text as a line of a log takes.
fn cut(text: &str) -> &str {
    const SHOWN: usize = 500;

    text.char_indices()
        .nth(SHOWN)
        .map_or(text, |(end, _)| &text[..end])
}
