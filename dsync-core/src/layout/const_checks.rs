//! What a derive holds against other structs: in constant evaluation, because only there are their
//! types known. Each panics with the error's text.

use super::const_text::{ConstText, equal};
use super::treekey::{find, no_such_field};
use super::{FieldLayout, FieldType, Shape};

/// Holds a `references` word against the entity it names, at compile time.
#[doc(hidden)]
#[track_caller]
pub const fn check_reference(fields: &[FieldLayout], ident: &str, from: Option<Shape>) {
    let Some(target) = find(fields, ident) else {
        no_such_field(ident, fields)
    };
    let Some(from) = from else {
        return;
    };
    if !equal(target.field_type().as_str(), from.field_type().as_str()) || target.is_multiple() {
        let text = ConstText::<512>::new()
            .push("the referenced field `")
            .push(ident)
            .push(if target.is_multiple() {
                "` is a list of `"
            } else {
                "` is of type `"
            })
            .push(target.field_type().as_str())
            .push("`, this one is of type `")
            .push(from.field_type().as_str())
            .push("`: both sides of a reference need the same type, and the referenced one a single value");
        panic!("{}", text.as_str());
    }
}

/// Holds a `date_format` word against the field's type, at compile time.
#[doc(hidden)]
#[track_caller]
pub const fn check_date_format(of: &Shape) {
    if !of.field_type().takes_date_format() {
        let text = ConstText::<256>::new()
            .push("only a date has a date_format, and this field is of type `")
            .push(of.field_type().as_str())
            .push("`: write `type = \"date\"`, `\"time\"` or `\"datetime\"`, or leave it out");
        panic!("{}", text.as_str());
    }
}

/// Holds a `type` word against the Rust type's own, where it has one: both must be written alike.
#[doc(hidden)]
#[track_caller]
pub const fn check_declared(own: Option<FieldType>, declared: FieldType) {
    let Some(own) = own else {
        return;
    };
    // What serde writes for the one may stand for the other. Numbers and booleans may travel as
    // texts: DSYNC's own connector sends them so.
    let fits = match own {
        FieldType::Custom => true,
        FieldType::Object => matches!(declared, FieldType::Object | FieldType::Custom),
        FieldType::Boolean => matches!(declared, FieldType::Boolean | FieldType::Custom),
        FieldType::Number | FieldType::Math => matches!(
            declared,
            FieldType::Number | FieldType::Math | FieldType::Boolean | FieldType::Custom
        ),
        _ => !matches!(declared, FieldType::Object),
    };
    if !fits {
        let text = ConstText::<512>::new()
            .push("the Rust type is written as `")
            .push(own.as_str())
            .push("`, which no reader takes for `")
            .push(declared.as_str())
            .push("`: leave the `type` out, or change what serde writes");
        panic!("{}", text.as_str());
    }
}
