//! A change of a record, as it was received: the keys that are there, and no others.

use std::fmt;
use std::marker::PhantomData;

use serde::de::{DeserializeOwned, Deserializer, IgnoredAny, MapAccess, Visitor};
use serde_json::value::RawValue;

use super::checked::{check, not_json};
use super::decode::{self, Reader};
use crate::entity::{DsyncEntity, EntityId};
use crate::layout::lenient::{Entries, write_object};
use crate::layout::validate::Extent;
use crate::wire::Refusal;

/// A change of one record, as it was received. The platform maps some fields, so it is often partial.
///
/// It fits the layout, and read-only fields are not in it, at no depth. [`merge`](Self::merge) puts it over
/// the record as it is now.
///
/// # Examples
///
/// ```
/// use dsync_core::{
///     DsyncEntity, DsyncObject, EntityId, EntityLayout, FieldLayout, FieldType, Shape, Update,
/// };
/// use serde::{Deserialize, Serialize};
///
/// #[derive(Debug, PartialEq, Serialize, Deserialize)]
/// struct Product {
///     sku: String,
///     price: f64,
///     note: Option<String>,
/// }
///
/// static FIELDS: [FieldLayout; 3] = [
///     FieldLayout::new("sku", Shape::leaf(FieldType::Text)).with_primary_key(),
///     FieldLayout::new("price", Shape::leaf(FieldType::Number)),
///     FieldLayout::new("note", Shape::leaf(FieldType::Text).optional()),
/// ];
/// static PRODUCT: EntityLayout = EntityLayout::new("product", "/entity/product", "t", &FIELDS);
///
/// impl DsyncObject for Product {
///     const FIELDS: &'static [FieldLayout] = &FIELDS;
/// }
/// impl DsyncEntity for Product {
///     const LAYOUT: &'static EntityLayout = &PRODUCT;
/// }
///
/// let current = Product { sku: "S-1".to_owned(), price: 9.5, note: Some("old".to_owned()) };
/// let update = Update::<Product>::read(EntityId::new("S-1")?, br#"{"note":null}"#)?;
/// assert_eq!(update.keys().collect::<Vec<_>>(), ["note"]);
/// assert_eq!(update.merge(&current)?, Product { note: None, ..current });
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub struct Update<T> {
    id: EntityId,
    entries: Vec<Entry>,
    unknown_keys: Vec<String>,
    record: PhantomData<fn() -> T>,
}

/// A key and its value, as it came.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) value: Box<RawValue>,
    /// Whether the layout has a field of this name.
    is_known: bool,
}

impl<T: DsyncEntity> Update<T> {
    /// Reads a change of the record that `Entity-Id` names. As [`read_record`](crate::read_record), but
    /// a key that is absent from the first level is no fault, and the type is not asked: that is for
    /// [`merge`](Self::merge), which has a whole record.
    ///
    /// # Errors
    ///
    /// [`Refusal::BodyNotJson`], also where a key stands twice, [`Refusal::BodyNotObject`], and
    /// [`Refusal::Record`] with every fault; null for a required field is one.
    pub fn read(id: EntityId, body: &[u8]) -> Result<Self, Refusal> {
        let layout = T::LAYOUT;
        let checked = check(layout, body, Extent::Partial)?;
        let Entries(entries) = serde_json::from_slice(&checked.json).map_err(not_json)?;
        let entries = entries.into_iter().map(|(key, value)| Entry {
            is_known: layout.fields().iter().any(|field| field.name() == key),
            key: key.into_owned(),
            value: value.to_owned(),
        });
        Ok(Self {
            id,
            entries: entries.collect(),
            unknown_keys: checked.unknown_keys,
            record: PhantomData,
        })
    }

    /// Whether the change gives the record another primary key than `Entity-Id` names. Only where the
    /// primary key can be written at all: one that is read-only is dropped.
    #[must_use]
    pub fn changes_primary_key(&self) -> bool {
        let value = T::LAYOUT
            .primary_key()
            .and_then(|field| self.value(field.name()));
        value.is_some_and(|value| match serde_json::from_str::<String>(value.get()) {
            Ok(text) => text != self.id.as_str(),
            Err(_) => value.get() != self.id.as_str(),
        })
    }

    /// A value as a type of its own, read as carefully as [`read_record`](crate::read_record) reads a
    /// field. Nothing if the key is absent; `Option` as the type tells null from a value.
    ///
    /// # Errors
    ///
    /// [`Refusal::Record`] with one fault if the type refuses the value.
    ///
    /// # Examples
    ///
    /// ```
    /// # use dsync_core::{DsyncEntity, DsyncObject, EntityLayout, FieldLayout, FieldType, Shape, Update};
    /// # struct Product;
    /// # static FIELDS: [FieldLayout; 1] = [FieldLayout::new("stock", Shape::leaf(FieldType::Number))];
    /// # static PRODUCT: EntityLayout = EntityLayout::new("product", "/entity/product", "t", &FIELDS);
    /// # impl DsyncObject for Product {
    /// #     const FIELDS: &'static [FieldLayout] = &FIELDS;
    /// # }
    /// # impl DsyncEntity for Product {
    /// #     const LAYOUT: &'static EntityLayout = &PRODUCT;
    /// # }
    /// let update = Update::<Product>::read("S-1".parse()?, br#"{"stock":"7"}"#)?;
    /// assert_eq!(update.get::<u32>("stock").transpose()?, Some(7));
    /// assert_eq!(update.get::<f64>("price").transpose()?, None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn get<V: DeserializeOwned>(&self, key: &str) -> Option<Result<V, Refusal>> {
        let value = self.value(key)?;
        if let Ok(value) = serde_json::from_str(value.get()) {
            return Some(Ok(value));
        }
        // In an object of its own, so that its place is found in the layout.
        let read = write_object([(key, value.get())])
            .map_err(not_json)
            .and_then(|json| {
                decode::with(T::LAYOUT, json.as_bytes(), &Only(PhantomData))
                    .map_err(Refusal::Record)
            });
        Some(read)
    }
}

impl<T> Update<T> {
    /// Which record is meant: the text of `Entity-Id`. [`read_id`](crate::read_id) makes a type of it.
    #[must_use]
    pub fn id(&self) -> &EntityId {
        &self.id
    }

    /// The fields that are present, by the names of the first level, in the order in which they came.
    /// Neither read-only ones nor keys that the layout does not know.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.known().map(|entry| entry.key.as_str())
    }

    /// Whether a field is among the [`keys`](Self::keys).
    #[must_use]
    pub fn contains(&self, key: &str) -> bool {
        self.value(key).is_some()
    }

    /// A field's value, the JSON as it came; without the read-only fields, if it is an object or a list
    /// of them.
    #[must_use]
    pub fn value(&self, key: &str) -> Option<&RawValue> {
        self.known()
            .find(|entry| entry.key == key)
            .map(|entry| &*entry.value)
    }

    /// Whether there is nothing that could change a record: no key at all, or only read-only ones.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// The treekeys of keys that the layout does not know, fifty at most. They are no fault: the answer's
    /// `detail` names them.
    #[must_use]
    pub fn unknown_keys(&self) -> &[String] {
        &self.unknown_keys
    }

    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }

    fn known(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| entry.is_known)
    }
}

impl<T> Clone for Update<T> {
    fn clone(&self) -> Self {
        Self {
            id: self.id.clone(),
            entries: self.entries.clone(),
            unknown_keys: self.unknown_keys.clone(),
            record: PhantomData,
        }
    }
}

impl<T> fmt::Debug for Update<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let entries = self.entries.iter();
        f.debug_struct("Update")
            .field("id", &self.id)
            .field("keys", &entries.map(|entry| &entry.key).collect::<Vec<_>>())
            .finish_non_exhaustive()
    }
}

/// Reads the one value of an object that has one key.
struct Only<V>(PhantomData<V>);

impl<V: DeserializeOwned> Reader for Only<V> {
    type Value = V;

    fn read<'de, D: Deserializer<'de>>(&self, json: D) -> Result<V, D::Error> {
        struct OnlyVisitor<V>(PhantomData<V>);

        impl<'de, V: DeserializeOwned> Visitor<'de> for OnlyVisitor<V> {
            type Value = V;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object with one key")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut object: A) -> Result<V, A::Error> {
                use serde::de::Error as _;

                match object.next_key::<IgnoredAny>()? {
                    Some(_) => object.next_value(),
                    // Its null was left out, and nothing says what stands for it.
                    None => Err(A::Error::custom("null is no value of the type")),
                }
            }
        }

        json.deserialize_map(OnlyVisitor(PhantomData))
    }
}
