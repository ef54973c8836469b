//! What the platform answers to a change that it accepted.

use std::fmt;

use bytes::Bytes;
use dsync_core::wire::Answer;
use http::{HeaderMap, Response, StatusCode};
use serde_json::value::RawValue;

/// What the platform says to a change that it accepted.
///
/// Accepted is not yet carried out: the platform checks a change later, likely, and reports the
/// outcome to the connector under the process id (PROTOCOL section 6).
///
/// A change that came from the platform is not sent back there, and needs no answer:
/// [`Receipt::is_echo`].
///
/// The API key is in none of it: where a peer repeats the key, plainly or as JSON or a URL escapes it,
/// `(hidden)` stands instead, also in [`Receipt::data`], [`Receipt::detail`] and [`Receipt::headers`].
/// All else is as it came.
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
    /// Zero where nothing was sent.
    attempts: u32,
}

impl Receipt {
    pub(crate) fn new(answer: Answer, attempts: u32) -> Self {
        Self { answer, attempts }
    }

    /// For a change that the platform knows, because it came from there.
    pub(crate) fn echo() -> Self {
        // As if it were accepted without a word.
        Self::new(Answer::decode(Response::new(Bytes::new())), 0)
    }

    /// Whether the change was not sent, because it came from the platform: it was made in the scope of an
    /// [`Origin`](dsync_core::Origin), or by a client that has [one](crate::Client::with_origin). Then
    /// there is no process id, and the status is 200.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// use dsync_core::Origin;
    ///
    /// let origin = Origin::new("p-1".parse()?, "shop-product-1".parse()?);
    /// let receipt = client.with_origin(origin).create(&product).await?;
    /// assert!(receipt.is_echo());
    /// assert_eq!((receipt.attempts(), receipt.process_id()), (0, None));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn is_echo(&self) -> bool {
        self.attempts == 0
    }

    /// How many attempts it took: 1 where the first was accepted, zero for an [echo](Self::is_echo).
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert_eq!(receipt.attempts(), 1);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The name under which the platform reports on the change, if it gave one.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert_eq!(receipt.process_id(), Some("p-1"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn process_id(&self) -> Option<&str> {
        self.answer.process_id()
    }

    /// The status: any 2xx.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert!(receipt.status().is_success());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn status(&self) -> StatusCode {
        self.answer.status()
    }

    /// The platform's own words.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert_eq!(receipt.message(), Some("OK"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn message(&self) -> Option<&str> {
        self.answer.message()
    }

    /// The answer's `data`, as it came. Empty forms such as `[]` are kept; null is nothing.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert!(receipt.data().unwrap().get().contains("p-1"));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn data(&self) -> Option<&RawValue> {
        self.answer.data()
    }

    /// The answer's `detail`, as it came. The hub names a record's unknown keys in it.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert_eq!(receipt.detail().unwrap().get(), "[]");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn detail(&self) -> Option<&RawValue> {
        self.answer.detail()
    }

    /// The treekeys of the record's keys that the platform's layout does not know. They are accepted
    /// all the same; one that is meant to be known is a sign that the layout is an old one. Only our
    /// own hub names them; otherwise this is empty.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert!(receipt.unknown_keys().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn unknown_keys(&self) -> Vec<String> {
        self.answer.unknown_keys()
    }

    /// The answer's HTTP headers.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let receipt = client.create(&product).await?;
    /// assert!(receipt.headers().is_empty());
    /// # Ok(())
    /// # }
    /// ```
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
            .field("attempts", &self.attempts)
            .finish_non_exhaustive()
    }
}
