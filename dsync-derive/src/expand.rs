//! The code that comes out: one static array of fields, and the impls that hand it out.
//!
//! Every token that is not the user's own has the span `mixed_site`, located at the user's token it
//! is about: names cannot collide, and errors point where the user looks.

use proc_macro2::{Ident, Span, TokenStream};
use quote::{ToTokens as _, quote, quote_spanned};
use syn::ext::IdentExt as _;
use syn::spanned::Spanned as _;
use syn::{GenericArgument, Generics, PathArguments, Type, parse_quote};

use crate::Kind;
use crate::ast::{Field, Struct};
use crate::attr::dsync::TypeWord;
use crate::check::mentions;

pub(crate) fn expand(item: &Struct) -> TokenStream {
    let tree = if item.needs_constants() {
        Tree::constants(item)
    } else {
        Tree::statics(item)
    };
    let object = object(item, &tree);
    let entity = (item.kind == Kind::Entity).then(|| entity(item, &tree));
    let Tree { items, .. } = tree;
    let imports = imports(item);
    let checks = item.fields.iter().map(|field| checks(item, field));
    quote! {
        #[doc(hidden)]
        const _: () = {
            #imports
            #items
            #object
            #entity
            #(#checks)*
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
    /// Statics: they compile fastest, and two entities may refer to each other. Their names are
    /// unlikely ones, because items are not hygienic: a user's own `FIELDS` may stand in a type.
    fn statics(item: &Struct) -> Self {
        let span = mixed(item.ident.span());
        let krate = krate_at(item, span);
        let (count, fields) = array(item);
        let mut items = quote_spanned! {span=>
            static __DSYNC_FIELDS: [#krate::FieldLayout; #count] = #fields;
        };
        if item.kind == Kind::Entity {
            let new = entity_layout(item, &quote_spanned!(span=> &__DSYNC_FIELDS));
            items.extend(quote_spanned! {span=>
                static __DSYNC_LAYOUT: #krate::EntityLayout = #new;
            });
        }
        Self {
            items,
            fields: quote_spanned!(span=> &__DSYNC_FIELDS),
            layout: quote_spanned!(span=> &__DSYNC_LAYOUT),
        }
    }

    /// Promoted constants: a static cannot depend on a parameter.
    fn constants(item: &Struct) -> Self {
        let span = mixed(item.ident.span());
        let krate = krate_at(item, span);
        let fields = if item.fields.iter().any(|field| field.flatten.is_some()) {
            let (count, fields) = array(item);
            quote_spanned! {span=>
                {
                    const __DSYNC_FIELDS: &[#krate::FieldLayout; #count] = &#fields;
                    __DSYNC_FIELDS
                }
            }
        } else {
            let (_, fields) = array(item);
            quote_spanned!(span=> &#fields)
        };
        let own = quote_spanned!(span=> <Self as #krate::DsyncObject>::FIELDS);
        let new = entity_layout(item, &own);
        Self {
            items: TokenStream::new(),
            fields,
            layout: quote_spanned!(span=> &#new),
        }
    }
}

/// The array of fields, and its length: an expression, too, where flattened fields come from
/// another struct.
fn array(item: &Struct) -> (TokenStream, TokenStream) {
    let span = mixed(item.ident.span());
    let krate = krate_at(item, span);
    // serde always writes it, and reads the struct without it as well.
    let tag = item.tag.as_ref().map(|tag| {
        let name = tag.value();
        quote_spanned! {span=>
            #krate::FieldLayout::new(#name, #krate::Shape::leaf(#krate::FieldType::Text))
                .with_required(false),
        }
    });
    let Some(last) = item
        .fields
        .iter()
        .rev()
        .find(|field| field.flatten.is_some())
    else {
        let count = item.fields.len() + usize::from(item.tag.is_some());
        let fields = item.fields.iter().map(|field| field_layout(item, field));
        return (
            quote_spanned!(span=> #count),
            quote_spanned!(span=> [#tag #(#fields),*]),
        );
    };

    let (mut parts, mut own) = (TokenStream::new(), quote_spanned!(span=> #tag));
    let flush = |own: &mut TokenStream, parts: &mut TokenStream| {
        if !own.is_empty() {
            parts.extend(quote_spanned!(span=> #krate::__private::Part::Own(&[#own]),));
            *own = TokenStream::new();
        }
    };
    for field in &item.fields {
        if field.flatten.is_some() {
            flush(&mut own, &mut parts);
            parts.extend(flattened(item, field));
        } else {
            let field = field_layout(item, field);
            own.extend(quote_spanned!(span=> #field,));
        }
    }
    flush(&mut own, &mut parts);

    // What is wrong with the parts together is shown at the last that is flattened.
    let span = mixed(last.ident.span());
    let krate = krate_at(item, span);
    let parts = quote_spanned!(span=> &[#parts]);
    (
        quote_spanned!(span=> { #krate::__private::count(#parts) }),
        quote_spanned!(span=> #krate::__private::join(#parts)),
    )
}

fn flattened(item: &Struct, field: &Field) -> TokenStream {
    let span = mixed(field.ident.span());
    let krate = krate_at(item, span);
    let of = field.ident.unraw().to_string();
    let ty = item.in_tree(&field.ty);
    let ty_span = mixed(field.ty.span());
    let ty_krate = krate_at(item, ty_span);
    let shape = quote_spanned!(ty_span=> <#ty as #ty_krate::FieldValue>::SHAPE);
    let required = match field.required {
        Some(required) => quote_spanned!(span=> ::core::option::Option::Some(#required)),
        None => quote_spanned!(span=> ::core::option::Option::None),
    };
    let primary_key = field.words.primary_key.is_some();
    quote_spanned! {span=>
        #krate::__private::Part::Flat {
            of: #of,
            shape: #shape,
            required: #required,
            primary_key: #primary_key,
        },
    }
}

fn entity_layout(item: &Struct, fields: &TokenStream) -> TokenStream {
    let span = mixed(item.ident.span());
    let krate = krate_at(item, item.ident.span());
    let name = &item.entity.name.value;
    let url = &item.entity.endpoint_url.value;
    let token = &item.entity.token.value;
    let plain = [name, url, token].into_iter().all(|text| is_plain(text));
    let new = Ident::new(if plain { "plain" } else { "new" }, span);
    quote_spanned! {span=>
        #krate::EntityLayout::#new(#name, #url, #token, #fields)
    }
}

/// Whether JSON writes the text as it is, between quotes.
fn is_plain(text: &str) -> bool {
    !text
        .bytes()
        .any(|byte| matches!(byte, b'"' | b'\\' | 0..=0x1f))
}

fn object(item: &Struct, tree: &Tree) -> TokenStream {
    let krate = krate_at(item, item.ident.span());
    let ident = &item.ident;
    let generics = bounded(item);
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let fields = &tree.fields;
    let primary_key = item.primary_key().map(|key| primary_key(item, key));
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
        #primary_key
    }
}

fn primary_key(item: &Struct, key: &Field) -> TokenStream {
    let ident = &item.ident;
    let span = mixed(ident.span());
    let krate = krate_at(item, span);
    let (key_ident, key_type) = (&key.ident, &key.ty);
    let mut generics = bounded(item);
    let key_span = mixed(key_type.span());
    let key_krate = krate_at(item, key_span);
    let value = match &key.flatten {
        None => quote_spanned!(key_span=> &self.#key_ident),
        // The flattened part's own.
        Some(_) => quote_spanned!(key_span=> #key_krate::PrimaryKey::primary_key(&self.#key_ident)),
    };
    if item.is_generic(key_type) {
        generics
            .make_where_clause()
            .predicates
            .push(parse_quote!(#key_type: #krate::ToEntityId));
    }
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #krate::PrimaryKey for #ident #ty_generics #where_clause {
            #[inline]
            fn primary_key(&self) -> &dyn #krate::ToEntityId {
                #value
            }
        }
    }
}

fn entity(item: &Struct, tree: &Tree) -> TokenStream {
    let ident = &item.ident;
    let span = mixed(ident.span());
    let krate = krate_at(item, span);
    let mut generics = bounded(item);
    if let Some(key) = item.primary_key()
        && item.is_generic(&key.ty)
    {
        let ty = &key.ty;
        generics
            .make_where_clause()
            .predicates
            .push(parse_quote!(#ty: #krate::ToEntityId));
    }
    let (impl_generics, ty_generics, where_clause) = generics.split_for_impl();
    let layout = &tree.layout;
    let entity_id = item.primary_key().map(|_| {
        quote_spanned! {span=>
            #[inline]
            fn entity_id(&self) -> ::core::result::Result<
                ::core::option::Option<#krate::EntityId>,
                #krate::InvalidEntityId,
            > {
                #krate::__private::entity_id(self)
            }
        }
    });
    quote_spanned! {span=>
        #[automatically_derived]
        impl #impl_generics #krate::DsyncEntity for #ident #ty_generics #where_clause {
            const LAYOUT: &'static #krate::EntityLayout = #layout;
            #entity_id
        }
    }
}

/// One element of the array of fields.
fn field_layout(item: &Struct, field: &Field) -> TokenStream {
    let span = mixed(field.ident.span());
    let krate = krate_at(item, span);
    let (name, ident) = (&field.name.value, field.ident.to_string());
    let shape = shape(item, field);
    let description = field.description.as_deref().unwrap_or_default();
    let plain = is_plain(name) && is_plain(description);
    let mut code = if plain {
        quote_spanned!(span=> #krate::FieldLayout::plain(#name, #shape, #description))
    } else {
        quote_spanned!(span=> #krate::FieldLayout::new(#name, #shape))
    };
    if *name != ident {
        code.extend(quote_spanned!(span=> .with_ident(#ident)));
    }
    if field.words.primary_key.is_some() {
        code.extend(quote_spanned!(span=> .with_primary_key()));
    }
    if field.read_only {
        code.extend(quote_spanned!(span=> .with_read_only()));
    }
    if let Some(required) = field.required {
        code.extend(quote_spanned!(span=> .with_required(#required)));
    }
    if let (Some(text), false) = (&field.description, plain) {
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
        let (entity, target) = (item.named(&reference.entity), reference.field.to_string());
        let span = mixed(reference.entity.span());
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
            let ty = item.in_tree(&field.ty);
            let span = mixed(field.ty.span());
            let krate = krate_at(item, span);
            quote_spanned!(span=> <#ty as #krate::FieldValue>::SHAPE)
        }
        Some(word) => {
            let span = mixed(field.ty.span());
            let code = if field.opaque {
                opaque(item, &field.ty, word)
            } else {
                declared(item, &field.ty, word)
            };
            match field.words.multiple {
                Some(_) => quote_spanned!(span=> #code.multiple()),
                None => code,
            }
        }
    }
}

/// The shape of a field that other code writes. That the Rust type is a list says nothing, a
/// `Vec<u8>` may be written as one text; an `Option` is one for that code as well.
fn opaque(item: &Struct, ty: &Type, word: &TypeWord) -> TokenStream {
    let span = mixed(ty.span());
    let krate = krate_at(item, span);
    let variant = Ident::new(word.variant, span);
    let leaf = quote_spanned!(span=> #krate::Shape::leaf(#krate::FieldType::#variant));
    match wrapper(ty) {
        Some((Wrapper::Option, _)) => quote_spanned!(span=> #leaf.optional()),
        _ => leaf,
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
            let probe = probe(item, ty);
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

/// What is known of a type that may be no field value.
fn probe(item: &Struct, ty: &Type) -> TokenStream {
    let span = mixed(ty.span());
    let krate = krate_at(item, span);
    let ty = item.in_tree(ty);
    quote_spanned!(span=> #krate::__private::Probe::<#ty>)
}

/// The type inside of the wrappers that can be seen.
pub(crate) fn innermost(ty: &Type) -> &Type {
    wrapper(ty).map_or(ty, |(_, inner)| innermost(inner))
}

/// Whether a type can be seen to be an `Option`, maybe behind a pointer.
pub(crate) fn is_option(ty: &Type) -> bool {
    match wrapper(ty) {
        Some((Wrapper::Option, _)) => true,
        Some((Wrapper::Pointer, inner)) => is_option(inner),
        Some((Wrapper::List, _)) | None => false,
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
/// Where the field's type depends on a parameter, its own type is not known here; the field that is
/// referenced is.
fn checks(item: &Struct, field: &Field) -> TokenStream {
    let mut code = TokenStream::new();
    let known = !item.is_generic(&field.ty);
    if let Some(reference) = &field.words.references {
        let span = mixed(reference.field.span());
        let krate = krate_at(item, span);
        let (entity, target) = (item.named(&reference.entity), reference.field.to_string());
        let from = if known {
            let shape = shape(item, field);
            quote_spanned!(span=> ::core::option::Option::Some(#shape))
        } else {
            quote_spanned!(span=> ::core::option::Option::None)
        };
        code.extend(quote_spanned! {span=>
            const _: () = #krate::__private::check_reference(
                <#entity as #krate::DsyncObject>::FIELDS,
                #target,
                #from,
            );
        });
    }
    match &field.words.field_type {
        None if known => {
            if let Some(format) = &field.words.date_format {
                let span = mixed(format.span());
                let krate = krate_at(item, span);
                let shape = shape(item, field);
                code.extend(quote_spanned! {span=>
                    const _: () = #krate::__private::check_date_format(&#shape);
                });
            }
        }
        // A circle of types may be closed by `custom`, and then it must not be walked.
        Some(word) if known && !field.opaque && word.variant != "Custom" => {
            let span = mixed(word.text.span());
            let krate = krate_at(item, span);
            let probe = probe(item, innermost(&field.ty));
            let variant = Ident::new(word.variant, span);
            code.extend(quote_spanned! {span=>
                const _: () = #krate::__private::check_declared(
                    #probe::FIELD_TYPE,
                    #krate::FieldType::#variant,
                );
            });
        }
        _ => {}
    }
    code
}

/// The generics with a bound on every field type that mentions a type parameter.
fn bounded(item: &Struct) -> Generics {
    let mut generics = item.generics.clone();
    let parameters = item.type_parameters();
    if parameters.is_empty() {
        return generics;
    }
    let krate = &item.krate;
    let clause = generics.make_where_clause();
    for field in &item.fields {
        let ty = &field.ty;
        if mentions(ty.to_token_stream(), &|ident| parameters.contains(ident))
            && field.words.field_type.is_none()
        {
            clause
                .predicates
                .push(parse_quote!(#ty: #krate::FieldValue));
        }
    }
    generics
}
