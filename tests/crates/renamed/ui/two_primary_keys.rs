use exchange::prelude::*;

#[derive(DsyncEntity)]
#[dsync(crate = "exchange")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    #[dsync(primary_key)]
    ean: String,
}

fn main() {}
