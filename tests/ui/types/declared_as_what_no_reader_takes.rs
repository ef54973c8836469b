use dsync::prelude::*;

#[derive(DsyncObject)]
struct Inside {
    id: u8,
}

#[derive(DsyncObject)]
struct Product {
    #[dsync(type = "text")]
    active: bool,
    #[dsync(type = "date")]
    created: Option<u64>,
    #[dsync(type = "object")]
    name: String,
    #[dsync(type = "text")]
    inside: Vec<Inside>,
    #[dsync(type = "number")]
    fine: String,
}

fn main() {}
