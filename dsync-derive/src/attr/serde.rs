//! serde's attributes, as far as they change the JSON that is written.
//!
//! The layout is what serde writes, so every attribute is one of three: honoured, known to change
//! nothing in what is written, or a compile error. None is silently ignored.

use proc_macro2::TokenStream;
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, LitStr, Token};

use super::word::{Form, Word, words};
use crate::case::Case;
use crate::errors::Errors;

/// What stands on the struct.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) rename_all: Option<Case>,
    /// Any field may be absent from what is read.
    pub(crate) default: bool,
}

/// What stands on a field.
#[derive(Default)]
pub(crate) struct Field {
    pub(crate) rename: Option<LitStr>,
    /// The attribute whose two names differ, if they do.
    pub(crate) names_differ: Option<TokenStream>,
    pub(crate) skip: bool,
    pub(crate) may_be_absent: bool,
}

/// Container attributes that change nothing in the JSON of a struct with named fields.
const HARMLESS_ON_STRUCT: &[&str] = &[
    "rename", // a struct's own name is not written
    "deny_unknown_fields",
    "bound",
    "crate",
    "expecting",
];

/// Field attributes that change nothing in what is written.
const HARMLESS_ON_FIELD: &[&str] = &["alias", "bound", "borrow", "deserialize_with"];

impl Container {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for word in words(attributes, "serde", errors) {
            match &*word.name.unraw().to_string() {
                "rename_all" => {
                    if let Some(text) = serialize_name(&word, errors, &mut None) {
                        match Case::from_name(&text.value()) {
                            Some(case) => found.rename_all = Some(case),
                            // serde's own derive says what is wrong, if it is there.
                            None => errors.add(
                                &text,
                                format_args!(
                                    "`{}` is no naming rule of serde; the rules are {}",
                                    text.value(),
                                    crate::errors::list_of(&Case::NAMES)
                                ),
                            ),
                        }
                    }
                }
                "default" => found.default = true,
                known if HARMLESS_ON_STRUCT.contains(&known) => {}
                _ => not_understood(
                    &word,
                    "leave it out, or implement `DsyncObject` by hand",
                    errors,
                ),
            }
        }
        found
    }
}

impl Field {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for word in words(attributes, "serde", errors) {
            match &*word.name.unraw().to_string() {
                "rename" => {
                    found.rename = serialize_name(&word, errors, &mut found.names_differ);
                }
                "skip" | "skip_serializing" => found.skip = true,
                "skip_serializing_if" | "default" => found.may_be_absent = true,
                known if HARMLESS_ON_FIELD.contains(&known) => {}
                _ => not_understood(
                    &word,
                    "leave it out, or put `#[dsync(skip)]` on the field, which leaves that out of the layout",
                    errors,
                ),
            }
        }
        found
    }
}

fn not_understood(word: &Word, advice: &str, errors: &mut Errors) {
    errors.add(
        &word.name,
        format_args!(
            "serde's `{}` is not understood here yet, and the layout must be what serde writes: {advice}",
            word.name.unraw()
        ),
    );
}

/// The name that serde writes: `rename = ".."` or `rename(serialize = "..", deserialize = "..")`.
fn serialize_name(
    word: &Word,
    errors: &mut Errors,
    differ: &mut Option<TokenStream>,
) -> Option<LitStr> {
    let Form::List(list) = &word.form else {
        return word.text(errors);
    };
    let parser = Punctuated::<Word, Token![,]>::parse_terminated;
    let inner = match parser.parse2(list.clone()) {
        Ok(inner) => inner,
        Err(error) => {
            errors.push(error);
            return None;
        }
    };
    let (mut serialize, mut deserialize) = (None, None);
    for name in &inner {
        match &*name.name.to_string() {
            "serialize" => serialize = name.text(errors),
            // serde takes several names to read; all but one are aliases.
            "deserialize" => deserialize = name.text(errors),
            _ => errors.add(name, "expected `serialize` or `deserialize`"),
        }
    }
    let text = |name: &Option<LitStr>| name.as_ref().map(LitStr::value);
    if text(&serialize) != text(&deserialize) {
        *differ = Some(quote::quote_spanned!(list.span()=> #list));
    }
    serialize
}
