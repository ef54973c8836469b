use dsync::prelude::*;

#[derive(DsyncEntity)]
#[dsync(nam = "product")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    #[dsync(primary_key)]
    ean: String,
    #[dsync(type = "emial")]
    supplier: String,
    #[dsync(name = "sku")]
    other: String,
    price: Money,
}

struct Money;

// The treekeys that were understood are there all the same.
const SKU: &str = treekey!(Product.sku);

fn main() {}
