use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Product {
    #[dsync(primary_key, skip)]
    sku: String,
}

#[derive(serde::Serialize, DsyncEntity)]
struct Order {
    #[serde(skip)]
    #[dsync(primary_key)]
    id: u8,
}

#[derive(DsyncEntity)]
struct Customer {
    #[dsync(primary_key, optional)]
    id: u8,
}

fn main() {}
