use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
#[serde(rename_all = "camelCase")]
struct Product {
    #[dsync(name = "unit_price")]
    unit_price: f64,
    #[serde(rename = "SKU")]
    #[dsync(name = "sku")]
    sku: String,
}

fn main() {}
