use dsync::prelude::*;

#[derive(DsyncObject)]
struct Category {
    name: String,
    children: Vec<Category>,
    parent: Option<Box<Self>>,
    #[dsync(type = "custom")]
    fine: Vec<Category>,
    #[dsync(skip)]
    fine_too: Vec<Category>,
}

fn main() {}
