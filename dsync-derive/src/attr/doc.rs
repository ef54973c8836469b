//! Doc comments as descriptions.

use syn::{Attribute, Expr, ExprLit, Lit, Meta};

/// The text of a doc comment: lines joined by a space, paragraphs by a blank line.
pub(crate) fn description(attributes: &[Attribute]) -> Option<String> {
    let mut paragraphs = vec![String::new()];
    for line in attributes.iter().filter_map(doc_text).flat_map(lines) {
        if line.is_empty() {
            paragraphs.push(String::new());
            continue;
        }
        if let Some(paragraph) = paragraphs.last_mut() {
            if !paragraph.is_empty() {
                paragraph.push(' ');
            }
            paragraph.push_str(&line);
        }
    }
    paragraphs.retain(|paragraph| !paragraph.is_empty());
    (!paragraphs.is_empty()).then(|| paragraphs.join("\n\n"))
}

fn doc_text(attribute: &Attribute) -> Option<String> {
    match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => match &pair.value {
            Expr::Lit(ExprLit {
                lit: Lit::Str(text),
                ..
            }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    }
}

/// The lines of one doc attribute: one for `///`, several for `/** .. */`, whose stars are frame.
fn lines(text: String) -> Vec<String> {
    let mut lines: Vec<_> = text.lines().map(|line| line.trim().to_owned()).collect();
    let framed = lines.len() > 1
        && lines[1..]
            .iter()
            .all(|line| line.is_empty() || line.starts_with('*'));
    if framed {
        for line in &mut lines[1..] {
            *line = line.trim_start_matches('*').trim_start().to_owned();
        }
    }
    if lines.is_empty() {
        lines.push(String::new());
    }
    lines
}
