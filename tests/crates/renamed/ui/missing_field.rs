use exchange::prelude::*;

#[derive(DsyncEntity)]
#[dsync(crate = "exchange")]
struct Category {
    #[dsync(primary_key)]
    id: u32,
    name: String,
}

#[derive(DsyncEntity)]
#[dsync(crate = "exchange")]
struct Product {
    #[dsync(references = Category::idd)]
    category: u32,
}

fn main() {}
