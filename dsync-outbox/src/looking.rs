//! Looking into an outbox, and doing something about its dead letters.

use dsync_core::wire::encode_record;
use dsync_core::{DsyncEntity, PrimaryKey};
use serde::Serialize;

use crate::planner::edited;
use crate::{
    ChangeId, Counts, Entry, Filter, Mending, Outbox, OutboxError, OutboxStore, StoreError,
    StoreErrorKind,
};

impl<S: OutboxStore + ?Sized> Outbox<S> {
    /// How many changes stand how, and since when the oldest one waits.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// outbox.create(&product).await?;
    /// let counts = outbox.counts().await?;
    /// assert_eq!((counts.pending, counts.dead), (1, 0));
    /// assert!(counts.oldest.unwrap() <= SystemTime::now());
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn counts(&self) -> Result<Counts, StoreError> {
        self.store.counts(None).await
    }

    /// Up to `limit` changes by their numbers, after one of them: a page. They come without the records.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// use dsync_outbox::Filter;
    ///
    /// let token = "shop-product-1".parse()?;
    /// for price in 0..5 {
    ///     outbox.create_raw(&token, format!(r#"{{"price":{price}}}"#)).await?;
    /// }
    /// let (mut after, mut count) = (None, 0);
    /// loop {
    ///     let page = outbox.list(Filter::Open, after, 2).await?;
    ///     let Some(last) = page.last() else { break };
    ///     after = Some(last.id);
    ///     count += page.len();
    /// }
    /// assert_eq!(count, 5);
    /// # drop((client, product));
    /// # Ok(())
    /// # }
    /// ```
    pub async fn list(
        &self,
        filter: Filter,
        after: Option<ChangeId>,
        limit: usize,
    ) -> Result<Vec<Entry>, StoreError> {
        self.store.list(filter, after, limit).await
    }

    /// All there is to a change, the record among it; nothing where there is none of this number, or it
    /// ended so long ago that it is forgotten.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be read.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("doc/example.txt")]
    /// let kept = outbox.create(&product).await?;
    /// let entry = outbox.show(kept.id().unwrap()).await?.unwrap();
    /// assert_eq!(entry.record.unwrap().as_str(), "sku-1");
    /// assert_eq!(entry.body.unwrap(), r#"{"sku":"sku-1"}"#);
    /// # drop(client);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn show(&self, id: ChangeId) -> Result<Option<Entry>, StoreError> {
        self.store.show(id).await
    }

    /// Sends a dead letter again, as it is and with the same idempotency key, in its old place: before
    /// what followed it and was not sent yet. Where it was [passed](Self::pass), later changes of the record
    /// may have arrived already, and this one would put an older state over them: look first.
    ///
    /// All its attempts so far count as one from now on: a [policy](crate::SenderBuilder::retry) that has given
    /// it up tries again as often, less one, and as long.
    ///
    /// # Errors
    ///
    /// [`StoreError`], of the kind [`Refused`](StoreErrorKind::Refused) if there is no dead letter of this
    /// number.
    pub async fn retry(&self, id: ChangeId) -> Result<(), StoreError> {
        self.mend(id, Mending::Retry).await
    }

    /// Sends all dead letters again, those that were [passed](Self::pass) among them; see
    /// [`retry`](Self::retry). Gives how many there were.
    ///
    /// # Errors
    ///
    /// [`StoreError`] if the store cannot be written. Some of them may be retried all the same.
    pub async fn retry_all(&self) -> Result<u64, StoreError> {
        let count = self.store.retry_all().await?;
        self.shared.work.notify_one();
        Ok(count)
    }

    /// Sends a dead letter with a record that is mended, and so with another idempotency key, in its old
    /// place.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: the record cannot be sent, or is not the one that the dead letter is about, or there
    /// is no dead letter of this number.
    pub async fn edit<T>(&self, id: ChangeId, record: &T) -> Result<(), OutboxError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let (body, idempotency_key) = edited(encode_record(record)?)?;
        if let Some(entry) = self.show(id).await? {
            let token = self.planner.encoder.tokens().token_of(T::LAYOUT);
            let is_same = token.is_ok_and(|token| token == entry.entity_token)
                && entry.record == Some(record.primary_key().to_entity_id()?);
            if !is_same {
                return Err(not_the_record(id).into());
            }
        }
        let mending = Mending::Edit {
            body,
            idempotency_key,
        };
        Ok(self.mend(id, mending).await?)
    }

    /// Sends a dead letter with another body, and so with another idempotency key, in its old place. The
    /// body has to be of the same record: what names it stays as it is.
    ///
    /// # Errors
    ///
    /// [`OutboxError`]: it is no JSON object, or there is no dead letter of this number.
    pub async fn edit_raw(&self, id: ChangeId, json: impl AsRef<[u8]>) -> Result<(), OutboxError> {
        let (body, idempotency_key) = edited(json.as_ref().to_vec())?;
        let mending = Mending::Edit {
            body,
            idempotency_key,
        };
        Ok(self.mend(id, mending).await?)
    }

    /// Lets what follows a dead letter go, which stays one.
    ///
    /// # Errors
    ///
    /// As [`retry`](Self::retry).
    pub async fn pass(&self, id: ChangeId) -> Result<(), StoreError> {
        self.mend(id, Mending::Pass).await
    }

    /// Drops a dead letter: the change will never be sent. What follows it goes.
    ///
    /// # Errors
    ///
    /// As [`retry`](Self::retry).
    pub async fn drop(&self, id: ChangeId) -> Result<(), StoreError> {
        self.mend(id, Mending::Drop).await
    }

    async fn mend(&self, id: ChangeId, mending: Mending) -> Result<(), StoreError> {
        self.store.mend(id, mending).await?;
        self.shared.work.notify_one();
        self.shared.ended.notify_waiters();
        Ok(())
    }
}

fn not_the_record(id: ChangeId) -> StoreError {
    StoreError::new(
        StoreErrorKind::Refused,
        format!(
            "the change {id} is about another record: mend that one, or put this one in as a change of its own"
        ),
    )
}
