//! The rules, as a list. What breaks one is reported and left out of what is expanded.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::{Ident, Type};

use crate::Kind;
use crate::ast::{Field, Spanned, Struct};
use crate::attr::dsync;
use crate::attr::serde::WhenAbsent;
use crate::errors::Errors;
use crate::expand::{innermost, is_option};

pub(crate) fn check(item: &mut Struct, errors: &mut Errors) {
    if item.kind == Kind::Entity {
        entity_words(item, errors);
    }
    no_fields(item, errors);
    names(item, errors);
    recursion(item, errors);
    primary_key(item, errors);
    flattened(item, errors);
    for field in &item.fields {
        optionality(field, errors);
        read_only(field, errors);
        date_format(field, errors);
        date_format_tokens(field, errors);
        multiple(field, errors);
    }
}

/// Dots separate the parts of a treekey, so no part may have one.
fn problem_of_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("a name cannot be empty: it is a part of the treekey")
    } else if name.contains('.') {
        Some("a name cannot have a dot: dots separate the parts of a treekey")
    } else if name.trim() != name || name.contains(char::is_control) {
        // The name of a key field travels in a header.
        Some("a name cannot begin or end with a blank, or have a control character")
    } else {
        None
    }
}

fn at<T>(spanned: &Spanned<T>) -> Ident {
    // A token to hang the message on; its text is not shown.
    Ident::new("here", spanned.span)
}

fn entity_words(item: &Struct, errors: &mut Errors) {
    let words = &item.entity;
    if let Some(problem) = problem_of_name(&words.name.value) {
        errors.add(at(&words.name), problem);
    }
    let url = &words.endpoint_url;
    if url
        .value
        .contains(|letter: char| letter.is_whitespace() || letter.is_control())
    {
        errors.add(
            at(url),
            "the endpoint_url would have a blank in it: write one with `endpoint_url = \"/entity/..\"`",
        );
    }
    if !(url.value.starts_with('/') || url.value.contains("://")) {
        errors.add(
            at(url),
            "an endpoint_url begins with a slash (\"/entity/product\"), or is an absolute address",
        );
    }
    let token = &words.token;
    if token.value.is_empty() || !token.value.bytes().all(|byte| byte.is_ascii_graphic()) {
        errors.add(
            at(token),
            "an entity token needs one or more visible ASCII characters, and no blanks: it travels in a header",
        );
    }
}

/// A treekey is unique within its entity. Those of flattened fields are known in constant
/// evaluation only.
fn names(item: &mut Struct, errors: &mut Errors) {
    let mut first = HashMap::<String, String>::new();
    if let Some(tag) = &item.tag {
        if let Some(problem) = problem_of_name(&tag.value()) {
            errors.add(tag, problem);
            item.tag = None;
        } else {
            first.insert(tag.value(), "serde's tag".to_owned());
        }
    }
    item.fields.retain(|field| {
        if field.flatten.is_some() {
            return true;
        }
        if let Some(problem) = problem_of_name(&field.name.value) {
            errors.add(at(&field.name), problem);
            return false;
        }
        let place = format!("`{}`", field.ident.unraw());
        if let Some(other) = first.get(&field.name.value) {
            let message = format!(
                "the name `{}` stands twice, on {other} and on {place}: a treekey is unique within its entity",
                field.name.value,
            );
            errors.add(at(&field.name), &message);
            return false;
        }
        first.insert(field.name.value.clone(), place);
        true
    });
}

/// A type that contains itself has treekeys without an end. A circle through other types cannot be
/// seen from here; rustc reports it as a cycle in constant evaluation (E0391).
fn recursion(item: &mut Struct, errors: &mut Errors) {
    let ident = item.ident.clone();
    item.fields.retain(|field| {
        let recursive = field.words.field_type.is_none() && is_itself(innermost(&field.ty), &ident);
        if recursive {
            errors.add(
                &field.ty,
                format_args!(
                    "`{ident}` contains itself here, so its treekeys would have no end: put `#[dsync(skip)]` or `#[dsync(type = \"custom\")]` on the field"
                ),
            );
        }
        !recursive
    });
}

/// Whether a type is the struct itself: `Order`, `Self` or `self::Order`. `v1::Order` is another, and
/// `Id<Order>` need not contain one.
fn is_itself(ty: &Type, ident: &Ident) -> bool {
    let Type::Path(ty) = ty else {
        return false;
    };
    let segments = &ty.path.segments;
    let last = segments
        .last()
        .is_some_and(|last| last.ident == *ident || last.ident == "Self");
    let here = segments.len() == 1 || (segments.len() == 2 && segments[0].ident == "self");
    ty.qself.is_none() && last && here
}

/// Whether an identifier stands anywhere in the tokens of a type.
pub(crate) fn mentions(tokens: TokenStream, wanted: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => wanted(&ident),
        TokenTree::Group(group) => mentions(group.stream(), wanted),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// An entity has at most one; a part may have one too, for the entity that flattens it.
fn primary_key(item: &mut Struct, errors: &mut Errors) {
    let mut first: Option<Ident> = None;
    for field in &mut item.fields {
        let Some(word) = field.words.primary_key.clone() else {
            continue;
        };
        match &first {
            Some(other) => {
                errors.add(
                    &word,
                    format_args!(
                        "`{}` is a second primary key beside `{}`: an entity has at most one; for a composite key, fill a text field of your own",
                        field.ident.unraw(),
                        other.unraw()
                    ),
                );
                field.words.primary_key = None;
            }
            None => first = Some(field.ident.clone()),
        }
    }
}

/// A flattened field has no place of its own in the layout: its fields have.
fn flattened(item: &Struct, errors: &mut Errors) {
    let parameters = item.type_parameters();
    for field in &item.fields {
        let Some(flatten) = &field.flatten else {
            continue;
        };
        if field.opaque {
            errors.add(
                flatten,
                "what other code writes cannot be flattened: its fields are not known; put `#[dsync(skip)]` on the field",
            );
        }
        if mentions(field.ty.to_token_stream(), &|ident| {
            parameters.contains(ident)
        }) {
            errors.add(
                &field.ty,
                "a type parameter cannot be flattened: its fields are not known here; put `#[dsync(skip)]` on the field, or write the struct out for the types it is used with",
            );
        }
        for (word, tokens) in field.words.of_the_field_itself() {
            errors.add(
                tokens,
                format_args!(
                    "a flattened field has no place of its own in the layout, so `{word}` means nothing: put it on a field of the flattened struct"
                ),
            );
        }
    }
}

/// A data layout needs at least one field an endpoint, and an object without one says nothing.
fn no_fields(item: &Struct, errors: &mut Errors) {
    if !item.fields.is_empty() || item.tag.is_some() {
        return;
    }
    errors.add(
        &item.ident,
        format_args!(
            "`{}` has no field to list: {} needs at least one",
            item.ident,
            if item.kind == Kind::Entity {
                "an entity"
            } else {
                "a part"
            }
        ),
    );
}

/// Otherwise the Rust type says whether it is a list.
fn multiple(field: &Field, errors: &mut Errors) {
    if let (Some(word), None) = (&field.words.multiple, &field.words.field_type) {
        errors.add(
            word,
            "`multiple` goes with a `type` word; without one, the Rust type says whether the field is a list",
        );
    }
}

fn optionality(field: &Field, errors: &mut Errors) {
    let words = &field.words;
    if let (Some(_), Some(optional)) = (&words.required, &words.optional) {
        errors.add(
            optional,
            "a field is `required` or `optional`, not both: leave one out",
        );
    }
    if let (Some(_), Some(read_only)) = (&words.required, &words.read_only) {
        errors.add(
            read_only,
            "a field that is `read_only` is never required in a write: leave one out",
        );
    }
}

/// The platform never sends a read-only field, so whoever receives a record reads it without the
/// field. Who only sends is asked, too: from here nobody sees what else is derived, and a struct often
/// begins to be read long after it began to be sent.
fn read_only(field: &Field, errors: &mut Errors) {
    let words = &field.words;
    let Some(word) = &words.read_only else {
        // Only serde makes it read-only, because it does not read it.
        return;
    };
    if field.flatten.is_some() || words.required.is_some() {
        // There the word itself is the mistake.
        return;
    }
    match &field.when_absent {
        WhenAbsent::Filled => {}
        WhenAbsent::AsTheTypeSays if is_option(&field.ty) => {}
        WhenAbsent::AsTheTypeSays if words.primary_key.is_some() => errors.add(
            word,
            "a read-only field is never in what the platform sends, so a record could not be read: add `#[serde(default)]`",
        ),
        WhenAbsent::AsTheTypeSays => errors.add(
            word,
            "a read-only field is never in what the platform sends, so a record could not be read: make it an `Option`, or add `#[serde(default)]`",
        ),
        WhenAbsent::Stops(with) => errors.add(
            word,
            format_args!(
                "a read-only field is never in what the platform sends, so a record could not be read, because serde's `{with}` wants even an `Option` to be there: add `#[serde(default)]`"
            ),
        ),
    }
}

/// The tokens are moment.js's, as DSYNC's own connector writes them; those of strftime are the
/// obvious mistake.
fn date_format_tokens(field: &Field, errors: &mut Errors) {
    if let Some(format) = &field.words.date_format
        && format.value().contains('%')
    {
        errors.add(
            format,
            "a date_format has moment.js tokens: \"YYYY-MM-DD\", \"YYYY-MM-DD HH:mm:ss\"",
        );
    }
}

/// Without a type word, the Rust type decides, and that is held against it in constant evaluation.
fn date_format(field: &Field, errors: &mut Errors) {
    if let (Some(format), Some(declared)) = (&field.words.date_format, &field.words.field_type)
        && !matches!(declared.variant, "Date" | "Time" | "Datetime")
    {
        errors.add(
            format,
            "only a date has a date_format: write `type = \"date\"`, `\"time\"` or `\"datetime\"`, or leave it out",
        );
    }
}

/// Words on a field that `#[dsync(skip)]` leaves out.
pub(crate) fn skipped(words: &dsync::Field, errors: &mut Errors) {
    if let Some(word) = &words.primary_key {
        errors.add(
            word,
            "a field that is skipped cannot be the primary key: leave out one of the two words",
        );
    }
}

/// Words on a field that serde does not write.
pub(crate) fn skipped_by_serde(words: &dsync::Field, errors: &mut Errors) {
    if let Some(word) = &words.primary_key {
        errors.add(
            word,
            "serde does not write this field, so it cannot be the primary key",
        );
    }
}
