//! The API key of a system.

use std::fmt;
use std::str::FromStr;

use http::HeaderValue;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

/// The API key of a system: its password on the platform, in both directions.
///
/// It is shown by nothing: `Debug` hides it, there is no `Display`, and the header it makes is
/// marked as sensitive. [`AuthToken::expose`] is the one way to read it. `==` is for a program's own
/// keys; what somebody presents is held against one by [`AuthToken::matches`].
///
/// # Examples
///
/// ```
/// use dsync_core::AuthToken;
///
/// let key = AuthToken::new("3f9c-secret")?;
/// assert_eq!(format!("{key:?}"), "AuthToken(hidden)");
/// assert!(key.matches(b"3f9c-secret"));
/// # Ok::<(), dsync_core::InvalidAuthToken>(())
/// ```
///
/// Clones share their text.
#[derive(Clone, PartialEq, Eq)]
pub struct AuthToken {
    value: HeaderValue,
    /// Made once, because a receiver compares a key with every request.
    digest: [u8; 32],
}

impl AuthToken {
    /// An API key from its text.
    ///
    /// # Errors
    ///
    /// [`InvalidAuthToken`] if the text is empty or has a character that is not visible ASCII, a
    /// line break at its end for instance. The error does not repeat the text.
    pub fn new(text: impl Into<String>) -> Result<Self, InvalidAuthToken> {
        let text = text.into();
        if text.is_empty() {
            return Err(InvalidAuthToken::Empty);
        }
        match text.bytes().position(|byte| !byte.is_ascii_graphic()) {
            Some(position) => Err(InvalidAuthToken::IllegalCharacter {
                position: position + 1,
                length: text.len(),
            }),
            None => {
                let mut value = HeaderValue::try_from(text).expect("it is visible ASCII");
                value.set_sensitive(true);
                let digest = Sha256::digest(value.as_bytes()).into();
                Ok(Self { value, digest })
            }
        }
    }

    /// The key's text. Whatever it is put into has to keep it secret.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.value.to_str().expect("an API key is visible ASCII")
    }

    /// Whether a key that somebody presents is this one. Takes the same time wherever they differ,
    /// because digests of one length are compared.
    #[must_use]
    pub fn matches(&self, presented: &[u8]) -> bool {
        let presented = Sha256::digest(presented);
        self.digest.as_slice().ct_eq(presented.as_slice()).into()
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        self.value.clone()
    }
}

impl fmt::Debug for AuthToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("AuthToken(hidden)")
    }
}

impl FromStr for AuthToken {
    type Err = InvalidAuthToken;

    fn from_str(text: &str) -> Result<Self, InvalidAuthToken> {
        Self::new(text)
    }
}

/// A text that cannot be an API key. It does not repeat the text.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum InvalidAuthToken {
    /// Nothing was given.
    #[error("the API key is empty")]
    Empty,
    /// A blank, a line break or a character beyond ASCII.
    #[error(
        "the API key has an illegal character at byte {position} of {length}: it needs visible ASCII characters only; is there a blank or a line break at its end?"
    )]
    IllegalCharacter {
        /// Where, from 1.
        position: usize,
        /// The length of the text in bytes.
        length: usize,
    },
}
