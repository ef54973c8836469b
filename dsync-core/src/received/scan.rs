//! Whether a body fits its layout and can be given to serde as it is.
//!
//! One pass over the bytes that builds nothing: it is what stands between a connector and the speed of
//! serde alone. It decides nothing: where it says no, for whatever reason, the body takes the long way
//! through [`thoroughly`](super::checked::thoroughly), which finds out why. So it takes what serde_json
//! takes and nothing else, also in what a type does not look at.
//!
//! Each function is given the JSON from where it begins, and gives what is left behind it.

use std::borrow::Cow;
use std::collections::HashSet;

use crate::layout::lenient::{is_number, is_plain};
use crate::layout::validate::Extent;
use crate::layout::{FieldLayout, FieldType};

/// Whether the body is one record of these fields: every value fits, no key is unknown, stands twice, or
/// is one of a read-only field.
pub(super) fn fits(fields: &[FieldLayout], body: &[u8], extent: Extent) -> bool {
    // As deep as serde_json goes.
    const DEEPEST: Depth = Depth(127);

    // Two passes, of which the first is by far the faster.
    (body.is_ascii() || str::from_utf8(body).is_ok())
        && object(fields, extent, DEEPEST, trimmed(body))
            .is_some_and(|rest| trimmed(rest).is_empty())
}

/// How many more lists and objects may stand in each other.
#[derive(Clone, Copy)]
struct Depth(u8);

impl Depth {
    fn deeper(self) -> Option<Self> {
        self.0.checked_sub(1).map(Self)
    }
}

fn object<'a>(
    fields: &[FieldLayout],
    extent: Extent,
    depth: Depth,
    json: &'a [u8],
) -> Option<&'a [u8]> {
    let depth = depth.deeper()?;
    let mut seen = Seen::default();
    let mut likely = 0;
    let rest = bracketed(json, *b"{}", |json| {
        let (position, rest) = key(fields, likely, json)?;
        let field = &fields[position];
        if field.is_read_only() || !seen.insert(position) {
            return None;
        }
        likely = position + 1;
        value(field, depth, behind_colon(rest)?)
    })?;
    let is_missing =
        |(position, field): (usize, &FieldLayout)| field.is_required() && !seen.contains(position);
    if extent == Extent::Whole && fields.iter().enumerate().any(is_missing) {
        return None;
    }
    Some(rest)
}

/// A key, as the position of its field. It is `likely` if the keys stand in the order of the fields.
fn key<'a>(fields: &[FieldLayout], likely: usize, json: &'a [u8]) -> Option<(usize, &'a [u8])> {
    let next = fields.get(likely);
    // Where the text ends need not be found: that is worth most of the time that keys take.
    if let Some(field) = next
        && is_plain(field)
        && let Some(inside) = json.strip_prefix(b"\"")
        && let Some(rest) = inside.strip_prefix(field.name().as_bytes())
        && let Some(rest) = rest.strip_prefix(b"\"")
    {
        return Some((likely, rest));
    }
    let (key, rest) = text(json)?;
    let key = key.meant()?;
    let is_it = |field: &FieldLayout| field.name().as_bytes() == &*key;
    if next.is_some_and(is_it) {
        return Some((likely, rest));
    }
    Some((fields.iter().position(is_it)?, rest))
}

/// The positions of the fields that were there. No allocation below 128 of them.
#[derive(Default)]
struct Seen {
    first: u128,
    others: Vec<bool>,
}

impl Seen {
    /// Whether it is new.
    fn insert(&mut self, position: usize) -> bool {
        if let Some(bit) = Self::bit(position) {
            let is_new = self.first & bit == 0;
            self.first |= bit;
            return is_new;
        }
        if self.others.len() <= position {
            self.others.resize(position + 1, false);
        }
        !std::mem::replace(&mut self.others[position], true)
    }

    fn contains(&self, position: usize) -> bool {
        match Self::bit(position) {
            Some(bit) => self.first & bit != 0,
            None => self.others.get(position).is_some_and(|&is_there| is_there),
        }
    }

    fn bit(position: usize) -> Option<u128> {
        1_u128.checked_shl(u32::try_from(position).ok()?)
    }
}

/// A field's value.
fn value<'a>(field: &FieldLayout, depth: Depth, json: &'a [u8]) -> Option<&'a [u8]> {
    match json.first()? {
        b'n' if field.is_required() => None,
        b'n' => json.strip_prefix(b"null"),
        _ if field.field_type() == FieldType::Custom => anything(depth, json),
        _ if field.is_multiple() => {
            let depth = depth.deeper()?;
            items(json, |item| one(field, depth, item))
        }
        _ => one(field, depth, json),
    }
}

/// A field's value if it is no list, or an item of it if it is one; neither null nor of a custom field.
fn one<'a>(field: &FieldLayout, depth: Depth, json: &'a [u8]) -> Option<&'a [u8]> {
    let is_text = json.first() == Some(&b'"');
    match field.field_type() {
        FieldType::Text
        | FieldType::Url
        | FieldType::Email
        | FieldType::Date
        | FieldType::Time
        | FieldType::Datetime => text(json).map(|(_, rest)| rest),
        FieldType::Number if is_text => {
            let (text, rest) = text(json)?;
            number(&text.meant()?)?.is_empty().then_some(rest)
        }
        FieldType::Number => number(json),
        FieldType::Boolean => boolean(json),
        FieldType::Math if is_text => text(json).map(|(_, rest)| rest),
        FieldType::Math => number(json),
        FieldType::Object if field.fields().is_empty() => any_object(depth, json),
        FieldType::Object => object(field.fields(), Extent::Whole, depth, json),
        FieldType::Custom => None,
    }
}

fn boolean(json: &[u8]) -> Option<&[u8]> {
    match json.first()? {
        b't' => json.strip_prefix(b"true"),
        b'f' => json.strip_prefix(b"false"),
        b'"' => {
            let (text, rest) = text(json)?;
            matches!(&*text.meant()?, b"true" | b"false" | b"0" | b"1").then_some(rest)
        }
        _ => {
            let rest = number(json)?;
            matches!(before(json, rest), b"0" | b"1").then_some(rest)
        }
    }
}

/// A value about which the layout says nothing.
fn anything(depth: Depth, json: &[u8]) -> Option<&[u8]> {
    match json.first()? {
        b'n' => json.strip_prefix(b"null"),
        b't' => json.strip_prefix(b"true"),
        b'f' => json.strip_prefix(b"false"),
        b'"' => text(json).map(|(_, rest)| rest),
        b'{' => any_object(depth, json),
        b'[' => {
            let depth = depth.deeper()?;
            items(json, |item| anything(depth, item))
        }
        _ => number(json),
    }
}

fn any_object(depth: Depth, json: &[u8]) -> Option<&[u8]> {
    let depth = depth.deeper()?;
    // No key may stand twice, wherever it is.
    let mut seen = HashSet::new();
    entries(json, |key, json| {
        if !seen.insert(key.meant()?) {
            return None;
        }
        anything(depth, json)
    })
}

/// An object, whose values are read by what they are given to.
fn entries<'a>(
    json: &'a [u8],
    mut entry: impl FnMut(Text<'a>, &'a [u8]) -> Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    bracketed(json, *b"{}", |json| {
        let (key, rest) = text(json)?;
        entry(key, behind_colon(rest)?)
    })
}

fn behind_colon(json: &[u8]) -> Option<&[u8]> {
    trimmed(json).strip_prefix(b":").map(trimmed)
}

/// A list, whose items are read by what they are given to.
fn items<'a>(json: &'a [u8], item: impl FnMut(&'a [u8]) -> Option<&'a [u8]>) -> Option<&'a [u8]> {
    bracketed(json, *b"[]", item)
}

fn bracketed<'a>(
    json: &'a [u8],
    [open, close]: [u8; 2],
    mut part: impl FnMut(&'a [u8]) -> Option<&'a [u8]>,
) -> Option<&'a [u8]> {
    let mut rest = trimmed(json.strip_prefix(&[open])?);
    if let Some(rest) = rest.strip_prefix(&[close]) {
        return Some(rest);
    }
    loop {
        rest = trimmed(part(rest)?);
        match rest.split_first()? {
            (b',', behind) => rest = trimmed(behind),
            (&byte, behind) if byte == close => return Some(behind),
            _ => return None,
        }
    }
}

/// Without the blanks at the start.
fn trimmed(mut json: &[u8]) -> &[u8] {
    while let [b' ' | b'\n' | b'\r' | b'\t', rest @ ..] = json {
        json = rest;
    }
    json
}

/// What was read of the JSON, if this is left of it.
fn before<'a>(json: &'a [u8], rest: &[u8]) -> &'a [u8] {
    &json[..json.len() - rest.len()]
}

fn number(json: &[u8]) -> Option<&[u8]> {
    // A float of this many digits is finite.
    const SHORT: usize = 300;

    let mut rest = json.strip_prefix(b"-").unwrap_or(json);
    rest = match rest {
        [b'0', rest @ ..] => rest,
        _ => digits(rest)?,
    };
    if let [b'.', fraction @ ..] = rest {
        rest = digits(fraction)?;
    }
    let has_exponent = matches!(rest, [b'e' | b'E', ..]);
    if let [b'e' | b'E', b'+' | b'-', exponent @ ..] | [b'e' | b'E', exponent @ ..] = rest {
        rest = digits(exponent)?;
    }
    let read = before(json, rest);
    if (has_exponent || read.len() > SHORT) && !is_number(str::from_utf8(read).ok()?) {
        return None;
    }
    Some(rest)
}

/// One digit at least.
fn digits(json: &[u8]) -> Option<&[u8]> {
    let [b'0'..=b'9', rest @ ..] = json else {
        return None;
    };
    let mut rest = rest;
    while let [b'0'..=b'9', behind @ ..] = rest {
        rest = behind;
    }
    Some(rest)
}

/// A text as it stands in the JSON.
struct Text<'a> {
    quoted: &'a [u8],
    is_escaped: bool,
}

impl<'a> Text<'a> {
    /// What it stands for.
    fn meant(&self) -> Option<Cow<'a, [u8]>> {
        if self.is_escaped {
            let text: String = serde_json::from_slice(self.quoted).ok()?;
            return Some(text.into_bytes().into());
        }
        match self.quoted {
            [_, inside @ .., _] => Some(inside.into()),
            _ => None,
        }
    }
}

fn text(json: &[u8]) -> Option<(Text<'_>, &[u8])> {
    let mut rest = json.strip_prefix(b"\"")?;
    let mut is_escaped = false;
    loop {
        match behind_plain(rest) {
            [b'"', rest @ ..] => {
                let text = Text {
                    quoted: before(json, rest),
                    is_escaped,
                };
                return Some((text, rest));
            }
            [b'\\', escape @ ..] => {
                is_escaped = true;
                rest = behind_escape(escape)?;
            }
            // It has no end, or a control character.
            _ => return None,
        }
    }
}

/// From the first byte that means something else than itself within a text.
fn behind_plain(mut json: &[u8]) -> &[u8] {
    const fn each(byte: u8) -> u64 {
        u64::from_le_bytes([byte; 8])
    }

    while let Some((eight, rest)) = json.split_first_chunk() {
        // Mycroft's: the lowest of the high bits that are set is that of the first such byte.
        let bytes = u64::from_le_bytes(*eight);
        let below = |bytes: u64, bound: u8| bytes.wrapping_sub(each(bound)) & !bytes;
        let control = below(bytes, b' ');
        let quote = below(bytes ^ each(b'"'), 1);
        let backslash = below(bytes ^ each(b'\\'), 1);
        let found = (control | quote | backslash) & each(0x80);
        if found != 0 {
            return &json[found.trailing_zeros() as usize / 8..];
        }
        json = rest;
    }
    while let [0x20..=0x21 | 0x23..=0x5B | 0x5D.., rest @ ..] = json {
        json = rest;
    }
    json
}

/// Behind an escape whose backslash was read.
fn behind_escape(json: &[u8]) -> Option<&[u8]> {
    match json {
        [
            b'"' | b'\\' | b'/' | b'b' | b'f' | b'n' | b'r' | b't',
            rest @ ..,
        ] => Some(rest),
        [b'u', rest @ ..] => match utf16(rest)? {
            (0xD800..=0xDBFF, rest) => match utf16(rest.strip_prefix(b"\\u")?)? {
                (0xDC00..=0xDFFF, rest) => Some(rest),
                _ => None,
            },
            (0xDC00..=0xDFFF, _) => None,
            (_, rest) => Some(rest),
        },
        _ => None,
    }
}

fn utf16(json: &[u8]) -> Option<(u32, &[u8])> {
    let (digits, rest) = json.split_first_chunk::<4>()?;
    let unit = digits.iter().try_fold(0, |unit, digit| {
        Some(unit * 16 + char::from(*digit).to_digit(16)?)
    })?;
    Some((unit, rest))
}
