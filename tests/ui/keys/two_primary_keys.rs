use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    #[dsync(primary_key)]
    ean: String,
}

fn main() {}
