//! What is expanded where there is nothing to derive from: enough that the rest of the
//! user's program is judged as if the derive had worked.

use proc_macro2::{Span, TokenStream};
use quote::quote_spanned;
use syn::{DeriveInput, Path, parse_quote};

use crate::Kind;

/// The facade's path where nothing else is said.
pub(crate) fn krate() -> Path {
    parse_quote!(::dsync)
}

pub(crate) fn expand(input: &DeriveInput, kind: Kind, krate: Option<Path>) -> TokenStream {
    let krate = krate.unwrap_or_else(self::krate);
    let ident = &input.ident;
    let (impl_generics, ty_generics, where_clause) = input.generics.split_for_impl();
    let span = Span::mixed_site();
    let mut code = quote_spanned! {span=>
        impl #impl_generics #krate::FieldValue for #ident #ty_generics #where_clause {
            const SHAPE: #krate::Shape = #krate::Shape::leaf(#krate::FieldType::Custom);
        }
        impl #impl_generics #krate::ListItem for #ident #ty_generics #where_clause {}
    };
    if kind == Kind::Value {
        return code;
    }
    code.extend(quote_spanned! {span=>
        impl #impl_generics #krate::DsyncObject for #ident #ty_generics #where_clause {
            const FIELDS: &'static [#krate::FieldLayout] = &[];
        }
    });
    if kind == Kind::Entity {
        code.extend(quote_spanned! {span=>
            impl #impl_generics #krate::DsyncEntity for #ident #ty_generics #where_clause {
                const LAYOUT: &'static #krate::EntityLayout =
                    &#krate::EntityLayout::new("", "", "", &[]);
            }
            impl #impl_generics #krate::PrimaryKey for #ident #ty_generics #where_clause {
                fn primary_key(&self) -> &dyn #krate::ToEntityId {
                    ::core::unreachable!()
                }
            }
        });
    }
    code
}
