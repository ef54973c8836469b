//! The rules, as a list. What breaks one is reported and left out of what is expanded.

use std::collections::HashMap;

use proc_macro2::{TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::Ident;
use syn::ext::IdentExt as _;

use crate::Kind;
use crate::ast::{Field, Spanned, Struct};
use crate::attr::dsync;
use crate::errors::Errors;

pub(crate) fn check(item: &mut Struct, errors: &mut Errors) {
    if item.kind == Kind::Entity {
        entity_words(item, errors);
    }
    names(&mut item.fields, errors);
    recursion(item, errors);
    primary_key(item, errors);
    for field in &item.fields {
        optionality(field, errors);
        date_format(field, errors);
    }
}

/// Dots separate the parts of a treekey, so no part may have one.
fn problem_of_name(name: &str) -> Option<&'static str> {
    if name.is_empty() {
        Some("a name cannot be empty: it is a part of the treekey")
    } else if name.contains('.') {
        Some("a name cannot have a dot: dots separate the parts of a treekey")
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

/// A treekey is unique within its entity.
fn names(fields: &mut Vec<Field>, errors: &mut Errors) {
    let mut first = HashMap::<String, Ident>::new();
    fields.retain(|field| {
        if let Some(problem) = problem_of_name(&field.name.value) {
            errors.add(at(&field.name), problem);
            return false;
        }
        if let Some(other) = first.get(&field.name.value) {
            let message = format!(
                "the name `{}` stands twice, on `{}` and on `{}`: a treekey is unique within its entity",
                field.name.value,
                other.unraw(),
                field.ident.unraw()
            );
            errors.add(at(&field.name), &message);
            return false;
        }
        first.insert(field.name.value.clone(), field.ident.clone());
        true
    });
}

/// A type that contains itself has treekeys without an end. A circle through other types cannot be
/// seen from here; rustc reports it as a cycle in constant evaluation (E0391).
fn recursion(item: &mut Struct, errors: &mut Errors) {
    let ident = item.ident.clone();
    item.fields.retain(|field| {
        if field.words.field_type.is_some() {
            return true;
        }
        let recursive = mentions(field.ty.to_token_stream(), &|name| {
            *name == ident || name == "Self"
        });
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

/// Whether an identifier stands anywhere in the tokens of a type.
pub(crate) fn mentions(tokens: TokenStream, wanted: &dyn Fn(&Ident) -> bool) -> bool {
    tokens.into_iter().any(|tree| match tree {
        TokenTree::Ident(ident) => wanted(&ident),
        TokenTree::Group(group) => mentions(group.stream(), wanted),
        TokenTree::Punct(_) | TokenTree::Literal(_) => false,
    })
}

/// An entity has at most one, and only an entity has one.
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
            None if item.kind == Kind::Object => {
                errors.add(
                    &word,
                    "a part has no primary key, because it does not travel alone: derive DsyncEntity, or leave the word out",
                );
                field.words.primary_key = None;
            }
            None => first = Some(field.ident.clone()),
        }
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
    if let (Some(_), Some(optional)) = (&words.primary_key, &words.optional) {
        errors.add(
            optional,
            "a primary key identifies the record, so it cannot be `optional`",
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
