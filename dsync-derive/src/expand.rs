//! The code that comes out: one static array of fields, and the impls that hand it out.
//!
//! Every token that is not the user's own has the span `mixed_site`, located at the user's token it
//! is about: names cannot collide, and errors point where the user looks.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::spanned::Spanned as _;
use syn::{GenericArgument, GenericParam, Generics, PathArguments, Type, parse_quote};

use crate::Kind;
use crate::ast::{Field, Struct};
use crate::attr::dsync::TypeWord;
use crate::check::mentions;

pub(crate) fn expand(item: &Struct) -> TokenStream {
    let tree = if item.generics.params.is_empty() {
        Tree::statics(item)
    } else {
        Tree::constants(item)
    };
    let object = object(item, &tree);
    let entity = (item.kind == Kind::Entity).then(|| entity(item, &tree));
    let Tree { items, .. } = tree;
    let imports = imports(item);
    quote! {
        #[doc(hidden)]
        const _: () = {
            #imports
            #items
            #object
            #entity
        };
    }
}

fn mixed(span: Span) -> Span {
    Span::mixed_site().located_at(span)
}

/// The facade's path at a place: an error about generated code points where its first token does.
fn krate_at(item: &Struct, span: Span) -> TokenStream {
    item.krate
        .to_token_stream()
        .into_iter()
        .map(|mut token| {
            // The user's own path keeps its resolution, ours has the same one everywhere.
            token.set_span(token.span().located_at(span));
            token
        })
        .collect()
}

/// The trait whose constant is found where a type has no field type of its own; only a field with
/// a type word needs it.
fn imports(item: &Struct) -> TokenStream {
    let krate = krate_at(item, item.ident.span());
    let declared = item
        .fields
        .iter()
        .any(|field| field.words.field_type.is_some());
    if declared {
        quote! {
            #[allow(unused_imports)]
            use #krate::__private::Declared as _;
        }
    } else {
        TokenStream::new()
    }
}

/// Where the tree is kept.
struct Tree {
    /// Items of the block around the impls: the statics, and what is checked.
    items: TokenStream,
    /// An expression for the fields.
    fields: TokenStream,
    /// An expression for the entity's layout.
    layout: TokenStream,
}

impl Tree {
    /// Statics: they compile fastest, and two entities may refer to each other.
    fn statics(item: &Struct) -> Self {
        let span = mixed(item.ident.span());
        let krate = krate_at(item, span);
        let fields = item.fields.iter().map(|field| field_layout(item, field));
        let count = item.fields.len();
        let checks = item.fields.iter().map(|field| checks(item, field));
        let mut items = quote_spanned! {span=>
            static FIELDS: [#krate::FieldLayout; #count] = [#(#fields),*];
            #(#checks)*
        };
        if item.kind == Kind::Entity {
            let new = entity_layout(item, &quote_spanned!(span=> &FIELDS));
            items.extend(quote_spanned! {span=>
                static LAYOUT: #krate::EntityLayout = #new;
            });
        }
        Self {
            items,
            fields: quote_spanned!(span=> &FIELDS),
            layout: quote_spanned!(span=> &LAYOUT),
        }
    }

    /// Promoted constants: a static cannot depend on a type parameter.
    fn constants(item: &Struct) -> Self {
        let span = mixed(item.ident.span());
        let fields = item.fields.iter().map(|field| field_layout(item, field));
        let own = quote_spanned!(span=> Self::FIELDS);
        let new = entity_layout(item, &own);
        Self {
            items: TokenStream::new(),
            fields: quote_spanned!(span=> &[#(#fields),*]),
            layout: quote_spanned!(span=> &#new),
        }
    }
}

fn entity_layout(item: &Struct, fields: &TokenStream) -> TokenStream {
    let krate = krate_at(item, item.ident.span());
    let name = &item.entity.name.value;
    let url = &item.entity.endpoint_url.value;
    let token = &item.entity.token.value;
    quote_spanned! {mixed(item.ident.span())=>
        #krate::EntityLayout::new(#name, #url, #token, #fields)
    }
}

fn object(item: &Struct, tree: &Tree) -> TokenStream {
    let krate = krate_at(item, item.ident.span());
    let ident = &item.ident;
    let generics = bounded(item);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let fields = &tree.fields;
    quote_spanned! {mixed(ident.span())=>
        #[automatically_derived]
        impl #impl_generics #krate::DsyncObject for #ident #ty_generics #where_clause {
            const FIELDS: &'static [#krate::FieldLayout] = #fields;
        }
        #[automatically_derived]
        impl #impl_generics #krate::FieldValue for #ident #ty_generics #where_clause {
            const SHAPE: #krate::Shape =
                #krate::Shape::object(<Self as #krate::DsyncObject>::FIELDS);
            const ARITY: #krate::Arity = #krate::Arity::ONE;
        }
        #[automatically_derived]
        impl #impl_generics #krate::ListItem for #ident #ty_generics #where_clause {}
    }
}

fn entity(item: &Struct, tree: &Tree) -> TokenStream {
    let ident = &item.ident;
    let span = mixed(ident.span());
    let krate = krate_at(item, span);
    let generics = bounded(item);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let layout = &tree.layout;
    let (entity_id, primary_key) = match item.primary_key() {
        None => (None, None),
        Some(key) => {
            let (key_ident, key_type) = (&key.ident, &key.ty);
            let entity_id = quote_spanned! {span=>
                fn entity_id(&self) -> ::core::result::Result<
                    ::core::option::Option<#krate::EntityId>,
                    #krate::InvalidEntityId,
                > {
                    #krate::__private::entity_id(self)
                }
            };
            let primary_key = quote_spanned! {span=>
                #[automatically_derived]
                impl #impl_generics #krate::PrimaryKey for #ident #ty_generics #where_clause {
                    type Id = #key_type;
                    fn primary_key(&self) -> &Self::Id {
                        &self.#key_ident
                    }
                }
            };
            (Some(entity_id), Some(primary_key))
        }
    };
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #krate::DsyncEntity for #ident #ty_generics #where_clause {
            const LAYOUT: &'static #krate::EntityLayout = #layout;
            #entity_id
        }
        #primary_key
    }
}

/// One element of the array of fields.
fn field_layout(item: &Struct, field: &Field) -> TokenStream {
    let span = mixed(field.ident.span());
    let krate = krate_at(item, span);
    let (name, ident) = (&field.name.value, field.ident.to_string());
    let shape = shape(item, field);
    let mut code = quote_spanned!(span=> #krate::FieldLayout::new(#name, #shape));
    if *name != ident {
        code.extend(quote_spanned!(span=> .with_ident(#ident)));
    }
    if field.words.primary_key.is_some() {
        code.extend(quote_spanned!(span=> .with_primary_key()));
    }
    if let Some(required) = field.required {
        code.extend(quote_spanned!(span=> .with_required(#required)));
    }
    if let Some(text) = &field.description {
        code.extend(quote_spanned!(span=> .with_description(#text)));
    }
    if let Some(format) = &field.words.date_format {
        let format = format.value();
        code.extend(quote_spanned!(span=> .with_date_format(#format)));
    }
    if let Some(text) = &field.words.foreign_key {
        let text = text.value();
        code.extend(quote_spanned!(span=> .with_foreign_key(#text)));
    } else if let Some(reference) = &field.words.references {
        let (entity, target) = (&reference.entity, reference.field.to_string());
        let span = mixed(entity.span());
        let krate = krate_at(item, span);
        code.extend(quote_spanned! {span=>
            .with_reference(<#entity as #krate::DsyncEntity>::layout, #target)
        });
    }
    code
}

/// What a field's Rust type, or the word that goes before it, contributes.
fn shape(item: &Struct, field: &Field) -> TokenStream {
    match &field.words.field_type {
        None => {
            let ty = &field.ty;
            let span = mixed(ty.span());
            let krate = krate_at(item, span);
            quote_spanned!(span=> <#ty as #krate::FieldValue>::SHAPE)
        }
        Some(word) => declared(item, &field.ty, word),
    }
}

/// The shape of a field whose type word the user wrote. Its arity comes from the wrappers that can
/// be seen, and from the type inside where that is a field value, an alias for instance.
fn declared(item: &Struct, ty: &Type, word: &TypeWord) -> TokenStream {
    let span = mixed(ty.span());
    match wrapper(ty) {
        Some((Wrapper::Option, inner)) => {
            let inner = declared(item, inner, word);
            quote_spanned!(span=> #inner.optional())
        }
        Some((Wrapper::List, inner)) => {
            let inner = declared(item, inner, word);
            quote_spanned!(span=> #inner.multiple())
        }
        Some((Wrapper::Pointer, inner)) => declared(item, inner, word),
        None => {
            let krate = krate_at(item, span);
            let probe = quote_spanned!(span=> #krate::__private::Probe::<#ty>);
            if word.variant == "Object" {
                return quote_spanned!(span=> #probe::OBJECT);
            }
            let variant = Ident::new(word.variant, span);
            quote_spanned! {span=>
                #krate::Shape::leaf(#krate::FieldType::#variant).with_arity(#probe::ARITY)
            }
        }
    }
}

enum Wrapper {
    Option,
    List,
    Pointer,
}

fn wrapper(ty: &Type) -> Option<(Wrapper, &Type)> {
    match ty {
        Type::Paren(ty) => wrapper(&ty.elem),
        Type::Group(ty) => wrapper(&ty.elem),
        Type::Reference(ty) => Some((Wrapper::Pointer, &ty.elem)),
        Type::Array(ty) => Some((Wrapper::List, &ty.elem)),
        Type::Slice(ty) => Some((Wrapper::List, &ty.elem)),
        Type::Path(ty) => {
            let last = ty.path.segments.last()?;
            let PathArguments::AngleBracketed(arguments) = &last.arguments else {
                return None;
            };
            let inner = arguments.args.iter().find_map(|argument| match argument {
                GenericArgument::Type(inner) => Some(inner),
                _ => None,
            })?;
            let wrapper = match &*last.ident.to_string() {
                "Option" => Wrapper::Option,
                "Vec" | "VecDeque" | "LinkedList" | "BinaryHeap" | "BTreeSet" | "HashSet" => {
                    Wrapper::List
                }
                "Box" | "Rc" | "Arc" | "Cow" => Wrapper::Pointer,
                _ => return None,
            };
            Some((wrapper, inner))
        }
        _ => None,
    }
}

/// What only constant evaluation can hold against a field: it knows the types of other structs.
fn checks(item: &Struct, field: &Field) -> TokenStream {
    let mut code = TokenStream::new();
    if let Some(reference) = &field.words.references {
        let span = mixed(reference.field.span());
        let krate = krate_at(item, span);
        let (entity, target) = (&reference.entity, reference.field.to_string());
        let shape = shape(item, field);
        code.extend(quote_spanned! {span=>
            const _: () = #krate::__private::check_reference(
                <#entity as #krate::DsyncObject>::FIELDS,
                #target,
                &#shape,
            );
        });
    }
    if let (Some(format), None) = (&field.words.date_format, &field.words.field_type) {
        let span = mixed(format.span());
        let krate = krate_at(item, span);
        let shape = shape(item, field);
        code.extend(quote_spanned! {span=>
            const _: () = #krate::__private::check_date_format(&#shape);
        });
    }
    code
}

/// The generics with a bound on every field type that mentions a type parameter.
fn bounded(item: &Struct) -> Generics {
    let mut generics = item.generics.clone();
    let parameters: Vec<_> = generics
        .params
        .iter()
        .filter_map(|parameter| match parameter {
            GenericParam::Type(parameter) => Some(parameter.ident.clone()),
            _ => None,
        })
        .collect();
    if parameters.is_empty() {
        return generics;
    }
    let krate = &item.krate;
    let clause = generics.make_where_clause();
    for field in &item.fields {
        let ty = &field.ty;
        let generic = mentions(ty.to_token_stream(), &|ident| parameters.contains(ident));
        if generic && field.words.field_type.is_none() {
            clause
                .predicates
                .push(parse_quote!(#ty: #krate::FieldValue));
        }
    }
    generics
}
