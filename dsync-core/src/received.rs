//! What a connector receives: a record, a change of one, an id, each as the type that it stands for.
//!
//! The bytes that came are what is read. Where they hold nothing to change, they are looked over once,
//! without building anything, and given to serde as they are.

mod checked;
mod decode;
mod id;
mod merge;
mod scan;
mod update;

#[cfg(test)]
mod tests;

pub use id::{UnfitId, id_text, read_id};
pub use merge::MergeError;
pub use update::Update;

use serde::de::DeserializeOwned;

use crate::entity::DsyncEntity;
use crate::layout::validate::Extent;
use crate::wire::Refusal;

/// A record that was received, and what is worth knowing about it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Received<T> {
    record: T,
    unknown_keys: Vec<String>,
}

impl<T> Received<T> {
    /// The record.
    #[must_use]
    pub fn record(&self) -> &T {
        &self.record
    }

    /// The record, taken out.
    #[must_use]
    pub fn into_record(self) -> T {
        self.record
    }

    /// The treekeys of keys that the layout does not know, fifty at most. They are no fault: the answer's
    /// `detail` names them.
    #[must_use]
    pub fn unknown_keys(&self) -> &[String] {
        &self.unknown_keys
    }
}

/// Reads a whole record, as a create brings it.
///
/// - A field that is read-only is dropped without a word, whatever its value is, also inside objects and
///   lists (PROTOCOL section 5).
/// - The rest is held against the layout, as [`EntityLayout::validate`](crate::EntityLayout::validate)
///   does it.
/// - A number or a boolean that came as a text is read as what it stands for. A type that reads texts,
///   such as one for decimals, gets the text, so that no digit is lost.
/// - An optional field that is null counts as absent where its type does not take null: a list with
///   serde's `default` is empty then.
/// - A key that the layout does not know goes to the type, which may take it or not. So a field that is in
///   serde's JSON and, by `#[dsync(skip)]`, not in the layout can be set from outside; serde's
///   `skip_deserializing` prevents it.
///
/// # Errors
///
/// [`Refusal::BodyNotJson`], also where a key stands twice, [`Refusal::BodyNotObject`], and
/// [`Refusal::Record`] with every fault of the record. What fits the layout and is refused by the type
/// itself, such as 300 for a `u8`, is one fault with its treekey; below serde's `flatten`, whose errors
/// have no place, with the treekey of the object around it.
///
/// # Examples
///
/// ```
/// use dsync_core::{DsyncEntity, DsyncObject, EntityLayout, FieldLayout, FieldType, Shape, read_record};
///
/// #[derive(Debug, PartialEq, serde::Deserialize)]
/// struct Product {
///     sku: String,
///     stock: u32,
///     #[serde(default)]
///     created_at: Option<String>,
/// }
///
/// static FIELDS: [FieldLayout; 3] = [
///     FieldLayout::new("sku", Shape::leaf(FieldType::Text)).with_primary_key(),
///     FieldLayout::new("stock", Shape::leaf(FieldType::Number)),
///     FieldLayout::new("created_at", Shape::leaf(FieldType::Text).optional()).with_read_only(),
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
/// let body = br#"{"sku":"S-1","stock":"5","created_at":"tomorrow","colour":"red"}"#;
/// let received = read_record::<Product>(body)?;
/// assert_eq!(
///     *received.record(),
///     Product { sku: "S-1".to_owned(), stock: 5, created_at: None },
/// );
/// assert_eq!(received.unknown_keys(), ["product.colour"]);
///
/// let refusal = read_record::<Product>(br#"{"sku":"S-1","stock":-5}"#).unwrap_err();
/// assert_eq!(
///     refusal.to_string(),
///     "the record does not fit the data layout: product.stock cannot be read: \
///      invalid value: integer `-5`, expected u32",
/// );
/// # Ok::<(), dsync_core::wire::Refusal>(())
/// ```
pub fn read_record<T: DsyncEntity + DeserializeOwned>(body: &[u8]) -> Result<Received<T>, Refusal> {
    let layout = T::LAYOUT;
    let checked = checked::check(layout, body, Extent::Whole)?;
    Ok(Received {
        record: decode::record(layout, &checked.json).map_err(Refusal::Record)?,
        unknown_keys: checked.unknown_keys,
    })
}
