//! What a realtime request does. The one place that maps operations to methods.

use std::fmt;

use http::Method;

/// What happens to a record.
///
/// # Examples
///
/// ```
/// use dsync_core::wire::Operation;
///
/// // The Python SDK sends an update as DELETE.
/// assert_eq!(Operation::Update.method(), "PUT");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Operation {
    /// A new record.
    Create,
    /// A record as it is now, whole.
    Update,
    /// A record is gone.
    Delete,
}

impl Operation {
    /// All three.
    pub const ALL: [Self; 3] = [Self::Create, Self::Update, Self::Delete];

    /// The HTTP method that stands for the operation (PROTOCOL section 4).
    #[must_use]
    pub const fn method(self) -> Method {
        match self {
            Self::Create => Method::POST,
            Self::Update => Method::PUT,
            Self::Delete => Method::DELETE,
        }
    }

    /// The operation that a method stands for.
    #[must_use]
    pub fn from_method(method: &Method) -> Option<Self> {
        Self::ALL
            .into_iter()
            .find(|operation| operation.method() == *method)
    }

    /// Whether a request carries the record.
    #[must_use]
    pub const fn has_record(self) -> bool {
        !matches!(self, Self::Delete)
    }

    /// The operation's name: `create`, `update` or `delete`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
