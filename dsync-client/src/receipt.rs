//! What the platform answers to a change that it accepted.

use std::borrow::Cow;
use std::fmt;

use dsync_core::AuthToken;
use dsync_core::wire::Answer;
use http::{HeaderMap, StatusCode};
use serde_json::value::RawValue;

/// What the platform says to a change that it accepted.
///
/// Accepted is not yet carried out: the platform checks a change later, likely, and reports the
/// outcome to the connector under the process id (PROTOCOL section 6).
///
/// # Examples
///
/// ```
#[doc = include_str!("doc/example.txt")]
/// let receipt = client.create(&product).await?;
/// assert_eq!(receipt.process_id(), Some("p-1"));
/// assert_eq!(receipt.status(), 200);
/// assert_eq!(receipt.message(), Some("OK"));
/// assert_eq!(receipt.data().unwrap().get(), r#"{"process_id":"p-1"}"#);
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct Receipt {
    answer: Answer,
    message: Message,
}

impl Receipt {
    pub(crate) fn new(answer: Answer, auth_token: &AuthToken) -> Self {
        Self {
            message: Message::of(&answer, auth_token),
            answer,
        }
    }

    /// The name under which the platform reports on the change, if it gave one.
    #[must_use]
    pub fn process_id(&self) -> Option<&str> {
        self.answer.process_id()
    }

    /// The status: any 2xx.
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The platform's own words.
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.message.get(&self.answer)
    }

    /// The answer's `data`, as it came. Empty forms such as `[]` are kept; null is nothing.
    #[must_use]
    pub fn data(&self) -> Option<&RawValue> {
        self.answer.data()
    }

    /// The answer's `detail`, as it came. The hub names a record's unknown keys in it.
    #[must_use]
    pub fn detail(&self) -> Option<&RawValue> {
        self.answer.detail()
    }

    /// The answer's HTTP headers.
    #[must_use]
    pub fn headers(&self) -> &HeaderMap {
        self.answer.headers()
    }
}

/// Shows neither `data` nor headers: they may hold what belongs in no log.
impl fmt::Debug for Receipt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receipt")
            .field("status", &self.status())
            .field("message", &self.message())
            .field("process_id", &self.process_id())
            .finish_non_exhaustive()
    }
}

/// The message of an answer, for the case that the peer repeats the API key in it ("the key ... is
/// wrong"): messages are what ends up in logs.
#[derive(Clone)]
pub(crate) struct Message {
    /// The text to show instead, where the answer's own has the key in it.
    cleaned: Option<String>,
}

impl Message {
    pub(crate) fn of(answer: &Answer, auth_token: &AuthToken) -> Self {
        let cleaned = answer
            .message()
            .and_then(|text| match without_key(text, auth_token) {
                Cow::Owned(cleaned) => Some(cleaned),
                Cow::Borrowed(_) => None,
            });
        Self { cleaned }
    }

    pub(crate) fn get<'a>(&'a self, answer: &'a Answer) -> Option<&'a str> {
        self.cleaned.as_deref().or(answer.message())
    }
}

/// The text without the API key.
pub(crate) fn without_key<'a>(text: &'a str, auth_token: &AuthToken) -> Cow<'a, str> {
    if text.contains(auth_token.expose()) {
        Cow::Owned(text.replace(auth_token.expose(), "(hidden)"))
    } else {
        Cow::Borrowed(text)
    }
}
