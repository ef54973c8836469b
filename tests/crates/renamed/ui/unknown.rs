use exchange::prelude::*;

#[derive(DsyncEntity)]
#[dsync(crate = "exchange")]
#[dsync(entity_tokn = "t-1", wibble)]
struct Product {
    #[dsync(primery_key)]
    sku: String,
    #[dsync(wobble = 1)]
    price: f64,
}

fn main() {}
