//! Where the API key comes from, if it may change while the program runs.

use std::error::Error;
use std::future::Future;
use std::pin::Pin;

use crate::auth::AuthToken;

/// What [`AuthTokenProvider::auth_token`] gives: a key, some time.
pub type Providing<'a> =
    Pin<Box<dyn Future<Output = Result<AuthToken, Box<dyn Error + Send + Sync>>> + Send + 'a>>;

/// Gives the API key that is valid now: from a file, a secret store, the environment.
///
/// Whoever sends asks once, keeps the key, and asks once more when the platform answers 401. A key
/// never expires by itself (PROTOCOL section 1), but is rotated by hand. An answer that takes longer
/// than one attempt may take is not waited for.
///
/// An [`AuthToken`] is one that always gives itself. A closure is one too; it should not take long,
/// because nothing else runs on its thread meanwhile. Errors must not show the key.
///
/// # Examples
///
/// ```
/// use dsync_core::{AuthToken, AuthTokenProvider, InvalidAuthToken};
///
/// fn provider(path: &'static str) -> impl AuthTokenProvider {
///     move || -> Result<AuthToken, Box<dyn std::error::Error + Send + Sync>> {
///         Ok(AuthToken::new(std::fs::read_to_string(path)?.trim_end())?)
///     }
/// }
/// # provider("/run/secrets/dsync");
/// ```
pub trait AuthTokenProvider: Send + Sync {
    /// The key that is valid now.
    fn auth_token(&self) -> Providing<'_>;
}

impl AuthTokenProvider for AuthToken {
    fn auth_token(&self) -> Providing<'_> {
        Box::pin(async { Ok(self.clone()) })
    }
}

impl<F, E> AuthTokenProvider for F
where
    F: Fn() -> Result<AuthToken, E> + Send + Sync,
    E: Into<Box<dyn Error + Send + Sync>>,
{
    fn auth_token(&self) -> Providing<'_> {
        Box::pin(async { self().map_err(Into::into) })
    }
}
