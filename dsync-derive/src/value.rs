//! A type that stands for one value: a newtype, or an enum of unit variants.

use proc_macro2::{Ident, Span, TokenStream};
use quote::quote_spanned;
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{Data, DataEnum, DeriveInput, Field, Fields, Generics, Member, Path, Type, parse_quote};

use crate::attr::dsync::TypeWord;
use crate::attr::{dsync, serde};
use crate::errors::Errors;
use crate::{Kind, fallback};

pub(crate) struct Value {
    ident: Ident,
    generics: Generics,
    krate: Path,
    content: Content,
}

enum Content {
    /// The user's word, whatever the type is.
    Declared(TypeWord),
    /// What serde writes is what is inside.
    Inside { member: Member, ty: Box<Type> },
    /// The names that serde writes, by variant.
    Variants(Vec<(Ident, String)>),
}

impl Value {
    /// Nothing, and an error, where it is no single value.
    pub(crate) fn from_input(input: &DeriveInput, errors: &mut Errors) -> Option<Self> {
        let words = dsync::Container::parse(&input.attrs, Kind::Value, errors);
        let serde = serde::Container::of_value(&input.attrs, &words.ignore_serde, errors);
        let content = match (words.field_type, &serde.needs_type) {
            (Some(word), _) => Content::Declared(word),
            (None, Some(word)) => {
                needs_type(word, errors);
                return None;
            }
            (None, None) => match &input.data {
                Data::Struct(data) => inside(input, &data.fields, errors)?,
                Data::Enum(data) => Content::Variants(variants(input, data, &serde, errors)?),
                Data::Union(_) => {
                    errors.add(
                        &input.ident,
                        "a union is no single value: `#[dsync(type = \"..\")]` says what is written",
                    );
                    return None;
                }
            },
        };
        Some(Self {
            ident: input.ident.clone(),
            generics: input.generics.clone(),
            krate: words.krate.unwrap_or_else(fallback::krate),
            content,
        })
    }

    pub(crate) fn expand(&self) -> TokenStream {
        let krate = &self.krate;
        let span = mixed(self.ident.span());
        match &self.content {
            Content::Declared(word) => {
                let variant = Ident::new(word.variant, span);
                self.leaf(
                    &quote_spanned!(span=> #krate::Shape::leaf(#krate::FieldType::#variant)),
                    None,
                )
            }
            Content::Variants(variants) => {
                let arms = variants
                    .iter()
                    .map(|(variant, name)| quote_spanned!(span=> Self::#variant => #name,));
                let id = quote_spanned! {span=>
                    #krate::EntityId::new(match self { #(#arms)* })
                };
                self.leaf(
                    &quote_spanned!(span=> #krate::Shape::leaf(#krate::FieldType::Text)),
                    Some(&id),
                )
            }
            Content::Inside { member, ty } => self.newtype(member, ty),
        }
    }

    fn leaf(&self, shape: &TokenStream, id: Option<&TokenStream>) -> TokenStream {
        let (krate, ident) = (&self.krate, &self.ident);
        let (impl_generics, ty_generics, where_clause) = self.generics.split_for_impl();
        let span = mixed(ident.span());
        let id = id.map(|id| {
            quote_spanned! {span=>
                #[automatically_derived]
                impl #impl_generics #krate::ToEntityId for #ident #ty_generics #where_clause {
                    fn to_entity_id(
                        &self,
                    ) -> ::core::result::Result<#krate::EntityId, #krate::InvalidEntityId> {
                        #id
                    }
                }
            }
        });
        quote_spanned! {span=>
            #[automatically_derived]
            impl #impl_generics #krate::FieldValue for #ident #ty_generics #where_clause {
                const SHAPE: #krate::Shape = #shape;
            }
            #[automatically_derived]
            impl #impl_generics #krate::ListItem for #ident #ty_generics #where_clause {}
            #id
        }
    }

    /// What the type inside has, the newtype has. The bounds of the second and third impl are about
    /// a reference with a lifetime of its own, because a bound that is plainly false would be an
    /// error rather than an impl that does not apply.
    fn newtype(&self, member: &Member, ty: &Type) -> TokenStream {
        let (krate, ident) = (&self.krate, &self.ident);
        let span = mixed(ident.span());
        let ty_span = mixed(ty.span());
        let shape = quote_spanned!(ty_span=> <#ty as #krate::FieldValue>::SHAPE);
        let arity = quote_spanned!(ty_span=> <#ty as #krate::FieldValue>::ARITY);
        let mut value = self.generics.clone();
        if self.generics.type_params().next().is_some() {
            value
                .make_where_clause()
                .predicates
                .push(parse_quote!(#ty: #krate::FieldValue));
        }
        let mut item = value.clone();
        item.make_where_clause()
            .predicates
            .push(parse_quote!(for<'__dsync> &'__dsync #ty: #krate::ListItem));
        let mut id = self.generics.clone();
        id.make_where_clause()
            .predicates
            .push(parse_quote!(for<'__dsync> &'__dsync #ty: #krate::ToEntityId));
        let (impl_generics, ty_generics, value) = value.split_for_impl();
        let (item, id) = (&item.where_clause, &id.where_clause);
        quote_spanned! {span=>
            #[automatically_derived]
            impl #impl_generics #krate::FieldValue for #ident #ty_generics #value {
                const SHAPE: #krate::Shape = #shape;
                const ARITY: #krate::Arity = #arity;
            }
            #[automatically_derived]
            impl #impl_generics #krate::ListItem for #ident #ty_generics #item {}
            #[automatically_derived]
            impl #impl_generics #krate::ToEntityId for #ident #ty_generics #id {
                fn to_entity_id(
                    &self,
                ) -> ::core::result::Result<#krate::EntityId, #krate::InvalidEntityId> {
                    #krate::ToEntityId::to_entity_id(&&self.#member)
                }
            }
        }
    }
}

fn mixed(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

fn needs_type(word: &Ident, errors: &mut Errors) {
    errors.add(
        word,
        format_args!(
            "with serde's `{word}`, the value itself is not what is written: `#[dsync(type = \"..\")]` on the type says what is"
        ),
    );
}

/// The one field of a newtype, or of a struct that serde writes as its one field.
fn inside(input: &DeriveInput, fields: &Fields, errors: &mut Errors) -> Option<Content> {
    let transparent = input.attrs.iter().any(|attribute| {
        attribute.path().is_ident("serde")
            && crate::check::mentions(
                attribute
                    .meta
                    .require_list()
                    .map(|list| list.tokens.clone())
                    .unwrap_or_default(),
                &|ident| ident == "transparent",
            )
    });
    let single = match fields {
        Fields::Unnamed(_) => fields.len() == 1 || transparent,
        Fields::Named(_) => transparent,
        Fields::Unit => false,
    };
    if !single {
        let advice = match fields {
            Fields::Named(_) => {
                "derive DsyncObject for its fields, or DsyncEntity if it travels alone"
            }
            Fields::Unnamed(_) => {
                "serde writes it as a list of different things, which has no field type"
            }
            Fields::Unit => "serde writes it as null",
        };
        errors.add(
            &input.ident,
            format_args!("this struct is no single value: {advice}; `#[dsync(type = \"..\")]` says what is written if it is something else"),
        );
        return None;
    }

    let mut written = None;
    for (member, field) in fields.members().zip(fields) {
        dsync::refuse_all(&field.attrs, errors);
        let serde = serde::Field::parse(&field.attrs, &[], errors);
        if serde.skip || serde.skip_serializing || (transparent && is_phantom(field)) {
            continue;
        }
        if let Some(word) = &serde.needs_type {
            needs_type(word, errors);
            return None;
        }
        written = Some((member, field));
    }
    let Some((member, field)) = written else {
        errors.add(&input.ident, "serde writes nothing of this struct");
        return None;
    };
    Some(Content::Inside {
        member,
        ty: Box::new(field.ty.clone()),
    })
}

/// serde's `transparent` looks past it.
fn is_phantom(field: &Field) -> bool {
    matches!(&field.ty, Type::Path(ty) if ty.path.segments.last().is_some_and(|last| last.ident == "PhantomData"))
}

fn variants(
    input: &DeriveInput,
    data: &DataEnum,
    serde: &serde::Container,
    errors: &mut Errors,
) -> Option<Vec<(Ident, String)>> {
    if data.variants.is_empty() {
        errors.add(&input.ident, "an enum without variants has no value");
        return None;
    }
    let mut names = Vec::new();
    let mut good = true;
    for variant in &data.variants {
        dsync::refuse_all(&variant.attrs, errors);
        let attributes = serde::Variant::parse(&variant.attrs, errors);
        if !matches!(variant.fields, Fields::Unit) {
            errors.add(
                variant,
                "a variant with data has no field type: `#[dsync(type = \"custom\")]` on the enum lists it without looking inside, or `#[dsync(skip)]` on the field that holds it leaves it out",
            );
            good = false;
        }
        if let Some(word) = &attributes.needs_type {
            needs_type(word, errors);
            good = false;
        }
        let plain = variant.ident.unraw().to_string();
        let name = match (attributes.rename, serde.rename_all.write) {
            (Some(text), _) => text.value(),
            (None, Some(case)) => case.apply_to_variant(&plain),
            (None, None) => plain,
        };
        names.push((variant.ident.clone(), name));
    }
    good.then_some(names)
}
