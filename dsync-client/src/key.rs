//! The API key in use, and how a new one comes in its place.

use std::error::Error as StdError;
use std::sync::{PoisonError, RwLock};

use dsync_core::{AuthToken, AuthTokenProvider};

type ProviderError = Box<dyn StdError + Send + Sync>;

/// Asks its provider as seldom as can be: at the first request, and after a 401.
pub(crate) struct KeyInUse {
    provider: Box<dyn AuthTokenProvider>,
    known: RwLock<Option<AuthToken>>,
    /// Held while the provider is asked, so that many requests that meet a 401 at once ask once.
    asking: tokio::sync::Mutex<()>,
}

impl KeyInUse {
    pub(crate) fn new(provider: Box<dyn AuthTokenProvider>) -> Self {
        Self {
            provider,
            known: RwLock::new(None),
            asking: tokio::sync::Mutex::new(()),
        }
    }

    /// The key to send.
    pub(crate) async fn current(&self) -> Result<AuthToken, ProviderError> {
        match self.known() {
            Some(key) => Ok(key),
            None => self.ask(None).await,
        }
    }

    /// Another key than the one that was refused, if there is one.
    pub(crate) async fn instead_of(
        &self,
        refused: &AuthToken,
    ) -> Result<Option<AuthToken>, ProviderError> {
        let key = self.ask(Some(refused)).await?;
        Ok((key != *refused).then_some(key))
    }

    async fn ask(&self, refused: Option<&AuthToken>) -> Result<AuthToken, ProviderError> {
        let _asking = self.asking.lock().await;
        if let Some(key) = self.known()
            && Some(&key) != refused
        {
            // Somebody else has asked meanwhile.
            return Ok(key);
        }
        let key = self.provider.auth_token().await?;
        *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
        Ok(key)
    }

    fn known(&self) -> Option<AuthToken> {
        // Written by one assignment, so a panic elsewhere leaves nothing half done.
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
