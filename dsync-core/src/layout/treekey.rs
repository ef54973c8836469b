//! Treekeys: where a field sits in its entity, in dots.

use std::fmt;

use super::const_text::{ConstText, equal};
use super::{EntityLayout, FieldLayout};

/// The treekey of a field at its place of use: `product.inventory.qty`.
///
/// It is a path of borrowed segments, so walking a layout allocates nothing; the text is made only
/// where somebody reads it.
///
/// # Examples
///
/// ```
/// use dsync_core::Treekey;
///
/// let product = Treekey::root("product");
/// let inventory = product.child("inventory");
/// assert_eq!(inventory.child("qty").to_string(), "product.inventory.qty");
/// ```
#[derive(Clone, Copy, Debug)]
pub struct Treekey<'a> {
    parent: Option<&'a Treekey<'a>>,
    segment: &'a str,
}

impl<'a> Treekey<'a> {
    /// An entity's own treekey: its name.
    #[must_use]
    pub const fn root(name: &'a str) -> Self {
        Self {
            parent: None,
            segment: name,
        }
    }

    /// The treekey of a field below this one. A list adds no index.
    #[must_use]
    pub const fn child<'b>(&'b self, name: &'b str) -> Treekey<'b>
    where
        'a: 'b,
    {
        Treekey {
            parent: Some(self),
            segment: name,
        }
    }
}

impl fmt::Display for Treekey<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(parent) = self.parent {
            write!(f, "{parent}.")?;
        }
        f.write_str(self.segment)
    }
}

/// The treekey of a field as a `&'static str`, checked and made at compile time.
///
/// Fields are written with their Rust names, through `Option`, lists and boxes; what comes out has
/// the names of the JSON. A field that does not exist is a compile error that lists the fields
/// there are.
///
/// # Examples
///
/// ```
/// use dsync_core::{DsyncEntity, DsyncObject, EntityLayout, FieldLayout, FieldType, Shape, treekey};
///
/// struct Product;
/// # impl dsync_core::FieldValue for Product {
/// #     const SHAPE: Shape = Shape::object(<Self as DsyncObject>::FIELDS);
/// # }
/// impl DsyncObject for Product {
///     const FIELDS: &'static [FieldLayout] =
///         &[FieldLayout::new("SKU", Shape::leaf(FieldType::Text)).with_ident("sku")];
/// }
/// impl DsyncEntity for Product {
///     const LAYOUT: &'static EntityLayout =
///         &EntityLayout::new("product", "/entity/product", "token", Self::FIELDS);
/// }
///
/// const SKU: &str = treekey!(Product.sku);
/// assert_eq!(SKU, "product.SKU");
/// ```
#[macro_export]
macro_rules! treekey {
    ($($entity:ident)::+ $(. $field:ident)+) => {{
        const ENTITY: &$crate::EntityLayout = <$($entity)::+ as $crate::DsyncEntity>::LAYOUT;
        const PATH: &[&::core::primitive::str] = &[$(::core::stringify!($field)),+];
        const KEY: [::core::primitive::u8; $crate::__private::treekey_len(ENTITY, PATH)] =
            $crate::__private::treekey_bytes(ENTITY, PATH);
        const TEXT: &::core::primitive::str = $crate::__private::treekey_text(&KEY);
        TEXT
    }};
    ($($other:tt)*) => {
        ::core::compile_error!(
            "`treekey!` takes an entity and the names of fields, as in treekey!(Product.inventory.qty)"
        )
    };
}

/// The length of the treekey in bytes, or a compile error where there is no such field.
#[doc(hidden)]
#[must_use]
#[track_caller]
pub const fn treekey_len(entity: &EntityLayout, path: &[&str]) -> usize {
    let mut len = entity.name().len();
    let mut fields = entity.fields();
    let mut depth = 0;
    while depth < path.len() {
        let Some(field) = find(fields, path[depth]) else {
            no_such_field(path[depth], fields)
        };
        len += 1 + field.name().len();
        fields = field.fields();
        depth += 1;
    }
    len
}

/// The treekey's bytes; `LEN` comes from [`treekey_len`].
#[doc(hidden)]
#[must_use]
#[track_caller]
pub const fn treekey_bytes<const LEN: usize>(entity: &EntityLayout, path: &[&str]) -> [u8; LEN] {
    let mut text = ConstText::<LEN>::new().push(entity.name());
    let mut fields = entity.fields();
    let mut depth = 0;
    while depth < path.len() {
        let Some(field) = find(fields, path[depth]) else {
            no_such_field(path[depth], fields)
        };
        text = text.push(".").push(field.name());
        fields = field.fields();
        depth += 1;
    }
    text.bytes
}

/// The bytes of a treekey as text.
#[doc(hidden)]
#[must_use]
#[track_caller]
pub const fn treekey_text(bytes: &'static [u8]) -> &'static str {
    match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(_) => panic!("a treekey is joined from texts, so it is UTF-8"),
    }
}

pub(super) const fn find<'a>(fields: &'a [FieldLayout], ident: &str) -> Option<&'a FieldLayout> {
    let mut index = 0;
    while index < fields.len() {
        if equal(fields[index].rust_name(), ident) {
            return Some(&fields[index]);
        }
        index += 1;
    }
    None
}

#[track_caller]
pub(super) const fn no_such_field(ident: &str, fields: &[FieldLayout]) -> ! {
    let mut text = ConstText::<1024>::new()
        .push("there is no field `")
        .push(ident)
        .push(if fields.is_empty() {
            "`: nothing stands below"
        } else {
            "` here; the fields are "
        });
    let mut index = 0;
    while index < fields.len() {
        if index > 0 {
            text = text.push(", ");
        }
        text = text.push("`").push(fields[index].rust_name()).push("`");
        index += 1;
    }
    panic!("{}", text.as_str())
}
