//! The seam between a connector that has promised something and whoever tells the platform.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use crate::wire::Report;

/// What [`Reporter::report`] gives, some time.
pub type Reporting<'a> = Pin<Box<dyn Future<Output = Result<(), ReportError>> + Send + 'a>>;

/// Tells the platform how it stands with a change that a connector has promised to carry out.
///
/// The client is one; a test may put its own in its place. One report is sent once: when it is sent
/// again, the connector decides.
///
/// # Examples
///
/// ```
/// use dsync_core::wire::Report;
/// use dsync_core::{Reporter, Reporting};
///
/// /// Accepts everything.
/// #[derive(Debug)]
/// struct Yes;
///
/// impl Reporter for Yes {
///     fn report<'a>(&'a self, _report: &'a Report) -> Reporting<'a> {
///         Box::pin(async { Ok(()) })
///     }
/// }
/// ```
pub trait Reporter: Send + Sync {
    /// Sends a report. `Ok` says that the platform has accepted it.
    fn report<'a>(&'a self, report: &'a Report) -> Reporting<'a>;
}

/// A report that was not accepted.
#[derive(Debug, thiserror::Error)]
#[error("the report was not accepted")]
pub struct ReportError {
    is_final: bool,
    source: Box<dyn Error + Send + Sync>,
}

impl ReportError {
    /// An error, and whether the same report would not be accepted later either.
    pub fn new(is_final: bool, source: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self {
            is_final,
            source: source.into(),
        }
    }

    /// Whether the same report would not be accepted later either.
    #[must_use]
    pub fn is_final(&self) -> bool {
        self.is_final
    }
}
