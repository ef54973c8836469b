//! The name of one change, the same for every attempt to send it.

use std::fmt::{self, Display, Write as _};
use std::str::FromStr;

use http::HeaderValue;

use crate::shown::cut;

/// Names one change, in the header `Idempotency-Key` of every attempt at it (PROTOCOL section 8, ours).
///
/// A hub that has carried out the change answers a further attempt as it answered the first, and
/// carries out nothing. Whether DSYNC's own platform reads it is not known.
///
/// It is a text of 1 to 255 visible ASCII characters. It is no secret.
///
/// # Examples
///
/// ```
/// use dsync_core::IdempotencyKey;
///
/// let key = IdempotencyKey::generate();
/// assert_eq!(key.as_str().len(), 32);
/// assert_ne!(key, IdempotencyKey::generate());
/// assert_eq!(key.as_str().parse::<IdempotencyKey>()?, key);
/// # Ok::<(), dsync_core::InvalidIdempotencyKey>(())
/// ```
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IdempotencyKey(HeaderValue);

impl IdempotencyKey {
    /// A key from its text: one that was kept with a change before it was sent, for instance.
    ///
    /// # Errors
    ///
    /// [`InvalidIdempotencyKey`] if the text is empty, longer than 255 bytes, or has a character that
    /// is not visible ASCII.
    pub fn new(text: impl AsRef<str>) -> Result<Self, InvalidIdempotencyKey> {
        const LONGEST: usize = 255;

        let text = text.as_ref();
        let is_key =
            (1..=LONGEST).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
        match HeaderValue::from_str(text) {
            Ok(value) if is_key => Ok(Self(value)),
            _ => Err(InvalidIdempotencyKey {
                text: text.to_owned(),
            }),
        }
    }

    /// A new key: 128 random bits as 32 hex digits.
    ///
    /// # Panics
    ///
    /// If the operating system has no source of random numbers.
    #[must_use]
    pub fn generate() -> Self {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).expect("the operating system has a source of random numbers");
        let mut text = String::with_capacity(2 * bits.len());
        for byte in bits {
            write!(text, "{byte:02x}").expect("a String takes any text");
        }
        Self(HeaderValue::try_from(text).expect("hex digits can travel in a header"))
    }

    /// The key's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        // `HeaderValue::to_str` would look at each character again.
        str::from_utf8(self.0.as_bytes()).expect("a key is visible ASCII")
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("IdempotencyKey")
            .field(&self.as_str())
            .finish()
    }
}

impl Display for IdempotencyKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl FromStr for IdempotencyKey {
    type Err = InvalidIdempotencyKey;

    fn from_str(text: &str) -> Result<Self, InvalidIdempotencyKey> {
        Self::new(text)
    }
}

/// A text that cannot be an idempotency key.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{:?} is no idempotency key: it needs 1 to 255 visible ASCII characters, and no blanks",
    cut(.text)
)]
pub struct InvalidIdempotencyKey {
    text: String,
}
