//! From a typed record to a realtime request: plain data, no I/O.

mod error;
#[cfg(test)]
mod tests;

use std::collections::HashMap;

use serde::Serialize;
use serde_json::value::RawValue;

use crate::entity::{DsyncEntity, EntityId, PrimaryKey};
use crate::layout::{EntityLayout, FieldLayout};
use crate::state::SystemState;
use crate::token::EntityTokens;
use crate::wire::{RealtimeRequest, encode_record};

pub use error::ChangeError;

/// Makes realtime requests of typed records: whatever sends or keeps changes of one system does it by
/// this, so the same change is the same request everywhere.
///
/// A request has the token of its entity and, where the entity has a primary key, names the record: by
/// its shared key, where the [state](Self::with_state) knows of one and the record has a value there,
/// else by its primary key.
///
/// Only the request is made here. Whether the entity is [switched off](crate::Switch), and whether the
/// change is the [echo](crate::Origin::is_echo) of another, is not looked at; it has no
/// [idempotency key](RealtimeRequest::with_idempotency_key) yet.
///
/// # Examples
///
/// ```
/// use dsync_core::wire::Operation;
/// use dsync_core::{
///     ChangeEncoder, DsyncEntity, DsyncObject, EntityId, EntityLayout, EntityToken, EntityTokens,
///     FieldLayout, FieldType, InvalidEntityId, PrimaryKey, Shape, ToEntityId,
/// };
///
/// /// A product of the shop. The traits are what `#[derive(DsyncEntity)]` implements.
/// #[derive(serde::Serialize)]
/// struct Product {
///     sku: String,
/// }
///
/// impl DsyncObject for Product {
///     const FIELDS: &'static [FieldLayout] =
///         &[FieldLayout::new("sku", Shape::leaf(FieldType::Text)).with_primary_key()];
/// }
///
/// impl DsyncEntity for Product {
///     const LAYOUT: &'static EntityLayout =
///         &EntityLayout::new("product", "/entity/product", "shop-product-1", Self::FIELDS);
///
///     fn entity_id(&self) -> Result<Option<EntityId>, InvalidEntityId> {
///         self.sku.to_entity_id().map(Some)
///     }
/// }
///
/// impl PrimaryKey for Product {
///     fn primary_key(&self) -> &dyn ToEntityId {
///         &self.sku
///     }
/// }
///
/// let tokens = EntityTokens::new().with("product", EntityToken::new("shop-7-product-4f1c")?);
/// let encoder = ChangeEncoder::new(tokens);
///
/// let request = encoder.update(&Product { sku: "sku-1".to_owned() })?;
/// assert_eq!(request.operation(), Operation::Update);
/// assert_eq!(request.entity_token().as_str(), "shop-7-product-4f1c");
/// assert_eq!(request.entity_id().unwrap().as_str(), "sku-1");
/// assert_eq!(request.entity_id_field(), Some("sku"));
/// assert_eq!(request.body(), r#"{"sku":"sku-1"}"#);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct ChangeEncoder {
    tokens: EntityTokens,
    /// Without one nothing is known: every record is named by its primary key.
    state: Option<SystemState>,
}

impl ChangeEncoder {
    /// An encoder for a system whose tokens override the ones in the source code. Without any,
    /// [`ChangeEncoder::default`] is the same.
    #[must_use]
    pub fn new(tokens: EntityTokens) -> Self {
        Self {
            tokens,
            state: None,
        }
    }

    /// Sets where the shared keys stand. They are looked up for every request anew, because the
    /// platform may tell others at any time.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("change/example.txt")]
    /// let state = SystemState::new();
    /// let encoder = encoder.with_state(state.clone());
    /// assert_eq!(encoder.update(&product)?.entity_id_field(), Some("sku"));
    ///
    /// state.set_shared_key("product", Some("ean".to_owned()))?;
    /// let request = encoder.update(&product)?;
    /// assert_eq!(request.entity_id_field(), Some("ean"));
    /// assert_eq!(request.entity_id().unwrap().as_str(), "4006381333931");
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn with_state(self, state: SystemState) -> Self {
        Self {
            state: Some(state),
            ..self
        }
    }

    /// The tokens that override the ones in the source code.
    #[must_use]
    pub fn tokens(&self) -> &EntityTokens {
        &self.tokens
    }

    /// Where the shared keys stand, if anywhere.
    #[must_use]
    pub fn state(&self) -> Option<&SystemState> {
        self.state.as_ref()
    }

    /// A new record.
    ///
    /// Where the entity has no primary key, only a shared key names the record.
    ///
    /// # Errors
    ///
    /// [`ChangeError`] if the record cannot be written as JSON, or what names it cannot travel.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("change/example.txt")]
    /// let request = encoder.create(&product)?;
    /// assert_eq!(request.operation(), Operation::Create);
    /// assert_eq!(request.body(), r#"{"sku":"sku-1","ean":"4006381333931"}"#);
    /// # Ok(())
    /// # }
    /// ```
    pub fn create<T>(&self, record: &T) -> Result<RealtimeRequest, ChangeError>
    where
        T: DsyncEntity + Serialize,
    {
        let shared_key = self.shared_key(T::LAYOUT);
        let request =
            RealtimeRequest::create(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        Ok(match record.entity_id()? {
            Some(id) => named(request, T::LAYOUT, shared_key, id)?,
            None => match shared_id(T::LAYOUT, shared_key, request.body())? {
                Some((field, id)) => request.with_id(id, field)?,
                None => request,
            },
        })
    }

    /// A record as it is now, whole.
    ///
    /// # Errors
    ///
    /// [`ChangeError`] if the record cannot be written as JSON, or what names it cannot travel.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("change/example.txt")]
    /// let request = encoder.update(&product)?;
    /// assert_eq!(request.operation(), Operation::Update);
    /// assert_eq!(request.entity_id().unwrap().as_str(), "sku-1");
    /// # Ok(())
    /// # }
    /// ```
    pub fn update<T>(&self, record: &T) -> Result<RealtimeRequest, ChangeError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let shared_key = self.shared_key(T::LAYOUT);
        let request =
            RealtimeRequest::update(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        let id = record.primary_key().to_entity_id()?;
        named(request, T::LAYOUT, shared_key, id)
    }

    /// A record whose key has changed, whole: the one that was known by `id` is this one now.
    ///
    /// The id is the old value of the shared key where the entity has one, else of the primary key.
    ///
    /// # Errors
    ///
    /// [`ChangeError`] if the record cannot be written as JSON, or its key's name cannot travel.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("change/example.txt")]
    /// let request = encoder.update_with_id(&product, EntityId::new("sku-0")?)?;
    /// assert_eq!(request.entity_id().unwrap().as_str(), "sku-0");
    /// # Ok(())
    /// # }
    /// ```
    pub fn update_with_id<T>(
        &self,
        record: &T,
        id: EntityId,
    ) -> Result<RealtimeRequest, ChangeError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let field = match self.shared_key(T::LAYOUT) {
            Some(shared_key) => shared_key,
            None => primary_key(T::LAYOUT)?.to_owned(),
        };
        let request =
            RealtimeRequest::update(self.tokens.token_of(T::LAYOUT)?, encode_record(record)?);
        Ok(request.with_id(id, field)?)
    }

    /// A record that is gone.
    ///
    /// # Errors
    ///
    /// [`ChangeError`] if what names the record cannot travel, or if it has to be looked for in a record
    /// that cannot be written as JSON.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("change/example.txt")]
    /// let request = encoder.delete(&product)?;
    /// assert_eq!(request.operation(), Operation::Delete);
    /// assert!(request.body().is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete<T>(&self, record: &T) -> Result<RealtimeRequest, ChangeError>
    where
        T: DsyncEntity + PrimaryKey + Serialize,
    {
        let shared_key = self.shared_key(T::LAYOUT);
        let id = record.primary_key().to_entity_id()?;
        let shared = match shared_key {
            Some(_) => shared_id(T::LAYOUT, shared_key, &encode_record(record)?)?,
            None => None,
        };
        match shared {
            Some((field, id)) => {
                let token = self.tokens.token_of(T::LAYOUT)?;
                Ok(RealtimeRequest::delete(token, id.clone()).with_id(id, field)?)
            }
            None => self.delete_by_primary_key::<T>(id),
        }
    }

    /// A record that is gone, by its primary key.
    ///
    /// # Errors
    ///
    /// [`ChangeError::SharedKey`] if the entity has a shared key: the platform would not know the record
    /// by its primary key, so [`delete`](Self::delete) with the record. Another [`ChangeError`] if the
    /// primary key's name cannot travel.
    ///
    /// # Examples
    ///
    /// ```
    #[doc = include_str!("change/example.txt")]
    /// let request = encoder.delete_by_id::<Product>(EntityId::new("sku-1")?)?;
    /// assert_eq!(request, encoder.delete(&product)?);
    /// # Ok(())
    /// # }
    /// ```
    pub fn delete_by_id<T>(&self, id: EntityId) -> Result<RealtimeRequest, ChangeError>
    where
        T: DsyncEntity + PrimaryKey,
    {
        if let Some(shared_key) = self.shared_key(T::LAYOUT) {
            let entity = T::LAYOUT.name();
            return Err(ChangeError::SharedKey { entity, shared_key });
        }
        self.delete_by_primary_key::<T>(id)
    }

    fn delete_by_primary_key<T>(&self, id: EntityId) -> Result<RealtimeRequest, ChangeError>
    where
        T: DsyncEntity + PrimaryKey,
    {
        let request = RealtimeRequest::delete(self.tokens.token_of(T::LAYOUT)?, id.clone());
        Ok(request.with_id(id, primary_key(T::LAYOUT)?)?)
    }

    /// The field by which the platform knows the entity's records, where that is not the primary key.
    fn shared_key(&self, layout: &'static EntityLayout) -> Option<String> {
        let shared_key = self.state.as_ref()?.entity(layout.name()).shared_key;
        let primary_key = layout.primary_key().map(FieldLayout::name);
        shared_key.filter(|field| primary_key != Some(field))
    }
}

/// Names the record by its shared key where it has a value, else by its primary key.
fn named(
    request: RealtimeRequest,
    layout: &'static EntityLayout,
    shared_key: Option<String>,
    id: EntityId,
) -> Result<RealtimeRequest, ChangeError> {
    match shared_id(layout, shared_key, request.body())? {
        Some((field, id)) => Ok(request.with_id(id, field)?),
        None => Ok(request.with_id(id, primary_key(layout)?)?),
    }
}

fn primary_key(layout: &'static EntityLayout) -> Result<&'static str, ChangeError> {
    let entity = layout.name();
    let field = layout.primary_key();
    field
        .map(FieldLayout::name)
        .ok_or(ChangeError::NoPrimaryKeyField { entity })
}

/// The shared key and the text of its value in the record; nothing where that is null or not there.
fn shared_id(
    layout: &'static EntityLayout,
    shared_key: Option<String>,
    record: &[u8],
) -> Result<Option<(String, EntityId)>, ChangeError> {
    let Some(shared_key) = shared_key else {
        return Ok(None);
    };
    let values: HashMap<String, &RawValue> =
        serde_json::from_slice(record).expect("an encoded record is a JSON object");
    let Some(value) = values.get(&shared_key) else {
        return Ok(None);
    };
    // The text as it stands there: a `Value` would change numbers.
    let text = value.get();
    let found = match text.as_bytes() {
        [b'n', ..] => return Ok(None),
        [b'"', ..] => {
            let text: String = serde_json::from_str(text).expect("the JSON of a text is one");
            return Ok(Some((shared_key, EntityId::new(text)?)));
        }
        [b'{', ..] => "an object",
        [b'[', ..] => "a list",
        number
            if number.iter().any(|byte| b".eE".contains(byte))
                && number[0] != b't'
                && number[0] != b'f' =>
        {
            "a number that is no integer"
        }
        _ => return Ok(Some((shared_key, EntityId::new(text)?))),
    };
    Err(ChangeError::SharedKeyValue {
        entity: layout.name(),
        shared_key,
        found,
    })
}
