use exchange::prelude::*;

#[derive(DsyncEntity)]
#[dsync(crate = "exchange")]
struct Category {
    #[dsync(primary_key)]
    id: u32,
}

#[derive(DsyncEntity)]
#[dsync(crate = "exchange")]
struct Product {
    #[dsync(references = Category::id)]
    category: String,
}

fn main() {}
