use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
struct Base {
    id: u32,
}

#[derive(serde::Serialize, DsyncEntity)]
struct Product {
    #[serde(flatten)]
    #[dsync(primary_key)]
    base: Base,
}

fn main() {}
