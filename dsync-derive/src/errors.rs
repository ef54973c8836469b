//! All mistakes of one struct, reported together.

use proc_macro2::TokenStream;
use quote::ToTokens;

/// Collects mistakes; what is collected is reported when the derive ends.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// Adds a mistake on the user's own tokens.
    pub(crate) fn add(&mut self, tokens: impl ToTokens, message: impl std::fmt::Display) {
        self.0.push(syn::Error::new_spanned(tokens, message));
    }

    /// Adds a mistake that syn found.
    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    pub(crate) fn into_compile_errors(self) -> TokenStream {
        self.0.iter().map(syn::Error::to_compile_error).collect()
    }
}

/// The clause ` (did you mean `x`?)`, or nothing where no legal word is near.
pub(crate) fn did_you_mean(word: &str, legal: &[&str]) -> String {
    const NEAR: f64 = 0.75;

    legal
        .iter()
        .map(|candidate| (strsim::jaro_winkler(word, candidate), candidate))
        .filter(|(nearness, _)| *nearness >= NEAR)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, candidate)| candidate)
        // `format` for `date_format`.
        .or_else(|| {
            legal
                .iter()
                .find(|candidate| word.len() > 3 && candidate.contains(word))
        })
        .map(|candidate| format!(" (did you mean `{candidate}`?)"))
        .unwrap_or_default()
}

/// Words for an error: `a`, `b` and `c`.
pub(crate) fn list_of(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [first @ .., last] => format!("`{}` and `{last}`", first.join("`, `")),
    }
}
