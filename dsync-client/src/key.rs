//! The API key in use, and how a new one comes in its place.

use std::error::Error as StdError;
use std::pin::pin;
use std::sync::{Mutex, PoisonError, RwLock};
use std::time::Duration;

use dsync_core::{AuthToken, AuthTokenProvider, Clock};
use futures_util::future::{Either, select};

type ProviderError = Box<dyn StdError + Send + Sync>;

/// Asks its provider as seldom as can be: at the first request, after a 401, and when somebody waits for
/// a new key.
pub(crate) struct KeyInUse {
    provider: Box<dyn AuthTokenProvider>,
    known: RwLock<Option<Key>>,
    /// The youngest key that the platform has refused.
    refused: Mutex<Option<Key>>,
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
            refused: Mutex::default(),
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

    /// Remembers that a key was refused, if no younger one was: the answer may be a late one.
    pub(crate) fn note_refused(&self, key: &Key) {
        let mut refused = self.refused.lock().unwrap_or_else(PoisonError::into_inner);
        if refused.as_ref().is_none_or(|old| old.answer <= key.answer) {
            *refused = Some(key.clone());
        }
    }

    /// Whether the key is another one now than the one that was refused last. Of many who want to know
    /// at once, one asks.
    pub(crate) async fn has_new(
        &self,
        clock: &dyn Clock,
        limit: Duration,
    ) -> Result<bool, ProviderError> {
        let Some(refused) = self.refused() else {
            return Ok(false);
        };
        let is_new = |key: &Key| key.auth_token != refused.auth_token;
        let known = self.known();
        if known.as_ref().is_some_and(is_new) {
            return Ok(true);
        }
        let answer = known.map_or(0, |key| key.answer);
        let key = self.younger_than(answer, clock, limit).await?;
        Ok(is_new(&key))
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

    fn refused(&self) -> Option<Key> {
        let refused = self.refused.lock();
        refused.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn known(&self) -> Option<Key> {
        // Written by one assignment, so a panic elsewhere leaves nothing half done.
        self.known
            .read()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}
