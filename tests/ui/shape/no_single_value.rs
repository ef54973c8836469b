use dsync::prelude::*;

#[derive(FieldValue)]
struct Named {
    a: u8,
}

#[derive(FieldValue)]
struct Pair(u8, u8);

#[derive(FieldValue)]
struct Nothing;

#[derive(FieldValue)]
enum Never {}

#[derive(FieldValue)]
enum WithData {
    Unit,
    Data(u8),
}

#[derive(FieldValue)]
union Either {
    a: u8,
}

// No mistake of its own: the derives above stand as if they had worked.
#[derive(DsyncObject)]
struct User {
    pair: Pair,
    list: Vec<WithData>,
}

fn main() {}
