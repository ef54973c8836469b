//! What an entity is called where its struct does not say so.

use heck::ToSnakeCase as _;
use sha2::{Digest as _, Sha256};
use syn::Ident;
use syn::ext::IdentExt as _;

/// The struct's name in snake case.
pub(crate) fn entity_name(ident: &Ident) -> String {
    ident.unraw().to_string().to_snake_case()
}

pub(crate) fn endpoint_url(entity_name: &str) -> String {
    format!("/entity/{entity_name}")
}

/// `rust-sdk-<name>-<32 hex>`: the first half of SHA-256 over the package's name, a zero byte and
/// the entity's name, so that it is the same in every build and on every machine.
pub(crate) fn entity_token(package: &str, entity_name: &str) -> String {
    use std::fmt::Write as _;

    let hash = Sha256::new()
        .chain_update(package)
        .chain_update([0])
        .chain_update(entity_name)
        .finalize();
    let mut token = String::from("rust-sdk-");
    // A token is visible ASCII, because it travels in a header.
    token.extend(
        entity_name
            .chars()
            .map(|letter| if letter == '_' { '-' } else { letter })
            .filter(char::is_ascii_graphic),
    );
    token.push('-');
    for byte in &hash[..16] {
        write!(token, "{byte:02x}").expect("a String takes any text");
    }
    token
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Tokens in the field depend on this value: changing it makes every entity a new one.
    #[test]
    fn the_default_token_never_changes() {
        // printf 'my-shop\0order_line' | sha256sum | cut -c1-32
        assert_eq!(
            entity_token("my-shop", "order_line"),
            "rust-sdk-order-line-e92f5a52eaf9a74f3d4068a3c6e465b7"
        );
    }
}
