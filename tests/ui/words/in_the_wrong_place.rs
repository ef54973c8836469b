use dsync::prelude::*;

#[derive(DsyncEntity)]
#[dsync(primary_key)]
struct Product {
    #[dsync(entity_token = "t-1")]
    sku: String,
}

#[derive(DsyncObject)]
#[dsync(name = "part", endpoint_url = "/part")]
struct Part {
    #[dsync(primary_key)]
    id: u8,
}

fn main() {}
