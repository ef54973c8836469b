//! The static tree as JSON, the fast way: the same bytes as `json.rs` writes in the full form.
//!
//! What stands between a field's treekey and its name is one text for each combination of type and
//! flags, and a parent's treekey is copied from where it has just been written. That a text needs no
//! escaping is known from the derive: to look at every byte would take longer than to copy them.

use std::ops::Range;

use super::node::{FieldNode as _, ForeignKey};
use super::tree::FieldLayout;

/// What is written of an entity beside its fields.
pub(super) struct Head<'a> {
    pub(super) name: &'a str,
    pub(super) endpoint_url: &'a str,
    pub(super) entity_token: &'a str,
    /// Whether the three are known to need no escaping.
    pub(super) plain: bool,
}

pub(super) fn entity(out: &mut Vec<u8>, head: &Head<'_>, fields: &'static [FieldLayout]) {
    // As much as most layouts take, so that the buffer grows once.
    out.reserve(256 + 384 * fields.len());
    push(out, r#"{"entity_name":""#);
    text(out, head.name, head.plain);
    push(out, r#"","treekey":""#);
    let start = out.len();
    text(out, head.name, head.plain);
    let treekey = start..out.len();
    push(out, r#"","endpoint_url":""#);
    text(out, head.endpoint_url, head.plain);
    push(out, r#"","entity_token":""#);
    text(out, head.entity_token, head.plain);
    push(out, r#"","fields":["#);
    list(out, treekey, fields, true);
    push(out, "]}");
}

/// Writes the fields of one level. What ends a field and begins the next is one text.
fn list(
    out: &mut Vec<u8>,
    parent: Range<usize>,
    fields: &'static [FieldLayout],
    first_level: bool,
) {
    let Some(last) = fields.len().checked_sub(1) else {
        return;
    };
    push(out, r#"{"id":null,"treekey":""#);
    let mut start = out.len();
    out.extend_from_within(parent);
    out.push(b'.');
    // The parent's treekey with its dot: the other fields copy it from here.
    let prefix = start..out.len();

    for (index, field) in fields.iter().enumerate() {
        if index > 0 {
            start = out.len();
            out.extend_from_within(prefix.clone());
        }
        text(out, field.name(), field.is_plain());
        let treekey = start..out.len();

        // A part keeps the mark of its own primary key out of the layouts it is nested in.
        let primary_key = first_level && field.is_primary_key();
        if field.has_neither_format_nor_key() {
            push(out, middle(field, primary_key));
        } else {
            rare_middle(out, field, primary_key);
        }
        text(out, field.name(), field.is_plain());
        end(out, field, treekey, index == last);
    }
}

/// Writes what comes after a field's name, up to the treekey of the next field.
fn end(out: &mut Vec<u8>, field: &'static FieldLayout, treekey: Range<usize>, is_last: bool) {
    // The SDKs cannot nest: their objects have the thirteen keys and nothing below.
    let is_leaf = field.fields().is_empty();
    let after = match field.description() {
        Some(description) => {
            push(out, r#"","description":""#);
            text(out, description, field.is_plain());
            match (is_leaf, is_last) {
                (true, true) => r#""}"#,
                (true, false) => r#""},{"id":null,"treekey":""#,
                (false, _) => r#"","fields":["#,
            }
        }
        None => match (is_leaf, is_last) {
            (true, true) => r#"","description":null}"#,
            (true, false) => r#"","description":null},{"id":null,"treekey":""#,
            (false, _) => r#"","description":null,"fields":["#,
        },
    };
    push(out, after);
    if !is_leaf {
        list(out, treekey, field.fields(), false);
        push(
            out,
            if is_last {
                "]}"
            } else {
                r#"]},{"id":null,"treekey":""#
            },
        );
    }
}

fn push(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(text.as_bytes());
}

fn text(out: &mut Vec<u8>, text: &str, plain: bool) {
    if plain {
        push(out, text);
    } else {
        escaped(out, text);
    }
}

/// The text as serde_json escapes it, without its quotes.
#[cold]
fn escaped(out: &mut Vec<u8>, text: &str) {
    let start = out.len();
    quoted(out, text);
    out.pop();
    out.remove(start);
}

fn quoted(out: &mut Vec<u8>, text: &str) {
    // Most are a few letters, and looking at those is faster than asking.
    if text
        .bytes()
        .all(|byte| byte >= b' ' && byte != b'"' && byte != b'\\')
    {
        out.push(b'"');
        push(out, text);
        out.push(b'"');
        return;
    }
    serde_json::to_writer(out, text).expect("a text is JSON, and a Vec takes any bytes");
}

macro_rules! middles {
    ($($field_type:literal)+) => {
        [$(
            [
                middles!(@ $field_type, false, false, false),
                middles!(@ $field_type, false, false, true),
                middles!(@ $field_type, false, true, false),
                middles!(@ $field_type, false, true, true),
                middles!(@ $field_type, true, false, false),
                middles!(@ $field_type, true, false, true),
                middles!(@ $field_type, true, true, false),
                middles!(@ $field_type, true, true, true),
            ],
        )+]
    };
    (@ $field_type:literal, $multiple:literal, $required:literal, $primary_key:literal) => {
        concat!(
            r#"","value":null,"type":""#, $field_type,
            r#"","multiple":"#, $multiple,
            r#","date_format":null,"required":"#, $required,
            r#","functions":[],"primary_key":"#, $primary_key,
            r#","foreign_key":null,"bool_settings":null,"name":""#,
        )
    };
}

/// By type, in the order of [`FieldType::ALL`](super::FieldType::ALL), and by flags.
static MIDDLES: [[&str; 8]; 11] = middles! {
    "text" "number" "url" "email" "date" "time" "datetime" "boolean" "object" "math" "custom"
};

/// What stands between treekey and name where neither a date format nor a foreign key is set.
fn middle(field: &FieldLayout, primary_key: bool) -> &'static str {
    let flags = usize::from(field.is_multiple()) << 2
        | usize::from(field.is_required()) << 1
        | usize::from(primary_key);
    MIDDLES[field.field_type() as usize][flags]
}

/// The same where one of them is set.
fn rare_middle(out: &mut Vec<u8>, field: &FieldLayout, primary_key: bool) {
    let flag = |flag| if flag { "true" } else { "false" };

    push(out, r#"","value":null,"type":""#);
    push(out, field.field_type().as_str());
    push(out, r#"","multiple":"#);
    push(out, flag(field.is_multiple()));
    push(out, r#","date_format":"#);
    match field.date_format() {
        None => push(out, "null"),
        Some(format) => quoted(out, format),
    }
    push(out, r#","required":"#);
    push(out, flag(field.is_required()));
    push(out, r#","functions":[],"primary_key":"#);
    push(out, flag(primary_key));
    push(out, r#","foreign_key":"#);
    match field.foreign_key() {
        ForeignKey::Text(text) => quoted(out, text),
        ForeignKey::Treekey { entity, field } => {
            quoted(out, entity);
            out.pop();
            out.push(b'.');
            let quote = out.len();
            quoted(out, field);
            out.remove(quote);
        }
        ForeignKey::None | ForeignKey::Raw(_) => push(out, "null"),
    }
    push(out, r#","bool_settings":null,"name":""#);
}

#[cfg(test)]
mod tests {
    use crate::layout::{EntityLayout, FieldLayout, FieldType, Shape};

    #[track_caller]
    fn assert_same_bytes(layout: &EntityLayout) {
        let expected = serde_json::to_string(layout).unwrap();
        // What stands in the buffer stays.
        let mut out = b"before".to_vec();
        layout.write_json(&mut out);
        assert_eq!(String::from_utf8(out).unwrap(), format!("before{expected}"));
    }

    const TEXT: Shape = Shape::leaf(FieldType::Text);

    #[test]
    fn nothing_below() {
        assert_same_bytes(&EntityLayout::new("empty", "/entity/empty", "t", &[]));
    }

    #[test]
    fn every_type_with_every_flag() {
        for field_type in FieldType::ALL {
            for flags in 0..16 {
                let mut shape = Shape::leaf(field_type);
                if flags & 1 != 0 {
                    shape = shape.multiple();
                }
                let description = if flags & 8 != 0 { "What it is" } else { "" };
                let mut fields = [
                    FieldLayout::plain("derived", shape, description),
                    FieldLayout::new("by_hand", shape).with_description(description),
                ]
                .map(|field| field.with_required(flags & 2 != 0));
                if flags & 4 != 0 {
                    fields = fields.map(FieldLayout::with_primary_key);
                }
                let fields = Box::leak(Box::new(fields));
                assert_same_bytes(&EntityLayout::new("all", "/entity/all", "t", fields));
                assert_same_bytes(&EntityLayout::plain("all", "/entity/all", "t", fields));
            }
        }
    }

    static LEAVES: [FieldLayout; 2] = [
        FieldLayout::new("qty", Shape::leaf(FieldType::Number)).with_primary_key(),
        FieldLayout::new("größe", TEXT.optional()).with_description("日本語 🙂"),
    ];
    static QUOTED: [FieldLayout; 2] = [
        FieldLayout::new("a\"b", Shape::object(&LEAVES)).with_description("tab\t \u{1} \u{7f}"),
        FieldLayout::new("list", Shape::object(&LEAVES).multiple().optional()),
    ];
    static FIELDS: [FieldLayout; 9] = [
        FieldLayout::plain("id", TEXT, "").with_primary_key(),
        FieldLayout::plain("plain", Shape::object(&LEAVES), "Below it, two"),
        FieldLayout::plain("mixed", Shape::object(&QUOTED), "").with_description("\\ or \""),
        FieldLayout::new("back\\slash", Shape::object(&QUOTED)).with_read_only(),
        FieldLayout::new("no_fields", Shape::object(&[])),
        FieldLayout::new("day", Shape::leaf(FieldType::Date)).with_date_format("YYYY-MM-DD"),
        FieldLayout::new("odd", Shape::leaf(FieldType::Date)).with_date_format("YYYY \"MM\""),
        FieldLayout::new("text", TEXT).with_foreign_key("other \\ \"key\""),
        FieldLayout::new("last", TEXT).with_description(""),
    ];

    #[test]
    fn nested_and_escaped() {
        for texts in [
            ["product", "/entity/product", "source-1-product-1"],
            ["événement", "/entity/événement", "t"],
            ["with \"quotes\"", "/entity/\\", "\n"],
            ["", "", ""],
        ] {
            let [name, url, token] = texts;
            assert_same_bytes(&EntityLayout::new(name, url, token, &FIELDS));
        }
    }

    #[test]
    fn references() {
        static OTHER: EntityLayout = EntityLayout::new("other \" one", "/o", "t", &OTHER_FIELDS);
        static OTHER_FIELDS: [FieldLayout; 2] = [
            FieldLayout::new("écrit", TEXT).with_ident("id"),
            FieldLayout::new("back", TEXT).with_reference(|| &REFERRING, "other"),
        ];
        static REFERRING: EntityLayout =
            EntityLayout::new("referring", "/r", "t", &REFERRING_FIELDS);
        static REFERRING_FIELDS: [FieldLayout; 2] = [
            FieldLayout::new("other", TEXT).with_reference(|| &OTHER, "id"),
            FieldLayout::new("to_nothing", TEXT).with_reference(|| &OTHER, "absent"),
        ];

        assert_same_bytes(&OTHER);
        assert_same_bytes(&REFERRING);
    }
}
