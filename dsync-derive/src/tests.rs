//! What each of serde's attributes does to the code that comes out.
//!
//! Here and not with serde's derive beside it, because that refuses some of them in places where
//! ours has to have an answer all the same.

use proc_macro2::TokenStream;
use syn::DeriveInput;

use crate::Kind;
use crate::ast::Struct;
use crate::errors::Errors;
use crate::value::Value;
use crate::{check, expand};

/// The code, and the errors' texts.
fn derive(kind: Kind, input: &str) -> (String, String) {
    let input: DeriveInput =
        syn::parse_str(input).unwrap_or_else(|error| panic!("{error}: {input}"));
    let mut errors = Errors::default();
    let code = match kind {
        Kind::Value => Value::from_input(&input, &mut errors).map(|value| value.expand()),
        Kind::Object | Kind::Entity => {
            Struct::from_input(&input, kind, &mut errors).map(|mut item| {
                check::check(&mut item, &mut errors);
                expand::expand(&item)
            })
        }
    };
    (
        code.unwrap_or_else(TokenStream::new).to_string(),
        errors.into_compile_errors().to_string(),
    )
}

/// What an attribute is expected to do.
enum Does {
    /// Nothing: the code is the same as without it.
    Nothing,
    /// Something: the code has this in it, and did not before.
    Adds(&'static str),
    /// Something: the code does not have this in it any more.
    Removes(&'static str),
    /// It needs a type word, and is fine with one.
    NeedsType,
    /// It is refused, with a text that has this in it.
    IsRefused(&'static str),
}

use Does::{Adds, IsRefused, NeedsType, Nothing, Removes};

/// `place` has a `@` where the attribute goes, and a `%` where a type word would go.
#[track_caller]
fn check_all(kind: Kind, place: &str, words: &[(&str, Does)]) {
    let with =
        |serde: &str, dsync: &str| derive(kind, &place.replace('@', serde).replace('%', dsync));
    let (plain, errors) = with("", "");
    assert_eq!(errors, "");
    for (word, does) in words {
        let attribute = format!("#[serde({word})]");
        let (code, errors) = with(&attribute, "");
        match does {
            Nothing => assert_eq!((&code, &*errors), (&plain, ""), "{word}"),
            Adds(text) => {
                assert_eq!(errors, "", "{word}");
                assert!(
                    code.contains(text) && !plain.contains(text),
                    "{word}: {code}"
                );
            }
            Removes(text) => {
                assert_eq!(errors, "", "{word}");
                assert!(
                    !code.contains(text) && plain.contains(text),
                    "{word}: {code}"
                );
            }
            NeedsType => {
                assert!(errors.contains("what is written"), "{word}: {errors}");
                let (_, errors) = with(&attribute, "#[dsync(type = \"text\")]");
                assert_eq!(errors, "", "{word}");
            }
            IsRefused(text) => {
                assert!(
                    errors.contains("cannot be followed here") && errors.contains(text),
                    "{word}: {errors}"
                );
            }
        }
        // The word that undoes it.
        let name = word.split([' ', '(']).next().unwrap_or_default();
        if !place.contains("variant") {
            let (code, errors) = with(&attribute, &format!("#[dsync(ignore_serde({name}))]"));
            assert_eq!((&code, &*errors), (&plain, ""), "{word} is not undone");
        }
    }
}

#[test]
fn on_a_struct() {
    check_all(
        Kind::Object,
        "@ % struct Part { two_words: u8 }",
        &[
            ("rename_all = \"camelCase\"", Adds("\"twoWords\"")),
            ("default", Adds("with_required")),
            ("tag = \"kind\"", Adds("\"kind\"")),
            ("rename = \"Other\"", Nothing),
            ("deny_unknown_fields", Nothing),
            ("bound = \"\"", Nothing),
            ("crate = \"serde\"", Nothing),
            ("expecting = \"a part\"", Nothing),
            ("from = \"Other\"", Nothing),
            ("try_from = \"Other\"", Nothing),
            ("transparent", IsRefused("derive FieldValue instead")),
            ("untagged", IsRefused("an enum")),
            ("content = \"c\"", IsRefused("an enum")),
            ("rename_all_fields = \"camelCase\"", IsRefused("an enum")),
            ("field_identifier", IsRefused("an enum")),
            ("variant_identifier", IsRefused("an enum")),
        ],
    );
    // A type word on a struct means FieldValue, so these two have no way out here.
    for word in ["into = \"Other\"", "remote = \"Other\""] {
        let (_, errors) = derive(
            Kind::Object,
            &format!("#[serde({word})] struct Part {{ id: u8 }}"),
        );
        assert!(
            errors.contains("other code decides what is written"),
            "{word}"
        );
    }
}

#[test]
fn on_a_field() {
    check_all(
        Kind::Object,
        "struct Part { other: u8, @ % field: Inside }",
        &[
            ("rename = \"new\"", Adds("\"new\"")),
            ("default", Adds("with_required")),
            ("default = \"path\"", Adds("with_required")),
            ("skip", Removes("\"field\"")),
            ("skip_serializing", Removes("\"field\"")),
            ("skip_deserializing", Adds("with_read_only")),
            ("skip_serializing_if = \"path\"", Adds("with_required")),
            ("flatten", Adds("Flat")),
            ("alias = \"old\"", Nothing),
            ("deserialize_with = \"path\"", Nothing),
            ("bound = \"\"", Nothing),
            ("borrow", Nothing),
            ("with = \"path\"", NeedsType),
            ("serialize_with = \"path\"", NeedsType),
            ("getter = \"path\"", NeedsType),
        ],
    );
}

#[test]
fn on_a_value() {
    check_all(
        Kind::Value,
        "@ % enum Choice { TwoWords }",
        &[
            ("rename_all = \"camelCase\"", Adds("\"twoWords\"")),
            ("transparent", Nothing),
            ("rename = \"Other\"", Nothing),
            ("rename_all_fields = \"camelCase\"", Nothing),
            ("deny_unknown_fields", Nothing),
            ("default", Nothing),
            ("bound = \"\"", Nothing),
            ("crate = \"serde\"", Nothing),
            ("expecting = \"a choice\"", Nothing),
            ("from = \"Other\"", Nothing),
            ("try_from = \"Other\"", Nothing),
            ("field_identifier", Nothing),
            ("variant_identifier", Nothing),
            ("into = \"Other\"", NeedsType),
            ("remote = \"Other\"", NeedsType),
            ("tag = \"kind\"", NeedsType),
            ("content = \"c\"", NeedsType),
            ("untagged", NeedsType),
        ],
    );
}

#[test]
fn on_a_variant() {
    check_all(
        Kind::Value,
        "% enum Choice { @ variant, Other }",
        &[
            ("rename = \"new\"", Adds("\"new\"")),
            ("rename_all = \"camelCase\"", Nothing),
            ("alias = \"old\"", Nothing),
            ("skip", Nothing),
            ("skip_serializing", Nothing),
            ("skip_deserializing", Nothing),
            ("other", Nothing),
            ("bound = \"\"", Nothing),
            ("borrow", Nothing),
            ("deserialize_with = \"path\"", Nothing),
            ("with = \"path\"", NeedsType),
            ("serialize_with = \"path\"", NeedsType),
            ("untagged", NeedsType),
        ],
    );
}

/// A word that nobody here has heard of is not ignored.
#[test]
fn an_unknown_word_is_an_error_with_a_way_out() {
    let (_, errors) = derive(Kind::Object, "struct Part { #[serde(frobnicate)] id: u8 }");
    assert!(errors.contains("ignore_serde(frobnicate)"), "{errors}");
    let (_, errors) = derive(
        Kind::Object,
        "struct Part { #[serde(frobnicate)] #[dsync(ignore_serde(frobnicate))] id: u8 }",
    );
    assert_eq!(errors, "");
}

/// The guide shows what is generated, so that nobody has to guess what a derive costs. It leaves out
/// the beginnings of paths and what is only for the compiler.
#[test]
fn the_guide_shows_what_is_generated() {
    let (code, errors) = derive(
        Kind::Entity,
        r#"
        #[dsync(entity_token = "shop-1-product-2f0a6c")]
        struct Product {
            /// A product SKU
            #[dsync(primary_key)]
            sku: String,
            price: Option<f64>,
            #[dsync(references = Category::id)]
            category: u32,
            #[dsync(type = "date", date_format = "YYYY-MM-DD")]
            since: String,
            inventory: Inventory,
        }
        "#,
    );
    assert_eq!(errors, "");

    let guide = include_str!("../../dsync-sdk/src/guide/attributes.md");
    let start = guide
        .find("const _: () = {")
        .expect("the guide has the block");
    let shown = &guide[start..];
    let shown = &shown[..shown.find("\n};").expect("the block ends") + 3];
    assert!(
        shown.lines().count() <= 60,
        "{} lines",
        shown.lines().count()
    );

    let shown: TokenStream = shown.parse().expect("the block is Rust");
    let plain = |code: String| {
        let code: String = code.split_whitespace().collect();
        [
            ("use::dsync::__private", "usedsync::__private"),
            ("::dsync::", ""),
            ("::core::result::", ""),
            ("::core::option::Option::Some", "Some"),
            ("::core::option::", ""),
            ("#[automatically_derived]", ""),
            ("#[doc(hidden)]", ""),
            ("#[allow(unused_imports)]", ""),
            ("5usize", "5"),
            // rustfmt puts a comma where a list takes several lines.
            (",)", ")"),
            (",]", "]"),
            (",>", ">"),
        ]
        .into_iter()
        .fold(code, |code, (from, to)| code.replace(from, to))
    };
    assert_eq!(plain(code), plain(shown.to_string()));
}
