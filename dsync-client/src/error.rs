//! Why a change was not sent, or not accepted.

use std::time::Duration;

use dsync_core::wire::{InvalidIdField, RecordError};
use dsync_core::{Fault, InvalidEntityId, InvalidEntityToken, TransportError, TransportErrorKind};
use http::header::RETRY_AFTER;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

use crate::refused::Answered;
use crate::{NoEnvelope, Refused};

/// Why a change was not sent, or not accepted.
///
/// Three questions have an answer whatever the variant: what happened ([`Error::status`],
/// [`Error::message`], [`Error::faults`]), whose fault it is (a record's, before anything was sent;
/// the network's; the platform's refusal), and whether to try again ([`Error::is_retryable`]).
///
/// The API key is in none of it: where a peer repeats the key, plainly or as JSON or a URL escapes it,
/// `(hidden)` stands instead, also in [`Error::detail`] and [`Error::headers`]. What else a peer says
/// is given as it came; only `Display` and `Debug` cut it, and escape what would begin a line of its
/// own in a log or steer a terminal.
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
    /// An answer of status 2xx came, but its body is neither empty nor one JSON object: the login page
    /// of a hotel, bytes that a proxy compressed, half an envelope. Most likely it was no DSYNC platform
    /// that answered, but the change may have taken effect.
    #[error(transparent)]
    NoEnvelope(NoEnvelope),
}

impl Error {
    /// The status, where an answer came. It is a 2xx for [`Error::NoEnvelope`].
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.answered().map(|answered| answered.status)
    }

    /// The platform's own words, where an answer came; the start of its text where that was no
    /// envelope. They may have line breaks and control characters.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.answered()?.answer.message()
    }

    /// Whether the same request may succeed later.
    ///
    /// | | |
    /// |---|---|
    /// | yes | no answer came: no connection, time ran out, the connection broke, the answer was too long |
    /// | yes | the answer was a 2xx, but not DSYNC's ([`Error::NoEnvelope`]): a login page goes away |
    /// | yes | 408, 425, 429 |
    /// | yes | 5xx, but not 501 and 505 |
    /// | no | every other answer, redirects among them |
    /// | no | whatever was wrong before anything was sent |
    ///
    /// A change without an answer of DSYNC's may have taken effect: a repeated update or delete does no
    /// harm, a repeated create may create twice.
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport(_) | Self::NoEnvelope(_) => true,
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
    ///
    /// It is a day at most: a longer time reads as a day, because a number without bounds added to a
    /// clock is a panic.
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        const LONGEST: u64 = 24 * 60 * 60;

        let text = self.headers()?.get(RETRY_AFTER)?.to_str().ok()?.trim();
        // `parse` alone would take "+1".
        if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_digit()) {
            return None;
        }
        // Digits that are no `u64` are too many.
        let seconds = text.parse().unwrap_or(LONGEST).min(LONGEST);
        Some(Duration::from_secs(seconds))
    }

    /// The answer's HTTP headers, where an answer came.
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.answered().map(|answered| answered.answer.headers())
    }

    /// The answer's `detail`, as it came.
    #[must_use]
    pub fn detail(&self) -> Option<&RawValue> {
        self.answered()?.answer.detail()
    }

    /// The record's faults, each with its treekey, where the platform names them, as the hub does
    /// (PROTOCOL section 8, ours). Empty otherwise.
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.answered()
            .map(|answered| answered.answer.faults())
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

    fn answered(&self) -> Option<&Answered> {
        match self {
            Self::Refused(Refused(answered)) | Self::NoEnvelope(NoEnvelope(answered)) => {
                Some(answered)
            }
            _ => None,
        }
    }
}
