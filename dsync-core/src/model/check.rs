//! The rules of a data layout, as a list. The SDKs check none of them.

use std::collections::HashSet;

use super::endpoint::Endpoint;
use super::field::Field;
use crate::faults::FaultsBuilder;
use crate::layout::node::FieldNode;
use crate::layout::{FieldType, Treekey};

pub(super) fn endpoints(endpoints: &[Endpoint], faults: &mut FaultsBuilder) {
    if endpoints.is_empty() {
        faults.add("the data layout", "has no endpoint: it needs at least one");
    }
    let (mut tokens, mut treekeys) = (HashSet::new(), HashSet::new());
    for endpoint in endpoints {
        // The token decides which entity a realtime request is about.
        if !tokens.insert(endpoint.entity_token()) {
            faults.add(
                endpoint.treekey(),
                format!(
                    "has the entity token {}, as an endpoint before it does: a token is unique within a system",
                    endpoint.entity_token()
                ),
            );
        }
        if !treekeys.insert(endpoint.treekey()) {
            faults.add(
                endpoint.treekey(),
                "stands twice in the data layout: an entity's name is unique within a system",
            );
        }
        one_endpoint(endpoint, faults);
    }
}

fn one_endpoint(endpoint: &Endpoint, faults: &mut FaultsBuilder) {
    if let Some(problem) = problem_of_name(endpoint.entity_name()) {
        faults.add(
            format_args!("the entity {:?}", endpoint.entity_name()),
            problem,
        );
    }
    // An endpoint's treekey is its name (PROTOCOL section 3, a fact).
    if endpoint.treekey() != endpoint.entity_name() {
        faults.add(
            endpoint.treekey(),
            format!(
                "is not the entity's name, which is {:?}",
                endpoint.entity_name()
            ),
        );
    }
    if endpoint.endpoint_url().is_empty() {
        faults.add(
            endpoint.treekey(),
            "has an empty endpoint_url: say where the connector serves it, such as /entity/product",
        );
    }
    if endpoint.fields().is_empty() {
        faults.add(
            endpoint.treekey(),
            "has no field: an endpoint needs at least one",
        );
    }

    let root = Treekey::root(endpoint.treekey());
    let mut primary_key = None;
    for field in endpoint.fields() {
        if field.is_primary_key() {
            match primary_key {
                None => primary_key = Some(field.name()),
                Some(first) => faults.add(
                    root.child(field.name()),
                    format!("is a second primary key beside `{first}`: an entity has at most one"),
                ),
            }
            // These have no one text that could name a record.
            let single = !matches!(
                field.field_type(),
                Some(FieldType::Object | FieldType::Math | FieldType::Custom)
            );
            if field.is_multiple() || !single {
                faults.add(
                    root.child(field.name()),
                    "cannot be the primary key: it needs to be a single value",
                );
            }
        }
    }
    siblings(&root, endpoint.fields(), faults);
}

fn siblings(parent: &Treekey<'_>, fields: &[Field], faults: &mut FaultsBuilder) {
    let mut names = HashSet::new();
    for field in fields {
        let treekey = parent.child(field.name());
        if !names.insert(field.name()) {
            faults.add(
                treekey,
                "stands twice: a treekey is unique within its entity",
            );
        }
        one_field(&treekey, field, faults);
        for child in field.fields() {
            if child.is_primary_key() {
                faults.add(
                    treekey.child(child.name()),
                    "cannot be the primary key: only a field of the entity's first level can",
                );
            }
        }
        siblings(&treekey, field.fields(), faults);
    }
}

fn one_field(treekey: &Treekey<'_>, field: &Field, faults: &mut FaultsBuilder) {
    if let Some(problem) = problem_of_name(field.name()) {
        faults.add(treekey, problem);
    }
    if let Some(stated) = field.stated_treekey()
        && stated != treekey.to_string()
    {
        faults.add(
            treekey,
            format!("states the treekey {stated:?}, which is not its parent's and its name"),
        );
    }
    if let Some(problem) = field.type_problem() {
        faults.add(treekey, problem.to_string());
    }
    if let Some(other) = field.field_type()
        && other != FieldType::Object
        && !field.fields().is_empty()
    {
        faults.add(
            treekey,
            format!("has fields of its own, but is of type {other}: only an object has any"),
        );
    }
    if let (Some(format), Some(field_type)) = (field.date_format(), field.field_type())
        && !field_type.takes_date_format()
    {
        faults.add(
            treekey,
            format!("has the date format {format:?}, but is of type {field_type}"),
        );
    }
}

/// Dots join the segments of a treekey, so no segment may have one; and the name of a key field
/// travels in a header, which a blank at an end or a control character would not survive.
fn problem_of_name(name: &str) -> Option<String> {
    if name.is_empty() {
        Some("has an empty name".to_owned())
    } else if name.contains('.') {
        Some(format!(
            "has a dot in its name {name:?}: dots separate the parts of a treekey"
        ))
    } else if name.trim() != name || name.contains(char::is_control) {
        Some(format!(
            "has a blank at an end of its name {name:?}, or a control character in it"
        ))
    } else {
        None
    }
}
