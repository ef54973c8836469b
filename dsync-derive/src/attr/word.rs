//! The words of an attribute: `bare`, `key = value`, `list(...)`.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::ext::IdentExt as _;
use syn::parse::{Parse, ParseStream};
use syn::punctuated::Punctuated;
use syn::{Attribute, Expr, ExprLit, Ident, Lit, LitStr, Meta, Token};

use crate::errors::Errors;

/// One word of an attribute.
pub(crate) struct Word {
    /// May be a keyword, as in `type = ".."`.
    pub(crate) name: Ident,
    pub(crate) form: Form,
}

pub(crate) enum Form {
    Bare,
    Value(Expr),
    List(TokenStream),
}

impl Parse for Word {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let name = input.call(Ident::parse_any)?;
        let form = if input.peek(Token![=]) {
            input.parse::<Token![=]>()?;
            Form::Value(input.parse()?)
        } else if input.peek(syn::token::Paren) {
            let content;
            syn::parenthesized!(content in input);
            Form::List(content.parse()?)
        } else {
            Form::Bare
        };
        Ok(Self { name, form })
    }
}

impl ToTokens for Word {
    fn to_tokens(&self, tokens: &mut TokenStream) {
        self.name.to_tokens(tokens);
        match &self.form {
            Form::Bare => {}
            Form::Value(value) => value.to_tokens(tokens),
            Form::List(list) => list.to_tokens(tokens),
        }
    }
}

impl Word {
    /// The text of `key = "text"`.
    pub(crate) fn text(&self, errors: &mut Errors) -> Option<LitStr> {
        if let Form::Value(value) = &self.form
            && let Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) = ungrouped(value)
        {
            return Some(text.clone());
        }
        errors.add(
            self,
            format_args!("`{0}` takes a text: {0} = \"..\"", self.name.unraw()),
        );
        None
    }

    /// Whether the word stands alone; says so if it should and does not.
    pub(crate) fn is_bare(&self, errors: &mut Errors) -> bool {
        let bare = matches!(self.form, Form::Bare);
        if !bare {
            errors.add(
                self,
                format_args!("`{}` stands alone, without a value", self.name.unraw()),
            );
        }
        bare
    }
}

/// What a `macro_rules!` hands over comes in an invisible group.
pub(crate) fn ungrouped(mut value: &Expr) -> &Expr {
    while let Expr::Group(group) = value {
        value = &group.expr;
    }
    value
}

/// All words of the attributes with this name.
pub(crate) fn words(attributes: &[Attribute], name: &str, errors: &mut Errors) -> Vec<Word> {
    let mut all = Vec::new();
    for attribute in attributes {
        if !attribute.path().is_ident(name) {
            continue;
        }
        if let Meta::Path(_) = attribute.meta {
            errors.add(
                attribute,
                format_args!("`{name}` needs words in parentheses: #[{name}(..)]"),
            );
            continue;
        }
        match attribute.parse_args_with(Punctuated::<Word, Token![,]>::parse_terminated) {
            Ok(words) => all.extend(words),
            Err(error) => errors.push(error),
        }
    }
    all
}
