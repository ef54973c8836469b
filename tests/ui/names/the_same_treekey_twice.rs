use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
#[serde(rename_all = "camelCase")]
struct Product {
    unit_price: f64,
    #[serde(rename = "unitPrice")]
    other: f64,
}

fn main() {}
