//! The guide's table of serde's attributes says what the derives do.

use std::collections::BTreeSet;
use std::fs;

fn file(path: &str) -> String {
    fs::read_to_string(format!("{}/../{path}", env!("CARGO_MANIFEST_DIR"))).unwrap()
}

/// The words of one of the derive's tables, each with its effect.
fn in_the_derive(table: &str) -> BTreeSet<(String, String)> {
    let source = file("dsync-derive/src/attr/serde.rs");
    let start = source.find(&format!("const {table}: ")).unwrap();
    let body = &source[start..];
    let body = &body[..body.find("\n];").unwrap()];
    let entries = body.split('(').filter_map(|entry| {
        let (word, effect) = entry.trim_start().strip_prefix('"')?.split_once("\",")?;
        let is_letter = |letter: &char| letter.is_ascii_alphabetic() || *letter == '_';
        let effect: String = effect.trim_start().chars().take_while(is_letter).collect();
        Some((word.to_owned(), effect.replace("ENUMS_ONLY", "Refused")))
    });
    entries.collect()
}

fn in_the_guide(row: &str) -> BTreeSet<(String, String)> {
    let page = file("dsync-sdk/src/guide/attributes.md");
    let line = page
        .lines()
        .find(|line| line.starts_with(&format!("| {row} | `")) && line.matches('|').count() == 6)
        .unwrap();
    let cells = line.split('|').skip(2);
    cells
        .zip(["Followed", "Harmless", "NeedsType", "Refused"])
        .flat_map(|(cell, effect)| {
            let words = cell.split(',').map(|word| word.trim().trim_matches('`'));
            words
                .filter(|word| !word.is_empty())
                .map(move |word| (word.to_owned(), effect.to_owned()))
        })
        .collect()
}

#[test]
fn every_attribute_of_serde_stands_in_the_right_column() {
    for (row, table) in [
        ("struct", "ON_STRUCT"),
        ("field", "ON_FIELD"),
        ("newtype or enum", "ON_VALUE"),
        ("variant", "ON_VARIANT"),
    ] {
        let derive = in_the_derive(table);
        assert!(derive.len() > 5, "the tables are written differently now");
        assert_eq!(in_the_guide(row), derive, "{table}");
    }
}

/// Every word of `#[dsync(..)]` has a row, and stands in the example.
#[test]
fn every_word_of_ours_is_explained_and_shown() {
    let page = file("dsync-sdk/src/guide/attributes.md");
    let example = page
        .split("# An example with all of them")
        .nth(1)
        .and_then(|rest| rest.split("```").nth(1))
        .unwrap();
    let source = file("dsync-derive/src/attr/dsync.rs");
    for table in ["ENTITY_WORDS", "OBJECT_WORDS", "VALUE_WORDS", "FIELD_WORDS"] {
        let start = source.find(&format!("const {table}: ")).unwrap();
        let body = &source[start..];
        let body = &body[..body.find("];").unwrap()];
        for word in body.split('"').skip(1).step_by(2) {
            assert!(page.contains(&format!("`{word}")), "{word} has no row");
            assert!(example.contains(word), "{word} is not in the example");
        }
    }
}
