//! The API key taken out of an answer before anything else reads it.
//!
//! A peer may repeat what it was sent ("the key ... is wrong"), in any part of its answer, and all of
//! them end up in somebody's log. Once the parts are taken from each other, or cut to the length of a
//! line, half a key is no longer found: so it is looked for in the bytes as they came.

use std::borrow::Cow;

use bytes::Bytes;
use dsync_core::AuthToken;
use http::{HeaderValue, Response};
use serde::de::IgnoredAny;

/// What stands where the key stood.
const HIDDEN: &str = "(hidden)";

/// The names in the answers of a DSYNC platform. They are left alone, because the keys of tests are
/// words like `key` and `a`, and to hide those would tear the answer apart.
const NAMES: [&str; 9] = [
    "status",
    "message",
    "detail",
    "data",
    "process_id",
    "faults",
    "treekey",
    "omitted",
    "unknown_keys",
];

/// Below this a key is a word of a test, such as `e` or `wrong`, and hiding it would make every message
/// unreadable. A platform's key is longer.
const SHORTEST: usize = 8;

/// How many layers of escapes are looked behind: an address within an address within a text.
const LAYERS: usize = 4;

/// The answer without the key, whether it stands there plainly or as JSON or a URL escapes it. JSON
/// stays JSON.
pub(crate) fn in_answer(mut response: Response<Bytes>, auth_token: &AuthToken) -> Response<Bytes> {
    let key = auth_token.expose();
    if key.len() < SHORTEST {
        return response;
    }
    for value in response.headers_mut().values_mut() {
        if in_text(&String::from_utf8_lossy(value.as_bytes()), key).is_some() {
            *value = HeaderValue::from_static(HIDDEN);
        }
    }
    if let Some(body) = in_body(response.body(), key) {
        *response.body_mut() = Bytes::from(body);
    }
    response
}

/// The body without the key, or nothing where it may stay as it is.
fn in_body(body: &[u8], key: &str) -> Option<String> {
    // Nearly every answer: no escape, so the key could only stand there plainly.
    let escaped = body.iter().any(|byte| matches!(byte, b'\\' | b'%'));
    let plain = body
        .windows(key.len())
        .any(|window| window == key.as_bytes());
    if !escaped && !plain {
        return None;
    }
    let text = String::from_utf8_lossy(body);
    let json = text.strip_prefix('\u{feff}').unwrap_or(&text);
    if serde_json::from_str::<IgnoredAny>(json).is_ok() {
        in_json(json, key)
    } else {
        in_text(&text, key)
    }
}

/// One token after the other, because a `Value` in between would change numbers.
fn in_json(json: &str, key: &str) -> Option<String> {
    let mut cleaned = String::with_capacity(json.len());
    let mut found = false;
    let mut rest = json;
    while !rest.is_empty() {
        let (token, after) = rest.split_at(token_length(rest));
        match in_token(token, after, key) {
            Some(instead) => {
                found = true;
                cleaned.push_str(&instead);
            }
            None => cleaned.push_str(token),
        }
        rest = after;
    }
    found.then_some(cleaned)
}

/// The length of the first token: a text with its quotes, a number or word, or one other character.
fn token_length(json: &str) -> usize {
    let bytes = json.as_bytes();
    let is_word = |byte: &u8| byte.is_ascii_alphanumeric() || b"+-.".contains(byte);
    if bytes.first() == Some(&b'"') {
        let mut at = 1;
        while let Some(byte) = bytes.get(at) {
            match byte {
                b'"' => return at + 1,
                b'\\' => at += 2,
                _ => at += 1,
            }
        }
        json.len()
    } else {
        // Outside of texts, JSON is ASCII.
        bytes.iter().take_while(|byte| is_word(byte)).count().max(1)
    }
}

fn in_token(token: &str, after: &str, key: &str) -> Option<String> {
    let quoted = |text: String| serde_json::Value::String(text).to_string();
    if let Some(inside) = token.strip_prefix('"') {
        let inside = inside.strip_suffix('"').unwrap_or(inside);
        let is_name = after.trim_start().starts_with(':');
        if is_name && NAMES.contains(&inside) {
            return None;
        }
        // A lone half of a surrogate pair is JSON, but no text.
        let text = serde_json::from_str::<Cow<'_, str>>(token).unwrap_or(Cow::Borrowed(inside));
        in_text(&text, key).map(quoted)
    } else if token.starts_with(|first: char| first == '-' || first.is_ascii_digit()) {
        token.contains(key).then(|| quoted(HIDDEN.to_owned()))
    } else {
        None
    }
}

/// The text without the key, or nothing where it may stay as it is. Where the key is behind escapes,
/// the whole text goes.
fn in_text(text: &str, key: &str) -> Option<String> {
    let mut cleaned = text.contains(key).then(|| text.replace(key, HIDDEN));
    let mut layer = Cow::Borrowed(cleaned.as_deref().unwrap_or(text));
    for _ in 0..LAYERS {
        if !layer.contains(['\\', '%']) {
            break;
        }
        layer = Cow::Owned(unescape(&layer));
        if layer.contains(key) {
            cleaned = Some(HIDDEN.to_owned());
            break;
        }
    }
    cleaned
}

/// The text with one layer of escapes less, those of JSON and those of a URL.
fn unescape(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, length)) = first(rest) {
        bytes.push(byte);
        rest = &rest[length..];
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// What the first byte or escape stands for, and its length. A key is ASCII, so no escape for more
/// than one byte is read.
fn first(text: &[u8]) -> Option<(u8, usize)> {
    match *text {
        [b'\\', b'u', b'0', b'0', high, low, ..] => hex(high, low).map(|byte| (byte, 6)),
        [b'\\', byte @ (b'"' | b'\\' | b'/'), ..] => Some((byte, 2)),
        [b'%', high, low, ..] => hex(high, low).map(|byte| (byte, 3)),
        _ => None,
    }
    .or_else(|| text.first().map(|byte| (*byte, 1)))
}

fn hex(high: u8, low: u8) -> Option<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16);
    u8::try_from(digit(high)? * 16 + digit(low)?).ok()
}

#[cfg(test)]
mod tests {
    use super::{in_body, in_text};

    const KEY: &str = "S3cr3t-key/of=the+system";

    #[test]
    fn json_stays_json() {
        for (body, expected) in [
            (
                r#"{"a":"not S3cr3t-key/of=the+system?"}"#,
                Some(r#"{"a":"not (hidden)?"}"#),
            ),
            (
                r#"{"a": "S3cr3t-key\/of=the+system \"", "n":1.10}"#,
                Some(r#"{"a": "(hidden) \"", "n":1.10}"#),
            ),
            (
                r#"["S3cr3t-key\u002Fof\u003dthe\u002bsystem"]"#,
                Some(r#"["(hidden)"]"#),
            ),
            (
                r#"{"S3cr3t-key/of=the+system":[{}, null]}"#,
                Some(r#"{"(hidden)":[{}, null]}"#),
            ),
            (
                r#"["é S3cr3t-key%2Fof%3Dthe%2Bsystem"]"#,
                Some(r#"["(hidden)"]"#),
            ),
            (
                "\u{feff}[\"S3cr3t-key/of=the+system\"]",
                Some(r#"["(hidden)"]"#),
            ),
            // JSON in a text of JSON, and half a surrogate pair.
            (
                r#"["{\"a\":\"S3cr3t-key\\/of=the+system\"}"]"#,
                Some(r#"["(hidden)"]"#),
            ),
            (
                r#"["S3cr3t-key\/of=the+system\ud800"]"#,
                Some(r#"["(hidden)"]"#),
            ),
            (
                r#"["\ud800", 1e5, "50%", "\\", "S3cr3t-key/of=the+syste"]"#,
                None,
            ),
            ("", None),
        ] {
            assert_eq!(in_body(body.as_bytes(), KEY).as_deref(), expected, "{body}");
        }
    }

    #[test]
    fn what_is_no_json() {
        for (body, expected) in [
            ("<p>S3cr3t-key/of=the+system</p>", Some("<p>(hidden)</p>")),
            (r#"{"a":"S3cr3t-key\/of=the+system"#, Some("(hidden)")),
            (r#"{"a":"S3cr3t-key\u002Fof=the+system"#, Some("(hidden)")),
            ("/?next=S3cr3t-key%2fof=the%2Bsystem", Some("(hidden)")),
            (
                "/?next=%2F%3Fkey%3DS3cr3t-key%252Fof%253Dthe%252Bsystem",
                Some("(hidden)"),
            ),
            (
                "S3cr3t-key/of=the+system S3cr3t-key%2Fof=the+system",
                Some("(hidden)"),
            ),
            ("%%%2 \\u00 \\u00zz \\ %zz S3cr3t-key", None),
        ] {
            assert_eq!(in_body(body.as_bytes(), KEY).as_deref(), expected, "{body}");
        }
        assert_eq!(
            in_body(b"\xff S3cr3t-key/of=the+system", KEY).unwrap(),
            "\u{fffd} (hidden)"
        );
        assert_eq!(in_body(b"\xff\x00\\", KEY), None);
    }

    #[test]
    fn a_key_with_what_looks_like_escapes() {
        assert_eq!(in_text(r"is 50%2F\/x", r"50%2F\/x").unwrap(), "is (hidden)");
        assert_eq!(
            in_body(br#"["50%2F\\\/x"]"#, r"50%2F\/x").unwrap(),
            r#"["(hidden)"]"#
        );
    }

    #[test]
    fn the_key_of_a_test_does_not_tear_the_answer_apart() {
        let body = r#"{"status" :200,"message":"OK","detail":{"unknown_keys":["b"]},"data":{"process_id":"p-12"}}"#;
        for key in ["a", "s", "key", "data", "process_id", ":", "{", "\"", "u"] {
            assert_eq!(in_body(body.as_bytes(), key), None, "{key}");
        }
        // Only names are left alone.
        for body in [r#"["data"]"#, r#"["key"]"#, r#"["treekey"]"#] {
            let key = body.trim_matches(['[', ']', '"']);
            assert_eq!(in_body(body.as_bytes(), key).unwrap(), r#"["(hidden)"]"#);
        }
        for (key, expected) in [
            ("12", r#""p-(hidden)""#),
            ("20", r#"{"status" :"(hidden)","#),
        ] {
            let cleaned = in_body(body.as_bytes(), key).unwrap();
            assert!(cleaned.contains(expected), "{cleaned}");
        }
    }
}
