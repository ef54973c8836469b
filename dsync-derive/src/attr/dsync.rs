//! Our own words: `#[dsync(..)]` on a struct and on a field.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{ParseStream, Parser as _};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, Ident, LitStr, Path, Token};

use super::word::{Form, Word, ungrouped, words};
use crate::Kind;
use crate::errors::{Errors, did_you_mean, list_of};

/// What stands on the struct.
#[derive(Default)]
pub(crate) struct Container {
    pub(crate) name: Option<LitStr>,
    pub(crate) endpoint_url: Option<LitStr>,
    pub(crate) entity_token: Option<LitStr>,
    pub(crate) krate: Option<Path>,
    pub(crate) field_type: Option<TypeWord>,
    /// Words of serde that the layout does not follow.
    pub(crate) ignore_serde: Vec<Ident>,
}

/// What stands on a field.
#[derive(Default)]
pub(crate) struct Field {
    /// The word itself, for errors about it.
    pub(crate) primary_key: Option<Ident>,
    pub(crate) field_type: Option<TypeWord>,
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) multiple: Option<Ident>,
    pub(crate) read_only: Option<Ident>,
    pub(crate) required: Option<Ident>,
    pub(crate) optional: Option<Ident>,
    pub(crate) date_format: Option<LitStr>,
    pub(crate) references: Option<Reference>,
    pub(crate) foreign_key: Option<LitStr>,
    pub(crate) skip: Option<Ident>,
    /// Words of serde that the layout does not follow.
    pub(crate) ignore_serde: Vec<Ident>,
}

/// One of the eleven types, as the name of the variant of `FieldType`.
pub(crate) struct TypeWord {
    pub(crate) variant: &'static str,
    pub(crate) text: LitStr,
}

/// `references = Entity::field`.
pub(crate) struct Reference {
    pub(crate) entity: Path,
    pub(crate) field: Ident,
}

const ENTITY_WORDS: &[&str] = &[
    "name",
    "endpoint_url",
    "entity_token",
    "crate",
    "ignore_serde",
];

const OBJECT_WORDS: &[&str] = &["crate", "ignore_serde"];

const VALUE_WORDS: &[&str] = &["type", "crate", "ignore_serde"];

const FIELD_WORDS: &[&str] = &[
    "primary_key",
    "type",
    "multiple",
    "name",
    "description",
    "required",
    "optional",
    "read_only",
    "date_format",
    "references",
    "foreign_key",
    "skip",
    "ignore_serde",
];

/// The types' words, and the variants of `FieldType` that stand for them.
const TYPES: [(&str, &str); 11] = [
    ("text", "Text"),
    ("number", "Number"),
    ("url", "Url"),
    ("email", "Email"),
    ("date", "Date"),
    ("time", "Time"),
    ("datetime", "Datetime"),
    ("boolean", "Boolean"),
    ("object", "Object"),
    ("math", "Math"),
    ("custom", "Custom"),
];

impl Container {
    pub(crate) fn parse(attributes: &[Attribute], kind: Kind, errors: &mut Errors) -> Self {
        let legal = match kind {
            Kind::Entity => ENTITY_WORDS,
            Kind::Object => OBJECT_WORDS,
            Kind::Value => VALUE_WORDS,
        };
        let mut found = Self::default();
        for word in words(attributes, "dsync", errors) {
            let name = word.name.unraw().to_string();
            if !legal.contains(&&*name) {
                misplaced_on_struct(&word, kind, legal, errors);
                continue;
            }
            match &*name {
                "name" => set(&mut found.name, word.text(errors), &word, errors),
                "endpoint_url" => set(&mut found.endpoint_url, word.text(errors), &word, errors),
                "entity_token" => set(&mut found.entity_token, word.text(errors), &word, errors),
                "crate" => set(&mut found.krate, path(&word, errors), &word, errors),
                "type" => {
                    let value = word.text(errors).map(|text| type_word(&text, errors));
                    set(&mut found.field_type, value, &word, errors);
                }
                _ => found.ignore_serde.extend(ignored(&word, errors)),
            }
        }
        found
    }
}

fn misplaced_on_struct(word: &Word, kind: Kind, legal: &[&str], errors: &mut Errors) {
    let name = word.name.unraw().to_string();
    let advice = match (kind, &*name) {
        (Kind::Object, "name" | "endpoint_url" | "entity_token") => {
            "a part has no endpoint of its own; derive DsyncEntity, or leave the word out"
        }
        (Kind::Value, "name" | "endpoint_url" | "entity_token") => {
            "a value has no endpoint of its own; leave the word out"
        }
        _ => return unknown(word, "on a struct", legal, FIELD_WORDS, errors),
    };
    errors.add(
        &word.name,
        format_args!("`{name}` belongs to an entity: {advice}"),
    );
}

/// Attributes on a variant of an enum or the field of a newtype: no word of ours means anything.
pub(crate) fn refuse_all(attributes: &[Attribute], errors: &mut Errors) {
    for word in words(attributes, "dsync", errors) {
        errors.add(
            &word.name,
            format_args!(
                "`{}` means nothing here: this type is one value, and what is to be said about it stands on the field that holds it",
                word.name.unraw()
            ),
        );
    }
}

impl Field {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for word in words(attributes, "dsync", errors) {
            match &*word.name.unraw().to_string() {
                "primary_key" => flag(&mut found.primary_key, &word, errors),
                "multiple" => flag(&mut found.multiple, &word, errors),
                "read_only" => flag(&mut found.read_only, &word, errors),
                "ignore_serde" => found.ignore_serde.extend(ignored(&word, errors)),
                "required" => flag(&mut found.required, &word, errors),
                "optional" => flag(&mut found.optional, &word, errors),
                "skip" => flag(&mut found.skip, &word, errors),
                "type" => {
                    let value = word.text(errors).map(|text| type_word(&text, errors));
                    set(&mut found.field_type, value, &word, errors);
                }
                "name" => set(&mut found.name, word.text(errors), &word, errors),
                "description" => set(&mut found.description, word.text(errors), &word, errors),
                "date_format" => set(&mut found.date_format, word.text(errors), &word, errors),
                "foreign_key" => set(&mut found.foreign_key, word.text(errors), &word, errors),
                "references" => {
                    set(
                        &mut found.references,
                        reference(&word, errors),
                        &word,
                        errors,
                    );
                }
                _ => unknown(&word, "on a field", FIELD_WORDS, ENTITY_WORDS, errors),
            }
        }
        found
    }
}

impl Field {
    /// The words that mean nothing on a field whose own fields stand in its place.
    pub(crate) fn of_the_field_itself(&self) -> Vec<(&'static str, TokenStream)> {
        let mut words = Vec::new();
        let mut add = |word, tokens: Option<TokenStream>| words.extend(tokens.map(|t| (word, t)));
        let text = |text: &Option<LitStr>| text.as_ref().map(ToTokens::to_token_stream);
        let flag = |flag: &Option<Ident>| flag.as_ref().map(ToTokens::to_token_stream);
        add("name", text(&self.name));
        add("description", text(&self.description));
        add("date_format", text(&self.date_format));
        add("foreign_key", text(&self.foreign_key));
        add("multiple", flag(&self.multiple));
        add("read_only", flag(&self.read_only));
        add(
            "type",
            self.field_type
                .as_ref()
                .map(|word| word.text.to_token_stream()),
        );
        add(
            "references",
            self.references
                .as_ref()
                .map(|reference| reference.entity.to_token_stream()),
        );
        words
    }
}

/// Keeps the first of two equal words, and says so about the second.
fn set<T>(place: &mut Option<T>, value: Option<T>, word: &Word, errors: &mut Errors) {
    if place.is_some() {
        errors.add(
            &word.name,
            format_args!("`{}` stands here twice", word.name.unraw()),
        );
    } else {
        *place = value;
    }
}

fn flag(place: &mut Option<Ident>, word: &Word, errors: &mut Errors) {
    word.is_bare(errors);
    set(place, Some(word.name.clone()), word, errors);
}

fn unknown(word: &Word, place: &str, legal: &[&str], elsewhere: &[&str], errors: &mut Errors) {
    let name = word.name.unraw().to_string();
    if elsewhere.contains(&&*name) {
        let other = if place == "on a field" {
            "a struct"
        } else {
            "a field"
        };
        errors.add(
            &word.name,
            format_args!(
                "`{name}` belongs on {other}; {place} the words are {}",
                list_of(legal)
            ),
        );
    } else {
        errors.add(
            &word.name,
            format_args!(
                "there is no word `{name}` {place}{}; the words are {}",
                did_you_mean(&name, legal),
                list_of(legal)
            ),
        );
    }
}

/// `ignore_serde(rename, flatten)`.
fn ignored(word: &Word, errors: &mut Errors) -> Vec<Ident> {
    let parser = Punctuated::<Ident, Token![,]>::parse_terminated_with;
    if let Form::List(list) = &word.form
        && let Ok(names) =
            (|input: ParseStream<'_>| parser(input, Ident::parse_any)).parse2(list.clone())
        && !names.is_empty()
    {
        return names.into_iter().collect();
    }
    errors.add(
        word,
        "`ignore_serde` takes the words of serde that the layout does not follow: ignore_serde(rename, flatten)",
    );
    Vec::new()
}

/// A wrong word stands for `custom` from here on, so that the mistake is not reported twice.
fn type_word(text: &LitStr, errors: &mut Errors) -> TypeWord {
    let word = text.value();
    let known = TYPES.iter().find(|(name, _)| *name == word);
    let variant = match known {
        Some((_, variant)) => variant,
        None => {
            let names = TYPES.map(|(name, _)| name);
            errors.add(
                text,
                format_args!(
                    "`{word}` is no field type{}; the types are {}",
                    did_you_mean(&word, &names),
                    list_of(&names)
                ),
            );
            "Custom"
        }
    };
    TypeWord {
        variant,
        text: text.clone(),
    }
}

fn path(word: &Word, errors: &mut Errors) -> Option<Path> {
    let text = word.text(errors)?;
    match text.parse_with(Path::parse_mod_style) {
        Ok(path) => Some(path),
        Err(_) => {
            errors.add(
                text,
                "`crate` takes the path of the facade in quotes: crate = \"::my_dsync\"",
            );
            None
        }
    }
}

fn reference(word: &Word, errors: &mut Errors) -> Option<Reference> {
    if let Form::Value(value) = &word.form
        && let Expr::Path(value) = ungrouped(value)
        && value.qself.is_none()
        && value.path.segments.len() >= 2
    {
        let mut entity = value.path.clone();
        let field = entity.segments.pop()?.ident;
        entity.segments.pop_punct();
        return Some(Reference { entity, field });
    }
    errors.add(
        word,
        "`references` takes an entity and one of its fields, without quotes: references = Category::id",
    );
    None
}
