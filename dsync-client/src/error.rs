//! Why a change was not sent, or not accepted.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use dsync_core::wire::{Answer, InvalidIdField, RecordError};
use dsync_core::{
    AuthToken, Fault, InvalidEntityId, InvalidEntityToken, TransportError, TransportErrorKind,
};
use http::header::{LOCATION, RETRY_AFTER};
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

use crate::receipt::{Message, without_key};

/// Why a change was not sent, or not accepted.
///
/// Three questions have an answer whatever the variant: what happened ([`Error::status`],
/// [`Error::message`], [`Error::faults`]), whose fault it is (a record's, before anything was sent;
/// the network's; the platform's refusal), and whether to try again ([`Error::is_retryable`]). The
/// API key is in none of it.
///
/// # Examples
///
/// ```no_run
/// # async fn example(client: &dsync_client::Client, token: &dsync_core::EntityToken) {
/// if let Err(error) = client.create_raw(token, r#"{"sku":"sku-1"}"#).await {
///     if error.is_retryable() {
///         let pause = error.retry_after().unwrap_or(std::time::Duration::from_secs(1));
///         println!("again in {pause:?}: {error}");
///     } else {
///         println!("final: {error}");
///         for fault in error.faults() {
///             println!("{fault}"); // product.price must be a number, but is a text
///         }
///     }
/// }
/// # }
/// ```
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The record cannot be written as one JSON object. Nothing was sent.
    #[error(transparent)]
    Record(#[from] RecordError),
    /// The record's id cannot travel in a header. Nothing was sent.
    #[error(transparent)]
    EntityId(#[from] InvalidEntityId),
    /// The name of the record's primary key cannot travel in a header. Nothing was sent.
    #[error(transparent)]
    IdField(#[from] InvalidIdField),
    /// The token in a hand-written layout is none. Nothing was sent.
    #[error(transparent)]
    EntityToken(#[from] InvalidEntityToken),
    /// The record has an id, but no field of its hand-written layout is the primary key. Nothing was
    /// sent.
    #[error(
        "the records of {entity:?} have an id, but no field of its layout is marked as the primary key"
    )]
    NoPrimaryKeyField {
        /// The entity's name.
        entity: &'static str,
    },
    /// No answer came. Unless there was no connection, the change may have taken effect.
    #[error(transparent)]
    Transport(#[from] TransportError),
    /// The platform answered, but did not accept the change.
    #[error(transparent)]
    Refused(Refused),
}

impl Error {
    /// The status, where the platform answered.
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.refused().map(|refused| refused.0.status)
    }

    /// The platform's own words, where it answered; the start of its text where that was no
    /// envelope.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.refused()?.message()
    }

    /// Whether the same request may succeed later.
    ///
    /// | | |
    /// |---|---|
    /// | yes | no answer came: no connection, time ran out, the connection broke, the answer was too long |
    /// | yes | 408, 425, 429 |
    /// | yes | 5xx, but not 501 and 505 |
    /// | no | every other answer, redirects among them |
    /// | no | whatever was wrong before anything was sent |
    ///
    /// A change without an answer may have taken effect: a repeated update or delete does no harm,
    /// a repeated create may create twice.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport(_) => true,
            Self::Refused(refused) => match refused.0.status.as_u16() {
                408 | 425 | 429 => true,
                501 | 505 => false,
                status => (500..600).contains(&status),
            },
            _ => false,
        }
    }

    /// How long the platform asks to wait: the answer's `Retry-After`, where it is a number of
    /// seconds. The other form of that header, a date, is not read.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        let text = self.headers()?.get(RETRY_AFTER)?.to_str().ok()?.trim();
        // `parse` alone would take "+1".
        if !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        text.parse().ok().map(Duration::from_secs)
    }

    /// The answer's HTTP headers, where the platform answered.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.refused().map(|refused| refused.0.answer.headers())
    }

    /// The answer's `detail`, as it came.
    #[must_use]
    pub fn detail(&self) -> Option<&RawValue> {
        self.refused()?.0.answer.detail()
    }

    /// The record's faults, each with its treekey, where the platform names them, as the hub does
    /// (PROTOCOL section 8, ours). Empty otherwise.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.refused()
            .map(|refused| refused.0.answer.faults())
            .unwrap_or_default()
    }

    /// How the network failed, where no answer came.
    #[must_use]
    pub fn transport_kind(&self) -> Option<TransportErrorKind> {
        match self {
            Self::Transport(error) => Some(error.kind()),
            _ => None,
        }
    }

    fn refused(&self) -> Option<&Refused> {
        match self {
            Self::Refused(refused) => Some(refused),
            _ => None,
        }
    }
}

/// An answer that is no success. [`Error`] has its accessors.
// Boxed, or every `Result` of the client would be as large as the answer.
pub struct Refused(Box<Inner>);

struct Inner {
    status: StatusCode,
    answer: Answer,
    message: Message,
    /// Where the peer points to, for a redirect that says so.
    location: Option<String>,
}

impl Refused {
    /// `status` is the one that counts: the answer's own, or HTTP's for a redirect.
    pub(crate) fn new(status: StatusCode, answer: Answer, auth_token: &AuthToken) -> Self {
        let location = answer
            .headers()
            .get(LOCATION)
            .filter(|_| status.is_redirection())
            .and_then(|value| value.to_str().ok())
            .map(|text| cut(&without_key(text, auth_token)).to_owned());
        Self(Box::new(Inner {
            status,
            message: Message::of(&answer, auth_token),
            answer,
            location,
        }))
    }

    fn message(&self) -> Option<&str> {
        self.0.message.get(&self.0.answer)
    }
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.0.status;
        write!(f, "the platform answered {}", status.as_str())?;
        if let Some(reason) = status.canonical_reason() {
            write!(f, " {reason}")?;
        }
        if status.is_redirection() {
            f.write_str(", a redirect")?;
            if let Some(location) = &self.0.location {
                write!(f, " to {location:?}")?;
            }
            return f.write_str(
                "; it is not followed, because it would hand the API key to another address: set the realtime address to the right one",
            );
        }
        match self.message() {
            Some(message) => write!(f, ": {}", cut(message)),
            None => Ok(()),
        }
    }
}

/// Shows neither the answer's data nor its headers: they may hold what belongs in no log.
impl fmt::Debug for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Refused")
            .field("status", &self.0.status)
            .field("message", &self.message().map(cut))
            .finish_non_exhaustive()
    }
}

impl StdError for Refused {}

/// As much of a foreign text as a line of a log takes.
fn cut(text: &str) -> &str {
    const SHOWN: usize = 500;

    text.char_indices()
        .nth(SHOWN)
        .map_or(text, |(end, _)| &text[..end])
}
