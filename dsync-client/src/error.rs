//! Why a change was not sent, or not accepted.

use std::error::Error as StdError;
use std::time::Duration;

use dsync_core::wire::{InvalidIdField, RecordError};
use dsync_core::{
    ChangeError, Fault, InvalidEntityId, InvalidEntityToken, TransportErrorKind, retry,
};
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

use crate::ending::Ending;
use crate::refused::Answered;
use crate::{NoEnvelope, Refused, Unanswered};

/// Why a change was not sent, or not accepted.
///
/// Three questions have an answer whatever the variant: what happened ([`Error::status`],
/// [`Error::message`], [`Error::faults`]), whose fault it is (a record's, before anything was sent;
/// the network's; the platform's refusal), and whether to try again ([`Error::is_retryable`]) after
/// what the client did already ([`Error::attempts`], [`Error::stop`]).
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
    /// The entity is switched off: it has no job, so nobody wants its changes. Nothing was sent. Only a
    /// client that is told to [refuse](crate::ClientBuilder::refuse_switched_off) gives it.
    #[error(
        "the entity {entity:?} is switched off: link it with a job on the platform's canvas, or let the client send all the same"
    )]
    SwitchedOff {
        /// The entity's name.
        entity: &'static str,
    },
    /// The platform recognises records of the entity by another field than the primary key, and that
    /// field's value is not at hand. Nothing was sent.
    #[error(
        "the platform knows the records of {entity:?} by their {shared_key:?}, so the value of the primary key says nothing there: delete with the whole record, or send a request that names that field"
    )]
    SharedKey {
        /// The entity's name.
        entity: &'static str,
        /// The field.
        shared_key: String,
    },
    /// The shared key of the record holds a value that cannot name it. Nothing was sent.
    #[error(
        "the record's {shared_key:?}, by which the platform knows the records of {entity:?}, must be a text, an integer or a boolean, but is {found}"
    )]
    SharedKeyValue {
        /// The entity's name.
        entity: &'static str,
        /// The field.
        shared_key: String,
        /// What the value is.
        found: &'static str,
    },
    /// The API key could not be had. Nothing was sent.
    #[error("the API key could not be had from its provider")]
    NoAuthToken(#[source] Box<dyn StdError + Send + Sync>),
    /// No answer came. Unless there was no connection, the change may have taken effect.
    #[error(transparent)]
    Transport(Unanswered),
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
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert_eq!(error.status().unwrap(), 503);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> Option<StatusCode> {
        self.answered().map(|answered| answered.status)
    }

    /// The platform's own words, where an answer came; the start of its text where that was no
    /// envelope. They may have line breaks and control characters.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert_eq!(error.message(), Some("Closed for today"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.answered()?.answer.message()
    }

    /// Whether the same request may succeed later. The client has tried again already, as its
    /// [policy](dsync_core::retry::RetryPolicy) says; this is for whoever keeps the change for later.
    ///
    /// | | |
    /// |---|---|
    /// | yes | no answer came: no connection, time ran out, the connection broke, the answer was too long |
    /// | yes | the answer was a 2xx, but not DSYNC's ([`Error::NoEnvelope`]): a login page goes away |
    /// | yes | 408, 425, 429 |
    /// | yes | 5xx, but not 501 and 505 |
    /// | yes | 409 to a repeated attempt: the first is still being carried out |
    /// | yes | the provider of the API key failed |
    /// | no | every other answer, redirects among them |
    /// | no | whatever else was wrong before anything was sent |
    ///
    /// A change without an answer of DSYNC's may have taken effect. A repeated update or delete does no
    /// harm; a create that is made anew, and so has another idempotency key, may create twice. To name
    /// it yourself, [send](crate::Client::send) a request with a key of your own.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert!(error.is_retryable()); // a 503
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_retryable(&self) -> bool {
        match self {
            Self::Transport(_) | Self::NoEnvelope(_) | Self::NoAuthToken(_) => true,
            Self::Refused(Refused(answered)) => {
                // What was tried again may be tried again; a 409 to a repetition among them.
                let was_final = answered.ending.stop == retry::Stop::Final;
                match answered.status {
                    StatusCode::CONFLICT => !was_final,
                    status => retry::is_retryable(status),
                }
            }
            _ => false,
        }
    }

    /// How long the platform asked to wait, counted from when its answer came: the answer's
    /// `Retry-After`, as seconds or as a date. It is a day at most.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert_eq!(error.retry_after(), Some(Duration::from_secs(600)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn retry_after(&self) -> Option<Duration> {
        self.answered()?.retry_after
    }

    /// How many attempts there were. Zero where nothing was sent.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert_eq!(error.attempts(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.ending().map_or(0, |ending| ending.attempts)
    }

    /// Why there was no further attempt, where something was sent.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert_eq!(error.stop(), Some(Stop::Deadline)); // ten minutes are too long to wait
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn stop(&self) -> Option<retry::Stop> {
        self.ending().map(|ending| ending.stop)
    }

    /// The answer's HTTP headers, where an answer came.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert_eq!(error.headers().unwrap()["retry-after"], "600");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn headers(&self) -> Option<&HeaderMap> {
        self.answered().map(|answered| answered.answer.headers())
    }

    /// The answer's `detail`, as it came.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert!(error.detail().unwrap().get().contains("faults"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn detail(&self) -> Option<&RawValue> {
        self.answered()?.answer.detail()
    }

    /// The record's faults, each with its treekey, where the platform names them, as the hub does
    /// (PROTOCOL section 8, ours). Empty otherwise.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert_eq!(error.faults()[0].treekey(), "product.price");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn faults(&self) -> Vec<Fault> {
        self.answered()
            .map(|answered| answered.answer.faults())
            .unwrap_or_default()
    }

    /// How the network failed, where no answer came.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/refused.txt")]
    /// assert_eq!(error.transport_kind(), None); // there was an answer
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn transport_kind(&self) -> Option<TransportErrorKind> {
        match self {
            Self::Transport(error) => Some(error.kind()),
            _ => None,
        }
    }

    fn ending(&self) -> Option<Ending> {
        match self {
            Self::Transport(unanswered) => Some(unanswered.ending),
            _ => self.answered().map(|answered| answered.ending),
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

/// A change that could not be put together. Nothing was sent.
impl From<ChangeError> for Error {
    fn from(error: ChangeError) -> Self {
        match error {
            ChangeError::Record(error) => Self::Record(error),
            ChangeError::EntityId(error) => Self::EntityId(error),
            ChangeError::IdField(error) => Self::IdField(error),
            ChangeError::EntityToken(error) => Self::EntityToken(error),
            ChangeError::NoPrimaryKeyField { entity } => Self::NoPrimaryKeyField { entity },
            ChangeError::SharedKey { entity, shared_key } => Self::SharedKey { entity, shared_key },
            ChangeError::SharedKeyValue {
                entity,
                shared_key,
                found,
            } => Self::SharedKeyValue {
                entity,
                shared_key,
                found,
            },
            // Of a later version of the core: this keeps its words, and is final as well.
            other => Self::Record(RecordError::NotJson {
                message: other.to_string(),
            }),
        }
    }
}
