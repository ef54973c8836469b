//! The struct as the derive sees it: what its tokens and attributes say, put together.

use proc_macro2::{Group, Span, TokenStream, TokenTree};
use quote::ToTokens as _;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Data, DeriveInput, Fields, Generics, Ident, LitStr, Path, Type};

use crate::attr::{doc, dsync, serde};
use crate::case::Case;
use crate::check::mentions;
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
    /// The name of a text field that serde adds in front of the others.
    pub(crate) tag: Option<LitStr>,
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
    pub(crate) read_only: bool,
    pub(crate) when_absent: serde::WhenAbsent,
    /// serde's word, where the fields of this one stand at the level of its struct.
    pub(crate) flatten: Option<Ident>,
    /// Whether code that nobody can look into writes the JSON, so that the Rust type says nothing.
    pub(crate) opaque: bool,
    pub(crate) words: dsync::Field,
}

impl Struct {
    /// Nothing, and an error, where there is no struct with named fields.
    pub(crate) fn from_input(input: &DeriveInput, kind: Kind, errors: &mut Errors) -> Option<Self> {
        let Some(named) = named_fields(&input.data) else {
            errors.add(
                &input.ident,
                "only a struct with named fields has fields to list: for a newtype or an enum of unit variants, derive FieldValue",
            );
            return None;
        };
        let words = dsync::Container::parse(&input.attrs, kind, errors);
        let serde = serde::Container::of_struct(&input.attrs, &words.ignore_serde, errors);
        if let Some(word) = &serde.needs_type {
            errors.add(
                word,
                format_args!(
                    "with serde's `{word}`, other code decides what is written for this struct: derive FieldValue with `#[dsync(type = \"..\")]` instead, or DsyncObject on what is written"
                ),
            );
        }
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
            tag: serde.tag,
            fields,
        })
    }

    pub(crate) fn type_parameters(&self) -> Vec<Ident> {
        self.generics
            .type_params()
            .map(|parameter| parameter.ident.clone())
            .collect()
    }

    /// Whether the layout may depend on a parameter. On a lifetime it does not.
    pub(crate) fn needs_constants(&self) -> bool {
        self.generics.type_params().next().is_some()
            || self.generics.const_params().next().is_some()
    }

    /// Whether a type depends on a type or constant parameter.
    pub(crate) fn is_generic(&self, ty: &Type) -> bool {
        let types = self
            .generics
            .type_params()
            .map(|parameter| &parameter.ident);
        let constants = self
            .generics
            .const_params()
            .map(|parameter| &parameter.ident);
        let parameters: Vec<_> = types.chain(constants).collect();
        mentions(ty.to_token_stream(), &|ident| parameters.contains(&ident))
    }

    /// A field's type as it stands in the tree: with `'static` in place of the struct's lifetimes,
    /// which do not reach there.
    pub(crate) fn in_tree(&self, ty: &Type) -> TokenStream {
        let lifetimes: Vec<_> = self
            .generics
            .lifetimes()
            .map(|parameter| &parameter.lifetime.ident)
            .collect();
        if lifetimes.is_empty() || self.needs_constants() {
            return ty.to_token_stream();
        }
        with_static(ty.to_token_stream(), &lifetimes)
    }

    /// The entity of a reference, which may be this struct itself.
    pub(crate) fn named(&self, path: &Path) -> TokenStream {
        if path.is_ident("Self") {
            self.ident.to_token_stream()
        } else {
            path.to_token_stream()
        }
    }

    pub(crate) fn primary_key(&self) -> Option<&Field> {
        self.fields
            .iter()
            .find(|field| field.words.primary_key.is_some())
    }
}

fn with_static(tokens: TokenStream, lifetimes: &[&Ident]) -> TokenStream {
    let mut after_tick = false;
    tokens
        .into_iter()
        .map(|tree| {
            let is_name = std::mem::replace(
                &mut after_tick,
                matches!(&tree, TokenTree::Punct(punct) if punct.as_char() == '\''),
            );
            match tree {
                TokenTree::Ident(ident) if is_name && lifetimes.contains(&&ident) => {
                    TokenTree::Ident(Ident::new("static", ident.span()))
                }
                TokenTree::Group(group) => {
                    let mut inner =
                        Group::new(group.delimiter(), with_static(group.stream(), lifetimes));
                    inner.set_span(group.span());
                    TokenTree::Group(inner)
                }
                other => other,
            }
        })
        .collect()
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
        let serde = serde::Field::parse(&field.attrs, &words.ignore_serde, errors);
        if serde.skip || (serde.skip_serializing && words.read_only.is_none()) {
            crate::check::skipped_by_serde(&words, errors);
            return None;
        }

        let name = name(field, &ident, &words, &serde, container, errors);
        let required = if words.required.is_some() {
            Some(true)
        } else if words.optional.is_some() || serde.may_be_absent || container.default {
            Some(false)
        } else {
            None
        };
        let read_only = words.read_only.is_some() || serde.skip_deserializing;
        let description = match &words.description {
            Some(text) => Some(text.value()).filter(|text| !text.is_empty()),
            None => doc::description(&field.attrs),
        };
        // No key of a layout says so, and the platform drops such a value without a word.
        let description = match (read_only, description) {
            (true, Some(text)) => Some(format!("Read only. {text}")),
            (true, None) => Some("Read only.".to_owned()),
            (false, description) => description,
        };
        let opaque = serde.needs_type.is_some();
        if let (Some(word), None) = (&serde.needs_type, &words.field_type) {
            errors.add(
                word,
                format_args!(
                    "with serde's `{word}`, other code decides what is written: say what it is with `#[dsync(type = \"..\")]`, and `multiple` if it is a list"
                ),
            );
        }
        Some(Self {
            ident,
            name,
            ty: field.ty.clone(),
            required,
            description,
            read_only,
            when_absent: serde::WhenAbsent::of_field(&field.attrs, container),
            flatten: serde.flatten,
            opaque,
            words,
        })
    }
}

/// The name that serde writes, or the user's own word for it.
fn name(
    field: &syn::Field,
    ident: &Ident,
    words: &dsync::Field,
    serde: &serde::Field,
    container: &serde::Container,
    errors: &mut Errors,
) -> Spanned<String> {
    let plain = ident.unraw().to_string();
    let by_rule =
        |case: Option<Case>| case.map_or(plain.clone(), |case| case.apply_to_field(&plain));
    let (write, read) = (
        by_rule(container.rename_all.write),
        by_rule(container.rename_all.read),
    );
    if words.name.is_none() && serde.flatten.is_none() {
        let differ = match (&serde.rename, &serde.names_differ) {
            (_, Some(tokens)) => Some(tokens.clone()),
            (None, None) if write != read => Some(ident.to_token_stream()),
            _ => None,
        };
        if let Some(tokens) = differ {
            errors.add(
                tokens,
                "serde writes one name and reads another: say which is the field's with `#[dsync(name = \"..\")]`",
            );
        }
    }
    // Where serde's attributes say a name, another one would be a drift.
    if let Some(word) = &words.name {
        let explicit = match &serde.rename {
            Some(text) => Some(text.value()),
            None => container.rename_all.write.map(|_| write.clone()),
        };
        if let Some(written) = explicit
            && written != word.value()
        {
            errors.add(
                word,
                format_args!(
                    "serde writes `{written}`, and the layout must be what serde writes: say `{}` with `#[serde(rename = \"..\")]`, or put `#[dsync(ignore_serde(rename))]` on the field if code of your own writes the record",
                    word.value()
                ),
            );
        }
    }
    match (&words.name, &serde.rename) {
        (Some(text), _) | (None, Some(text)) => Spanned {
            value: text.value(),
            span: text.span(),
        },
        (None, None) => Spanned {
            value: write,
            span: field.ident.span(),
        },
    }
}
