//! The struct as the derive sees it: what its tokens and attributes say, put together.

use proc_macro2::Span;
use syn::ext::IdentExt as _;
use syn::{Data, DeriveInput, Fields, Generics, Ident, Path, Type};

use crate::attr::{doc, dsync, serde};
use crate::errors::Errors;
use crate::{Kind, fallback, names};

pub(crate) struct Struct {
    pub(crate) kind: Kind,
    pub(crate) ident: Ident,
    pub(crate) generics: Generics,
    /// The path of the facade.
    pub(crate) krate: Path,
    /// What an entity has beside its fields; a part has it too, and nobody looks.
    pub(crate) entity: EntityWords,
    /// Without those that are left out.
    pub(crate) fields: Vec<Field>,
}

pub(crate) struct EntityWords {
    pub(crate) name: Spanned<String>,
    pub(crate) endpoint_url: Spanned<String>,
    pub(crate) token: Spanned<String>,
}

/// A value, and the user's token that it comes from.
pub(crate) struct Spanned<T> {
    pub(crate) value: T,
    pub(crate) span: Span,
}

pub(crate) struct Field {
    pub(crate) ident: Ident,
    /// The name that serde writes.
    pub(crate) name: Spanned<String>,
    pub(crate) ty: Type,
    /// Whether it must be there, where something says so; else the type does.
    pub(crate) required: Option<bool>,
    pub(crate) description: Option<String>,
    pub(crate) words: dsync::Field,
}

impl Struct {
    /// Nothing, and an error, where there is no struct with named fields.
    pub(crate) fn from_input(input: &DeriveInput, kind: Kind, errors: &mut Errors) -> Option<Self> {
        let Some(named) = named_fields(&input.data) else {
            errors.add(
                &input.ident,
                "only a struct with named fields has a layout; for a newtype or an enum, implement `FieldValue` by hand: `const SHAPE: Shape = Shape::leaf(FieldType::Text);`",
            );
            return None;
        };
        let words = dsync::Container::parse(&input.attrs, kind, errors);
        let serde = serde::Container::parse(&input.attrs, errors);
        let fields = named
            .named
            .iter()
            .filter_map(|field| Field::from_syn(field, &serde, errors))
            .collect();
        Some(Self {
            kind,
            ident: input.ident.clone(),
            generics: input.generics.clone(),
            entity: EntityWords::new(&words, &input.ident),
            krate: words.krate.unwrap_or_else(fallback::krate),
            fields,
        })
    }

    pub(crate) fn primary_key(&self) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.words.primary_key.is_some())
    }
}

fn named_fields(data: &Data) -> Option<&syn::FieldsNamed> {
    match data {
        Data::Struct(data) => match &data.fields {
            Fields::Named(named) => Some(named),
            _ => None,
        },
        _ => None,
    }
}

impl EntityWords {
    fn new(words: &dsync::Container, ident: &Ident) -> Self {
        let spanned = |word: &Option<syn::LitStr>, default: &dyn Fn() -> String| match word {
            Some(text) => Spanned {
                value: text.value(),
                span: text.span(),
            },
            None => Spanned {
                value: default(),
                span: ident.span(),
            },
        };
        let name = spanned(&words.name, &|| names::entity_name(ident));
        let endpoint_url = spanned(&words.endpoint_url, &|| names::endpoint_url(&name.value));
        let token = spanned(&words.entity_token, &|| {
            // cargo sets it; a build without cargo has no package, and then the name alone counts.
            let package = std::env::var("CARGO_PKG_NAME").unwrap_or_default();
            names::entity_token(&package, &name.value)
        });
        Self {
            name,
            endpoint_url,
            token,
        }
    }
}

impl Field {
    /// Nothing where the field is left out of the layout.
    fn from_syn(
        field: &syn::Field,
        container: &serde::Container,
        errors: &mut Errors,
    ) -> Option<Self> {
        let ident = field.ident.clone()?;
        let words = dsync::Field::parse(&field.attrs, errors);
        if words.skip.is_some() {
            // Whatever serde does to a field that is not listed does not matter.
            crate::check::skipped(&words, errors);
            return None;
        }
        let serde = serde::Field::parse(&field.attrs, errors);
        if serde.skip {
            crate::check::skipped_by_serde(&words, errors);
            return None;
        }
        if let (Some(differ), None) = (&serde.names_differ, &words.name) {
            errors.add(
                differ,
                "serde writes one name and reads another: say which is the field's with `#[dsync(name = \"..\")]`",
            );
        }

        let plain = ident.unraw().to_string();
        let name = match (&words.name, &serde.rename) {
            (Some(text), _) | (None, Some(text)) => Spanned {
                value: text.value(),
                span: text.span(),
            },
            (None, None) => Spanned {
                value: container
                    .rename_all
                    .map_or(plain.clone(), |case| case.apply(&plain)),
                span: ident.span(),
            },
        };
        let required = if words.required.is_some() {
            Some(true)
        } else if words.optional.is_some() || serde.may_be_absent || container.default {
            Some(false)
        } else {
            None
        };
        let description = match &words.description {
            Some(text) => Some(text.value()).filter(|text| !text.is_empty()),
            None => doc::description(&field.attrs),
        };
        Some(Self {
            ident,
            name,
            ty: field.ty.clone(),
            required,
            description,
            words,
        })
    }
}
