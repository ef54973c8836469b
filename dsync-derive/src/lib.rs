//! The derive macros of DSYNC for Rust. Use them through the facade: `dsync::DsyncEntity`,
//! `dsync::DsyncObject`, `dsync::FieldValue`.
//!
//! The crate is a small compiler. A struct goes through its stages in this order, one file each:
//!
//! 1. `ast`: the struct, its fields, and what their attributes say (`attr`);
//! 2. `check`: the rules, as a list;
//! 3. `expand`: the code that comes out, or, where there is no struct to speak of, `fallback`.
//!
//! A type that is a single value takes a shorter way, `value`.
//!
//! Mistakes are collected in `errors` and reported all at once, each on the user's own token. What
//! was understood is still expanded, so that one mistake does not make twenty more.

#![forbid(unsafe_code)]

mod ast;
mod attr;
mod case;
mod check;
mod errors;
mod expand;
mod fallback;
mod names;
#[cfg(test)]
mod tests;
mod value;

use proc_macro::TokenStream;
use syn::DeriveInput;

use crate::ast::Struct;
use crate::errors::Errors;

/// What is derived: a part, an entity, which is a part with a place of its own, or a single value.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Object,
    Entity,
    Value,
}

/// Makes a struct an entity: an endpoint of the data layout, whose records travel on their own.
///
/// Implements `DsyncEntity` with the endpoint's layout, all that [`DsyncObject`](macro@DsyncObject)
/// implements, and `PrimaryKey` where a field is marked so.
///
/// On the struct, all optional:
///
/// | word | meaning | default |
/// |---|---|---|
/// | `name = ".."` | the entity's name and treekey | the struct's name in snake case |
/// | `endpoint_url = ".."` | where the connector serves it | `/entity/<name>` |
/// | `entity_token = ".."` | what identifies it in requests | `rust-sdk-<name>-<32 hex>`, from package and entity name |
/// | `crate = ".."` | the path of the facade | `::dsync` |
/// | `ignore_serde(..)` | words of serde that the layout does not follow | none |
///
/// The default token is the same in every build, but renaming the package or the entity changes it,
/// and to the platform that is another entity: write the token down before the system goes live.
///
/// On a field: see [`DsyncObject`](macro@DsyncObject). `primary_key` marks the field that identifies
/// a record: a text, an integer or a boolean. In a flattened part the word stands on the flattened
/// field, too.
///
/// # Examples
///
/// ```
/// use dsync::prelude::*;
///
/// #[derive(DsyncEntity)]
/// #[dsync(
///     name = "article",
///     endpoint_url = "/entity/article",
///     entity_token = "shop-1-article-2f0a6c"
/// )]
/// struct Product {
///     /// A product SKU
///     #[dsync(primary_key)]
///     sku: String,
/// }
///
/// assert_eq!(Product::layout().name(), "article");
/// assert_eq!(Product::layout().primary_key().unwrap().description(), Some("A product SKU"));
/// assert_eq!(treekey!(Product.sku), "article.sku");
/// ```
#[proc_macro_derive(DsyncEntity, attributes(dsync))]
pub fn derive_dsync_entity(input: TokenStream) -> TokenStream {
    derive(input, Kind::Entity)
}

/// Makes a struct a part: it has fields, but stands only inside of entities.
///
/// Implements `DsyncObject`, `FieldValue`, `ListItem`, and `PrimaryKey` where a field is marked so.
/// The layout is what serde writes: `rename`, `rename_all`, `skip`, `skip_serializing`,
/// `skip_serializing_if`, `skip_deserializing`, `default`, `flatten` and a struct's `tag` are
/// followed. Where code decides that nobody can look into (`with`, `serialize_with`, `getter`), a
/// `type` has to say what comes out. Anything else that would change the JSON is a compile error.
///
/// On a field, all optional:
///
/// | word | meaning | default |
/// |---|---|---|
/// | `type = ".."` | one of the eleven field types | what follows from the Rust type |
/// | `multiple` | with a `type`: it is a list | what follows from the Rust type |
/// | `name = ".."` | the name in the layout | what serde writes |
/// | `description = ".."` | the free text | the doc comment |
/// | `required`, `optional` | whether it must be there, if its parent is | required unless an `Option`, or serde may leave it out |
/// | `read_only` | only this system sets it: not required, and its description begins "Read only."; an `Option`, or with serde's `default` | no, unless serde only writes it |
/// | `date_format = ".."` | a date's format in moment.js tokens | none; `YYYY-MM-DD` for a plain date of a date library |
/// | `references = Entity::field` | a field of another entity, whose treekey becomes the foreign key | none |
/// | `foreign_key = ".."` | the foreign key as a text | none |
/// | `primary_key` | it identifies a record; a part shows it only where an entity flattens it under the same word | none |
/// | `skip` | leave it out of the layout | listed |
/// | `ignore_serde(..)` | words of serde that the layout does not follow | none |
///
/// On the struct: `crate = ".."`, the path of the facade, and `ignore_serde(..)`.
///
/// A `type` may stand on any Rust type: it says what serde writes for it. Whether the field is a
/// list and whether it is optional still come from the Rust type.
///
/// # Examples
///
/// ```
/// use dsync::prelude::*;
/// use serde::Serialize;
///
/// #[derive(Serialize, DsyncEntity)]
/// struct Category {
///     #[dsync(primary_key)]
///     id: u32,
/// }
///
/// #[derive(Serialize, DsyncObject)]
/// #[serde(rename_all = "camelCase")]
/// struct Offer {
///     #[dsync(type = "url")]
///     web_page: Option<String>,
///     #[dsync(type = "date", date_format = "YYYY-MM-DD", description = "The last day")]
///     valid_until: String,
///     #[dsync(references = Category::id)]
///     category: u32,
///     #[dsync(optional)]
///     discounts: Vec<f32>,
///     #[dsync(skip)]
///     internal: u64,
/// }
///
/// let names: Vec<_> = Offer::FIELDS.iter().map(|field| field.name()).collect();
/// assert_eq!(names, ["webPage", "validUntil", "category", "discounts"]);
/// assert!(!Offer::FIELDS[3].is_required() && Offer::FIELDS[3].is_multiple());
/// ```
#[proc_macro_derive(DsyncObject, attributes(dsync))]
pub fn derive_dsync_object(input: TokenStream) -> TokenStream {
    derive(input, Kind::Object)
}

/// Makes a type a single value: a newtype, or an enum of unit variants.
///
/// Implements `FieldValue`; `ListItem` and `ToEntityId` (so that it may be a primary key) where the
/// type inside has them. A newtype is what it holds, as serde writes it; an enum is a text.
///
/// On the type, all optional:
///
/// | word | meaning | default |
/// |---|---|---|
/// | `type = ".."` | one of the eleven field types; then the type may be anything | that of the type inside, `text` for an enum |
/// | `crate = ".."` | the path of the facade | `::dsync` |
/// | `ignore_serde(..)` | words of serde that the layout does not follow | none |
///
/// # Examples
///
/// ```
/// use dsync::prelude::*;
/// use serde::Serialize;
///
/// #[derive(Serialize, FieldValue)]
/// struct Sku(String);
///
/// #[derive(Serialize, FieldValue)]
/// #[serde(rename_all = "kebab-case")]
/// enum Availability {
///     InStock,
///     SoldOut,
/// }
///
/// /// Serializes as a number, by code of its own.
/// #[derive(FieldValue)]
/// #[dsync(type = "number")]
/// struct Cents {
///     amount: u64,
/// }
///
/// #[derive(DsyncEntity)]
/// struct Product {
///     #[dsync(primary_key)]
///     sku: Sku,
///     availability: Option<Availability>,
///     prices: Vec<Cents>,
/// }
///
/// let types = Product::FIELDS.iter().map(|field| field.field_type().as_str());
/// assert!(types.eq(["text", "text", "number"]));
/// ```
#[proc_macro_derive(FieldValue, attributes(dsync))]
pub fn derive_field_value(input: TokenStream) -> TokenStream {
    derive(input, Kind::Value)
}

fn derive(input: TokenStream, kind: Kind) -> TokenStream {
    let input = syn::parse_macro_input!(input as DeriveInput);
    let mut errors = Errors::default();
    let code = match kind {
        Kind::Value => value::Value::from_input(&input, &mut errors).map(|value| value.expand()),
        Kind::Object | Kind::Entity => {
            Struct::from_input(&input, kind, &mut errors).map(|mut item| {
                check::check(&mut item, &mut errors);
                expand::expand(&item)
            })
        }
    };
    let code = code.unwrap_or_else(|| {
        // Its mistakes, if it has any, were told before.
        let words = attr::dsync::Container::parse(&input.attrs, kind, &mut Errors::default());
        fallback::expand(&input, kind, words.krate)
    });
    let errors = errors.into_compile_errors();
    quote::quote!(#code #errors).into()
}
