//! serde's attributes, as far as they change the JSON that is written.
//!
//! The layout is what serde writes, so every attribute is one of four things, and none is silently
//! ignored. The tables name every word that serde's own derive knows; a test holds them against its
//! source. `#[dsync(ignore_serde(..))]` takes a word out of consideration.

use proc_macro2::{Ident, TokenStream};
use syn::ext::IdentExt as _;
use syn::parse::Parser as _;
use syn::punctuated::Punctuated;
use syn::spanned::Spanned as _;
use syn::{Attribute, LitStr, Token};

use super::word::{Form, Word, words};
use crate::case::Case;
use crate::errors::{Errors, list_of};

/// What an attribute does to the JSON.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// Nothing, or nothing that a layout shows.
    Harmless,
    /// What the layout follows.
    Followed,
    /// Code writes the JSON that nobody can look into: a type word has to say what comes out.
    NeedsType,
    /// What cannot be followed, and what to do instead.
    Refused(&'static str),
}

use Effect::{Followed, Harmless, NeedsType, Refused};

const ENUMS_ONLY: Effect = Refused("it belongs on an enum");

/// On a struct.
pub(crate) const ON_STRUCT: &[(&str, Effect)] = &[
    ("rename_all", Followed),
    ("default", Followed),
    ("tag", Followed),
    // A struct's own name is not written; with a tag it is a value, and a layout has no values.
    ("rename", Harmless),
    ("deny_unknown_fields", Harmless),
    ("bound", Harmless),
    ("crate", Harmless),
    ("expecting", Harmless),
    // What is read may be another type; what is written is this one.
    ("from", Harmless),
    ("try_from", Harmless),
    ("into", NeedsType),
    ("remote", NeedsType),
    (
        "transparent",
        Refused("the struct is written as the field in it: derive FieldValue instead"),
    ),
    ("untagged", ENUMS_ONLY),
    ("content", ENUMS_ONLY),
    ("rename_all_fields", ENUMS_ONLY),
    ("field_identifier", ENUMS_ONLY),
    ("variant_identifier", ENUMS_ONLY),
];

/// On a field.
pub(crate) const ON_FIELD: &[(&str, Effect)] = &[
    ("rename", Followed),
    ("default", Followed),
    ("skip", Followed),
    ("skip_serializing", Followed),
    ("skip_deserializing", Followed),
    ("skip_serializing_if", Followed),
    ("flatten", Followed),
    // Other names to read, and how it is read.
    ("alias", Harmless),
    ("deserialize_with", Harmless),
    ("bound", Harmless),
    ("borrow", Harmless),
    ("with", NeedsType),
    ("serialize_with", NeedsType),
    ("getter", NeedsType),
];

/// On a type that stands for one value: a newtype, or an enum of unit variants.
pub(crate) const ON_VALUE: &[(&str, Effect)] = &[
    ("rename_all", Followed),
    ("transparent", Harmless),
    ("rename", Harmless),
    ("rename_all_fields", Harmless),
    ("deny_unknown_fields", Harmless),
    ("default", Harmless),
    ("bound", Harmless),
    ("crate", Harmless),
    ("expecting", Harmless),
    ("from", Harmless),
    ("try_from", Harmless),
    ("field_identifier", Harmless),
    ("variant_identifier", Harmless),
    ("into", NeedsType),
    ("remote", NeedsType),
    // A unit variant would be an object, or null.
    ("tag", NeedsType),
    ("content", NeedsType),
    ("untagged", NeedsType),
];

/// On a unit variant.
pub(crate) const ON_VARIANT: &[(&str, Effect)] = &[
    ("rename", Followed),
    ("rename_all", Harmless),
    ("alias", Harmless),
    ("skip", Harmless),
    ("skip_serializing", Harmless),
    ("skip_deserializing", Harmless),
    ("other", Harmless),
    ("bound", Harmless),
    ("borrow", Harmless),
    ("deserialize_with", Harmless),
    ("with", NeedsType),
    ("serialize_with", NeedsType),
    ("untagged", NeedsType),
];

/// What stands on the struct, or on a type that stands for one value.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) rename_all: Renaming,
    /// Any field may be absent from what is read.
    pub(crate) default: bool,
    /// The name of a field that serde adds in front.
    pub(crate) tag: Option<LitStr>,
    /// The attribute that hides what is written.
    pub(crate) needs_type: Option<Ident>,
    /// Reading never stops at a field that is not there: a default stands for it, or what is read is
    /// another type. True also where the layout does not follow the word.
    reads_without: bool,
}

/// What serde's derive does where a field is not in what it reads.
pub(crate) enum WhenAbsent {
    /// It goes on: something else stands for the field.
    Filled,
    /// It goes on with an `Option`, and stops with anything else.
    AsTheTypeSays,
    /// It stops, with an `Option` too, because under this word other code reads the field.
    Stops(Ident),
}

/// The rule for the names of the fields: what is written, and what is read.
#[derive(Clone, Copy, Default)]
pub(crate) struct Renaming {
    pub(crate) write: Option<Case>,
    pub(crate) read: Option<Case>,
}

/// What stands on a field.
#[derive(Default)]
pub(crate) struct Field {
    pub(crate) rename: Option<LitStr>,
    /// The attribute whose two names differ, if they do.
    pub(crate) names_differ: Option<TokenStream>,
    pub(crate) skip: bool,
    /// It is not written, but may be read.
    pub(crate) skip_serializing: bool,
    /// It is written, but not read.
    pub(crate) skip_deserializing: bool,
    pub(crate) may_be_absent: bool,
    pub(crate) flatten: Option<Ident>,
    pub(crate) needs_type: Option<Ident>,
}

/// What stands on a variant.
#[derive(Default)]
pub(crate) struct Variant {
    pub(crate) rename: Option<LitStr>,
    pub(crate) needs_type: Option<Ident>,
}

impl Container {
    pub(crate) fn of_struct(
        attributes: &[Attribute],
        ignored: &[Ident],
        errors: &mut Errors,
    ) -> Self {
        Self::parse(attributes, ON_STRUCT, ignored, errors)
    }

    pub(crate) fn of_value(
        attributes: &[Attribute],
        ignored: &[Ident],
        errors: &mut Errors,
    ) -> Self {
        Self::parse(attributes, ON_VALUE, ignored, errors)
    }

    fn parse(
        attributes: &[Attribute],
        table: &[(&str, Effect)],
        ignored: &[Ident],
        errors: &mut Errors,
    ) -> Self {
        let mut found = Self {
            reads_without: any_of(&["default", "from", "try_from"], attributes).is_some(),
            ..Self::default()
        };
        for (word, name, effect) in considered(attributes, table, ignored, errors) {
            match (&*name, effect) {
                ("rename_all", Followed) => found.rename_all = rename_all(&word, errors),
                ("default", Followed) => found.default = true,
                ("tag", Followed) => found.tag = word.text(errors),
                (_, NeedsType) => found.needs_type = Some(word.name),
                _ => {}
            }
        }
        found
    }
}

impl Field {
    pub(crate) fn parse(attributes: &[Attribute], ignored: &[Ident], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for (word, name, effect) in considered(attributes, ON_FIELD, ignored, errors) {
            match (&*name, effect) {
                ("rename", Followed) => {
                    let names = names(&word, errors);
                    found.rename = names.write;
                    found.names_differ = names.differ;
                }
                ("skip", Followed) => found.skip = true,
                ("skip_serializing", Followed) => found.skip_serializing = true,
                ("skip_deserializing", Followed) => found.skip_deserializing = true,
                ("skip_serializing_if" | "default", Followed) => found.may_be_absent = true,
                ("flatten", Followed) => found.flatten = Some(word.name),
                (_, NeedsType) => found.needs_type = Some(word.name),
                _ => {}
            }
        }
        found
    }
}

impl WhenAbsent {
    pub(crate) fn of_field(attributes: &[Attribute], container: &Container) -> Self {
        if container.reads_without
            || any_of(&["default", "skip", "skip_deserializing"], attributes).is_some()
        {
            return Self::Filled;
        }
        match any_of(&["with", "deserialize_with"], attributes) {
            Some(word) => Self::Stops(word),
            None => Self::AsTheTypeSays,
        }
    }
}

/// The first of these words that stands there, be it one that the layout does not follow: what serde
/// reads does not depend on that.
fn any_of(wanted: &[&str], attributes: &[Attribute]) -> Option<Ident> {
    // What is wrong with the attributes is reported where the layout follows them.
    words(attributes, "serde", &mut Errors::default())
        .into_iter()
        .map(|word| word.name)
        .find(|name| wanted.contains(&&*name.to_string()))
}

impl Variant {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for (word, name, effect) in considered(attributes, ON_VARIANT, &[], errors) {
            match (&*name, effect) {
                ("rename", Followed) => found.rename = names(&word, errors).write,
                (_, NeedsType) => found.needs_type = Some(word.name),
                _ => {}
            }
        }
        found
    }
}

/// The words that count, each with its name and effect; says so where one is refused or unknown.
fn considered(
    attributes: &[Attribute],
    table: &[(&str, Effect)],
    ignored: &[Ident],
    errors: &mut Errors,
) -> Vec<(Word, String, Effect)> {
    let mut considered = Vec::new();
    for word in words(attributes, "serde", errors) {
        let name = word.name.unraw().to_string();
        if ignored.iter().any(|ignored| ignored.unraw() == name) {
            continue;
        }
        match table.iter().find(|(known, _)| *known == name) {
            Some((_, Refused(advice))) => errors.add(
                &word.name,
                format_args!("serde's `{name}` cannot be followed here: {advice}"),
            ),
            Some((_, effect)) => considered.push((word, name, *effect)),
            None => errors.add(
                &word.name,
                format_args!(
                    "serde's `{name}` is not known here, and the layout must be what serde writes: if it changes nothing in the JSON, `#[dsync(ignore_serde({name}))]` says so"
                ),
            ),
        }
    }
    considered
}

fn rename_all(word: &Word, errors: &mut Errors) -> Renaming {
    let names = names(word, errors);
    let mut case = |text: &Option<LitStr>| {
        let text = text.as_ref()?;
        let case = Case::from_name(&text.value());
        if case.is_none() {
            errors.add(
                text,
                format_args!(
                    "`{}` is no naming rule of serde; the rules are {}",
                    text.value(),
                    list_of(&Case::NAMES)
                ),
            );
        }
        case
    };
    let write = case(&names.write);
    let read = if names.differ.is_none() {
        write
    } else {
        case(&names.read)
    };
    Renaming { write, read }
}

/// `key = ".."`, or `key(serialize = "..", deserialize = "..")`.
#[derive(Default)]
struct Names {
    write: Option<LitStr>,
    read: Option<LitStr>,
    /// The tokens, where the two are not the same.
    differ: Option<TokenStream>,
}

fn names(word: &Word, errors: &mut Errors) -> Names {
    let Form::List(list) = &word.form else {
        let text = word.text(errors);
        return Names {
            write: text.clone(),
            read: text,
            differ: None,
        };
    };
    let mut names = Names::default();
    match Punctuated::<Word, Token![,]>::parse_terminated.parse2(list.clone()) {
        Ok(inner) => {
            for name in &inner {
                match &*name.name.to_string() {
                    "serialize" => names.write = name.text(errors),
                    "deserialize" => names.read = name.text(errors),
                    _ => errors.add(name, "expected `serialize` or `deserialize`"),
                }
            }
        }
        Err(error) => errors.push(error),
    }
    let text = |name: &Option<LitStr>| name.as_ref().map(LitStr::value);
    if text(&names.write) != text(&names.read) {
        names.differ = Some(quote::quote_spanned!(list.span()=> #list));
    }
    names
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::PathBuf;
    use std::process::Command;

    use super::*;

    /// The source of the serde_derive that this workspace resolves to.
    fn source_of_serde_derive(file: &str) -> String {
        // Without the network first; on a fresh machine the packages of optional features are not
        // there yet.
        let ask = |network: &[&str]| {
            Command::new(env!("CARGO"))
                .args(["metadata", "--format-version", "1", "--locked"])
                .args(network)
                .current_dir(env!("CARGO_MANIFEST_DIR"))
                .output()
                .unwrap()
        };
        let mut output = ask(&["--offline"]);
        if !output.status.success() {
            output = ask(&[]);
        }
        let json = String::from_utf8(output.stdout).unwrap();
        let end = json.find("/serde_derive-").map(|at| {
            at + json[at..]
                .find("/Cargo.toml")
                .expect("a manifest's path ends so")
        });
        let end = end.expect("serde_derive is among the packages");
        let start = json[..end].rfind('"').expect("a path is in quotes") + 1;
        std::fs::read_to_string(
            PathBuf::from(&json[start..end])
                .join("src/internals")
                .join(file),
        )
        .unwrap()
    }

    fn symbols() -> Vec<(String, String)> {
        source_of_serde_derive("symbol.rs")
            .lines()
            .filter_map(|line| {
                let (name, value) = line
                    .strip_prefix("pub const ")?
                    .split_once(": Symbol = Symbol(\"")?;
                Some((name.to_owned(), value.trim_end_matches("\");").to_owned()))
            })
            .collect()
    }

    /// The words that one `from_ast` of serde's derive takes.
    fn words_of(item: &str) -> BTreeSet<String> {
        let source = source_of_serde_derive("attr.rs");
        let start = source
            .find(&format!("impl {item} {{"))
            .expect("serde's derive has it");
        let body = &source[start..];
        let body = &body[..body.find("\n}\n").expect("an impl ends")];
        let words: BTreeSet<_> = symbols()
            .into_iter()
            .filter(|(name, _)| body.contains(&format!("meta.path == {name} ")))
            .map(|(_, word)| word)
            .collect();
        assert!(
            words.len() > 5,
            "serde's derive is written differently now: {words:?}"
        );
        words
    }

    fn ours(tables: &[&[(&str, Effect)]]) -> BTreeSet<String> {
        let words = tables.iter().flat_map(|table| table.iter());
        words.map(|(word, _)| (*word).to_owned()).collect()
    }

    /// A word that serde learns and this derive does not know would be a compile error for users;
    /// this test says so first.
    #[test]
    fn every_word_of_serde_is_known() {
        assert_eq!(words_of("Container"), ours(&[ON_STRUCT]));
        assert_eq!(words_of("Container"), ours(&[ON_VALUE]));
        assert_eq!(words_of("Field"), ours(&[ON_FIELD]));
        assert_eq!(words_of("Variant"), ours(&[ON_VARIANT]));
    }
}
