use exchange::prelude::*;

#[derive(FieldValue)]
#[dsync(crate = "exchange")]
struct Named {
    a: u8,
}

#[derive(FieldValue)]
#[dsync(crate = "exchange")]
struct Pair(u8, u8);

#[derive(FieldValue)]
#[dsync(crate = "exchange")]
struct Nothing;

#[derive(FieldValue)]
#[dsync(crate = "exchange")]
enum Never {}

#[derive(FieldValue)]
#[dsync(crate = "exchange")]
enum WithData {
    Unit,
    Data(u8),
}

#[derive(FieldValue)]
#[dsync(crate = "exchange")]
union Either {
    a: u8,
}

// No mistake of its own: the derives above stand as if they had worked.
#[derive(DsyncObject)]
#[dsync(crate = "exchange")]
struct User {
    pair: Pair,
    list: Vec<WithData>,
}

fn main() {}
