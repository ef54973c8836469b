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
    id: u8,
}

#[derive(FieldValue)]
#[dsync(entity_token = "t-1", date_format = "YYYY")]
struct Value(u8);

fn main() {}
