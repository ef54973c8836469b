//! How much and how long.

use std::time::Duration;

/// What a server allows its senders, and itself at the end.
///
/// # Examples
///
/// ```
/// use std::time::Duration;
///
/// use dsync_http::Limits;
///
/// let limits = Limits::default()
///     .with_max_body(64 * 1024)
///     .with_read_timeout(Duration::from_secs(2))
///     .with_max_connections(1000);
/// assert_eq!(limits.max_body(), 65_536);
/// assert_eq!(limits.grace(), Duration::from_secs(5));
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
#[must_use = "limits hold for the server that gets them"]
pub struct Limits {
    max_body: usize,
    read_timeout: Duration,
    grace: Duration,
    max_connections: Option<usize>,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            max_body: 10 * 1024 * 1024,
            read_timeout: Duration::from_secs(30),
            grace: Duration::from_secs(5),
            max_connections: None,
        }
    }
}

impl Limits {
    /// Sets how many bytes a body may have. Without it: 10 MiB.
    pub fn with_max_body(mut self, bytes: usize) -> Self {
        self.max_body = bytes;
        self
    }

    /// Sets how long a sender may take for a request's head, again for its body, and again to read
    /// the answer, or each MiB of a long one. Without it: 30 seconds. It is also how long a connection may stay open without a
    /// request. Nothing limits how long the answer itself takes.
    pub fn with_read_timeout(mut self, limit: Duration) -> Self {
        self.read_timeout = limit;
        self
    }

    /// Sets how long a shutdown waits for answers that are under way. Without it: 5 seconds.
    pub fn with_grace(mut self, limit: Duration) -> Self {
        self.grace = limit;
        self
    }

    /// Sets how many connections may be open at once; others wait until one has ended. Without it:
    /// as many as the operating system allows. One whose sender went away counts until its answer
    /// is at its end.
    pub fn with_max_connections(mut self, connections: usize) -> Self {
        self.max_connections = Some(connections);
        self
    }

    /// How many bytes a body may have.
    #[must_use]
    pub fn max_body(&self) -> usize {
        self.max_body
    }

    /// How long a sender may take for each part of a request, and to read the answer.
    #[must_use]
    pub fn read_timeout(&self) -> Duration {
        self.read_timeout
    }

    /// How long a shutdown waits for answers that are under way.
    #[must_use]
    pub fn grace(&self) -> Duration {
        self.grace
    }

    /// How many connections may be open at once, if that is limited.
    #[must_use]
    pub fn max_connections(&self) -> Option<usize> {
        self.max_connections
    }
}
