//! What the program shows: the layout as a table, the differences, and a summary.

use comfy_table::{ContentArrangement, Table, presets};
use dsync::prelude::*;
use dsync::{FieldLayout, Treekey};

use crate::journey::Outcome;
use crate::schema::Package;

/// A data layout for people: one line a field, with its treekey.
pub(crate) fn layout(entity: &EntityLayout) -> Table {
    let mut table = table(["treekey", "type", "", "description"]);
    rows(&Treekey::root(entity.name()), entity.fields(), &mut table);
    table
}

fn rows(parent: &Treekey<'_>, fields: &[FieldLayout], table: &mut Table) {
    for field in fields {
        let treekey = parent.child(field.name());
        let mut marks = Vec::new();
        if field.is_primary_key() {
            marks.push("key");
        }
        if field.is_multiple() {
            marks.push("list");
        }
        if !field.is_required() {
            marks.push("optional");
        }
        table.add_row([
            treekey.to_string(),
            field.field_type().to_string(),
            marks.join(", "),
            field.description().unwrap_or_default().to_owned(),
        ]);
        rows(&treekey, field.fields(), table);
    }
}

/// What came of it, with numbers.
pub(crate) fn summary(packages: &[Package], outcome: &Outcome) -> Table {
    let mut table = table(["what", "how many"]);
    table
        .add_row(["records created", &outcome.created.to_string()])
        .add_row(["records updated", &outcome.updated.to_string()])
        .add_row(["records deleted", &outcome.deleted.to_string()])
        .add_row(["realtime requests", &outcome.requests.to_string()])
        .add_row([
            "records on the hub, equal to what was sent",
            &outcome.equal.to_string(),
        ])
        .add_row(["time", &format!("{:.2?}", outcome.time)]);
    let mut present = Vec::<(&str, usize)>::new();
    for (treekey, is_some) in packages.iter().flat_map(Package::optional_fields) {
        match present.iter_mut().find(|(known, _)| *known == treekey) {
            Some((_, count)) => *count += usize::from(is_some),
            None => present.push((treekey, usize::from(is_some))),
        }
    }
    for (treekey, count) in present {
        table.add_row([
            format!("records with a {treekey}"),
            format!("{count} of {}", packages.len()),
        ]);
    }
    table
}

fn table<const N: usize>(header: [&str; N]) -> Table {
    let mut table = Table::new();
    table
        .load_style(presets::ASCII_MARKDOWN)
        .set_content_arrangement(ContentArrangement::Dynamic)
        .set_header(header);
    table
}
