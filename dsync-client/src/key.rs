//! The API key in use, and how a new one comes in its place.

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::{PoisonError, RwLock};
use std::time::Duration;

use dsync_core::{AuthToken, AuthTokenProvider, Clock};
use futures_util::future::{Either, select};

type ProviderError = Box<dyn StdError + Send + Sync>;

/// Asks its provider as seldom as can be: at the first request, and after a 401.
pub(crate) struct KeyInUse {
    provider: Box<dyn AuthTokenProvider>,
    known: RwLock<Option<Key>>,
    /// Held while the provider is asked, so that many requests that need a key at once ask once.
    asking: tokio::sync::Mutex<()>,
}

/// What the provider has given.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) auth_token: AuthToken,
    /// Which of the provider's answers it was. One with a higher number is younger, also if it is the
    /// same key.
    answer: u64,
}

impl KeyInUse {
    pub(crate) fn new(provider: Box<dyn AuthTokenProvider>) -> Self {
        Self {
            provider,
            known: RwLock::new(None),
            asking: tokio::sync::Mutex::default(),
        }
    }

    /// The key to send.
    pub(crate) async fn current(
        &self,
        clock: &dyn Clock,
        limit: Duration,
    ) -> Result<Key, ProviderError> {
        match self.known() {
            Some(key) => Ok(key),
            None => self.younger_than(0, clock, limit).await,
        }
    }

    /// Another key than the one that was refused, if there is one. Of many requests that are refused
    /// with the same key, one asks.
    pub(crate) async fn instead_of(
        &self,
        refused: &Key,
        clock: &dyn Clock,
        limit: Duration,
    ) -> Result<Option<Key>, ProviderError> {
        let key = self.younger_than(refused.answer, clock, limit).await?;
        Ok((key.auth_token != refused.auth_token).then_some(key))
    }

    /// Asks, or takes what the provider has answered meanwhile to somebody else.
    async fn younger_than(
        &self,
        answer: u64,
        clock: &dyn Clock,
        limit: Duration,
    ) -> Result<Key, ProviderError> {
        let asking = pin!(async {
            let _asking = self.asking.lock().await;
            let known = self.known();
            let last = known.as_ref().map_or(0, |key| key.answer);
            if let Some(key) = known
                && key.answer > answer
            {
                return Ok(key);
            }
            let key = Key {
                auth_token: self.provider.auth_token().await?,
                answer: last + 1,
            };
            *self.known.write().unwrap_or_else(PoisonError::into_inner) = Some(key.clone());
            Ok(key)
        });
        // Not begun where the key is there at once, which needs no timer then.
        let late = pin!(async { clock.sleep(limit).await });
        match select(asking, late).await {
            Either::Left((key, _)) => key,
            Either::Right(_) => {
                Err(format!("the provider gave no API key within {limit:?}").into())
            }
        }
    }

    fn known(&self) -> Option<Key> {
        // Written by one assignment, so a panic elsewhere leaves nothing half done.
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
