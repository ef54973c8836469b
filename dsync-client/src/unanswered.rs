//! Attempts that no answer came to.

use std::error::Error as StdError;
use std::fmt;

use dsync_core::{TransportError, TransportErrorKind};

use crate::ending::Ending;

/// No answer came. [`Error`](crate::Error) has its accessors.
#[derive(Debug)]
pub struct Unanswered {
    pub(crate) error: TransportError,
    pub(crate) ending: Ending,
}

impl Unanswered {
    /// How the last attempt failed.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_client::{Client, Error};
    /// # use dsync_core::TransportErrorKind;
    /// # use dsync_core::retry::RetryPolicy;
    /// # use dsync_core::testing::{Reply, ScriptedTransport};
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let nobody = ScriptedTransport::new([Reply::fault(TransportErrorKind::Connect)]);
    /// let client = Client::builder("secret")
    ///     .transport(nobody)
    ///     .retry(RetryPolicy::never())
    ///     .build()?;
    /// match client.create_raw(&"shop-product-1".parse()?, "{}").await {
    ///     Err(Error::Transport(unanswered)) => {
    ///         assert_eq!(unanswered.kind(), TransportErrorKind::Connect);
    ///     }
    ///     other => panic!("{other:?}"),
    /// }
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn kind(&self) -> TransportErrorKind {
        self.error.kind()
    }
}

impl fmt::Display for Unanswered {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}{}", self.error, self.ending)
    }
}

impl StdError for Unanswered {
    /// The cause behind what the message says already.
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}
