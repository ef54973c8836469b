use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Category {
    #[dsync(primary_key)]
    id: u32,
    #[dsync(references = Self::id)]
    fine: u32,
    #[dsync(references = Self::idd)]
    parent: u32,
}

fn main() {}
