//! Our own words: `#[dsync(..)]` on a struct and on a field.

use syn::ext::IdentExt as _;
use syn::{Attribute, Expr, Ident, LitStr, Path};

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
}

/// What stands on a field.
#[derive(Default)]
pub(crate) struct Field {
    /// The word itself, for errors about it.
    pub(crate) primary_key: Option<Ident>,
    pub(crate) field_type: Option<TypeWord>,
    pub(crate) name: Option<LitStr>,
    pub(crate) description: Option<LitStr>,
    pub(crate) required: Option<Ident>,
    pub(crate) optional: Option<Ident>,
    pub(crate) date_format: Option<LitStr>,
    pub(crate) references: Option<Reference>,
    pub(crate) foreign_key: Option<LitStr>,
    pub(crate) skip: Option<Ident>,
}

/// One of the eleven types, as the name of the variant of `FieldType`.
#[derive(Clone, Copy)]
pub(crate) struct TypeWord {
    pub(crate) variant: &'static str,
}

/// `references = Entity::field`.
pub(crate) struct Reference {
    pub(crate) entity: Path,
    pub(crate) field: Ident,
}

const CONTAINER_WORDS: &[&str] = &["name", "endpoint_url", "entity_token", "crate"];

const FIELD_WORDS: &[&str] = &[
    "primary_key",
    "type",
    "name",
    "description",
    "required",
    "optional",
    "date_format",
    "references",
    "foreign_key",
    "skip",
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
        let mut found = Self::default();
        for word in words(attributes, "dsync", errors) {
            let name = word.name.unraw().to_string();
            let entity_only = matches!(&*name, "name" | "endpoint_url" | "entity_token");
            if entity_only && kind == Kind::Object {
                errors.add(
                    &word.name,
                    format_args!(
                        "`{name}` belongs to an entity: a part has no endpoint of its own; derive DsyncEntity, or leave the word out"
                    ),
                );
                continue;
            }
            match &*name {
                "name" => set(&mut found.name, word.text(errors), &word, errors),
                "endpoint_url" => set(&mut found.endpoint_url, word.text(errors), &word, errors),
                "entity_token" => set(&mut found.entity_token, word.text(errors), &word, errors),
                "crate" => set(&mut found.krate, path(&word, errors), &word, errors),
                _ => unknown(&word, "on a struct", CONTAINER_WORDS, FIELD_WORDS, errors),
            }
        }
        found
    }
}

impl Field {
    pub(crate) fn parse(attributes: &[Attribute], errors: &mut Errors) -> Self {
        let mut found = Self::default();
        for word in words(attributes, "dsync", errors) {
            match &*word.name.unraw().to_string() {
                "primary_key" => flag(&mut found.primary_key, &word, errors),
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
                _ => unknown(&word, "on a field", FIELD_WORDS, CONTAINER_WORDS, errors),
            }
        }
        found
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
    TypeWord { variant }
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
