//! What is wrong with a record or a layout: every fault at once, each with its treekey.

use std::fmt::{self, Display, Write as _};

use serde::{Deserialize, Serialize};

/// How many faults are kept.
const MOST: usize = 100;

/// One fault, and where it is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fault {
    treekey: String,
    message: String,
}

impl Fault {
    /// A fault at a treekey.
    #[must_use]
    pub fn new(treekey: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            treekey: treekey.into(),
            message: message.into(),
        }
    }

    /// The treekey of the field or entity at fault.
    #[must_use]
    pub fn treekey(&self) -> &str {
        &self.treekey
    }

    /// What is wrong, to be read after the treekey: `is required, but is missing`.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Both may come from a peer: neither a line break nor an escape sequence may reach a log.
        for letter in self
            .treekey
            .chars()
            .chain([' '])
            .chain(self.message.chars())
        {
            if letter.is_control() {
                write!(f, "{}", letter.escape_default())?;
            } else {
                f.write_char(letter)?;
            }
        }
        Ok(())
    }
}

/// All faults of a record or a layout; there is at least one.
///
/// At most a hundred are kept, because a list of ten thousand wrong items would make an answer
/// longer than the request; [`Faults::omitted`] counts the rest.
///
/// # Examples
///
/// ```
/// use dsync_core::{DataLayout, Endpoint};
///
/// let faults = DataLayout::builder()
///     .endpoint(Endpoint::new("product", "/entity/product", "token-1".parse()?))
///     .build()
///     .unwrap_err();
/// assert_eq!(faults.to_string(), "product has no field: an endpoint needs at least one");
/// # Ok::<(), dsync_core::InvalidEntityToken>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Faults {
    faults: Vec<Fault>,
    omitted: usize,
}

impl Faults {
    /// The faults, in the order of the layout.
    pub fn iter(&self) -> std::slice::Iter<'_, Fault> {
        self.faults.iter()
    }

    /// How many faults there are, the omitted ones included.
    #[must_use]
    #[expect(
        clippy::len_without_is_empty,
        reason = "there is at least one fault, or there would be no Faults"
    )]
    pub fn len(&self) -> usize {
        self.faults.len() + self.omitted
    }

    /// How many faults were found beyond those kept.
    #[must_use]
    pub fn omitted(&self) -> usize {
        self.omitted
    }
}

impl From<Fault> for Faults {
    fn from(fault: Fault) -> Self {
        Self {
            faults: vec![fault],
            omitted: 0,
        }
    }
}

impl Extend<Fault> for Faults {
    fn extend<I: IntoIterator<Item = Fault>>(&mut self, faults: I) {
        for fault in faults {
            if self.faults.len() < MOST {
                self.faults.push(fault);
            } else {
                self.omitted += 1;
            }
        }
    }
}

impl<'a> IntoIterator for &'a Faults {
    type Item = &'a Fault;
    type IntoIter = std::slice::Iter<'a, Fault>;

    fn into_iter(self) -> Self::IntoIter {
        self.iter()
    }
}

impl Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.len() > 1 {
            write!(f, "{} faults: ", self.len())?;
        }
        for (index, fault) in self.faults.iter().enumerate() {
            if index > 0 {
                f.write_str("; ")?;
            }
            fault.fmt(f)?;
        }
        if self.omitted > 0 {
            write!(f, "; and {} more", self.omitted)?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}

/// Collects faults, and cannot be forgotten: only [`FaultsBuilder::finish`] gives the good result.
#[derive(Debug, Default)]
pub(crate) struct FaultsBuilder {
    faults: Vec<Fault>,
    omitted: usize,
}

impl FaultsBuilder {
    pub(crate) fn add(&mut self, treekey: impl Display, message: impl Into<String>) {
        if self.faults.len() < MOST {
            self.faults.push(Fault::new(treekey.to_string(), message));
        } else {
            self.omitted += 1;
        }
    }

    pub(crate) fn finish<T>(self, good: T) -> Result<T, Faults> {
        if self.faults.is_empty() {
            Ok(good)
        } else {
            Err(Faults {
                faults: self.faults,
                omitted: self.omitted,
            })
        }
    }
}
