use dsync::prelude::*;

#[derive(FieldValue)]
struct Sku(#[dsync(type = "text")] String);

#[derive(FieldValue)]
enum Choice {
    #[dsync(name = "a")]
    A,
}

fn main() {}
