use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Product {
    #[dsync(primary_key, skip)]
    sku: String,
    name: String,
}

#[derive(serde::Serialize, DsyncEntity)]
struct Order {
    #[serde(skip)]
    #[dsync(primary_key)]
    id: u8,
    total: f64,
}

fn main() {}
