use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Category {
    #[dsync(primary_key)]
    id: u32,
}

#[derive(DsyncEntity)]
struct Product {
    #[dsync(references = Category::id)]
    category: String,
}

fn main() {}
