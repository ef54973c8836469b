//! Entity tokens: what identifies an endpoint in a realtime request.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt::{self, Display, Write as _};
use std::str::FromStr;

use http::HeaderValue;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::layout::EntityLayout;
use crate::shown::cut;

/// Identifies an endpoint in realtime requests; unique within a system.
///
/// A connector generates it once and then keeps it (PROTOCOL section 1). It is no secret. It is a
/// text of visible ASCII characters, as it travels in the header `Entity-Token`.
///
/// # Examples
///
/// ```
/// use dsync_core::EntityToken;
///
/// let token: EntityToken = "source-1-product-b5503a0ae5f3bc01b6a2da68afd33305".parse()?;
/// assert!(EntityToken::new("two words").is_err());
/// # Ok::<(), dsync_core::InvalidEntityToken>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntityToken(Cow<'static, str>);

impl EntityToken {
    /// A token from its text.
    ///
    /// # Errors
    ///
    /// [`InvalidEntityToken`] if the text is empty or has a character that is not visible ASCII.
    pub fn new(text: impl Into<Cow<'static, str>>) -> Result<Self, InvalidEntityToken> {
        let text = text.into();
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic()) {
            Ok(Self(text))
        } else {
            Err(InvalidEntityToken {
                text: text.into_owned(),
            })
        }
    }

    /// A new token for an entity: `rust-sdk-<name>-` and 128 random bits as 32 hex digits.
    ///
    /// Underscores become dashes; other characters that a token cannot have are left out. Keep the
    /// result: a connector that generates its tokens anew at every start is not recognised again.
    ///
    /// # Panics
    ///
    /// If the operating system has no source of random numbers.
    ///
    /// # Examples
    ///
    /// ```
    /// let token = dsync_core::EntityToken::generate("order_line");
    /// assert!(token.as_str().starts_with("rust-sdk-order-line-"));
    /// assert_ne!(token, dsync_core::EntityToken::generate("order_line"));
    /// ```
    #[must_use]
    pub fn generate(entity_name: &str) -> Self {
        let mut bits = [0; 16];
        getrandom::fill(&mut bits).expect("the operating system has a source of random numbers");

        let mut text = String::from("rust-sdk-");
        text.extend(
            entity_name
                .chars()
                .map(|letter| if letter == '_' { '-' } else { letter })
                .filter(char::is_ascii_graphic),
        );
        text.push('-');
        for byte in bits {
            write!(text, "{byte:02x}").expect("a String takes any text");
        }
        Self(Cow::Owned(text))
    }

    /// The token's text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn to_header(&self) -> HeaderValue {
        // A token in the source code, which is the usual one, is not copied.
        match &self.0 {
            Cow::Borrowed(text) => HeaderValue::from_static(text),
            Cow::Owned(text) => HeaderValue::from_str(text).expect("a token is visible ASCII"),
        }
    }
}

impl Display for EntityToken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for EntityToken {
    type Err = InvalidEntityToken;

    fn from_str(text: &str) -> Result<Self, InvalidEntityToken> {
        Self::new(text.to_owned())
    }
}

impl Serialize for EntityToken {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.0)
    }
}

impl<'de> Deserialize<'de> for EntityToken {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Self::new(String::deserialize(deserializer)?).map_err(de::Error::custom)
    }
}

/// A text that cannot be an entity token.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{:?} is no entity token: it needs one or more visible ASCII characters, and no blanks",
    cut(.text)
)]
pub struct InvalidEntityToken {
    text: String,
}

/// The tokens of a deployed system: from an entity's name to its token.
///
/// Tokens are data of a deployment, so this overrides the ones in the source code wherever it is
/// given: in the data layout and in the client.
///
/// # Examples
///
/// ```
/// use dsync_core::EntityTokens;
///
/// let tokens: EntityTokens = serde_json::from_str(r#"{"product": "shop-7-product-4f1c"}"#)?;
/// assert_eq!(tokens.get("product").unwrap().as_str(), "shop-7-product-4f1c");
/// # Ok::<(), serde_json::Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct EntityTokens(BTreeMap<String, EntityToken>);

impl EntityTokens {
    /// No overrides.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds the token of an entity, or replaces it.
    #[must_use]
    pub fn with(mut self, entity_name: impl Into<String>, token: EntityToken) -> Self {
        self.0.insert(entity_name.into(), token);
        self
    }

    /// The token of an entity, if it is overridden.
    #[must_use]
    pub fn get(&self, entity_name: &str) -> Option<&EntityToken> {
        self.0.get(entity_name)
    }

    /// The names and tokens, in the order of the names.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &EntityToken)> {
        self.0.iter().map(|(name, token)| (name.as_str(), token))
    }

    /// The token that requests for this entity carry: the override, else the one in the source code.
    ///
    /// # Errors
    ///
    /// [`InvalidEntityToken`] if a hand-written layout has a token that cannot travel in a header.
    pub fn token_of(&self, entity: &EntityLayout) -> Result<EntityToken, InvalidEntityToken> {
        match self.get(entity.name()) {
            Some(token) => Ok(token.clone()),
            None => EntityToken::new(entity.entity_token()),
        }
    }
}

impl<N: Into<String>> FromIterator<(N, EntityToken)> for EntityTokens {
    fn from_iter<I: IntoIterator<Item = (N, EntityToken)>>(tokens: I) -> Self {
        Self(
            tokens
                .into_iter()
                .map(|(name, token)| (name.into(), token))
                .collect(),
        )
    }
}
