use dsync::prelude::*;

#[derive(serde::Serialize, DsyncEntity)]
#[dsync(name = "shop.product", endpoint_url = "product", entity_token = "two words")]
struct Product {
    #[serde(rename = "unit.price")]
    price: f64,
    #[dsync(name = "")]
    nothing: u8,
}

fn main() {}
