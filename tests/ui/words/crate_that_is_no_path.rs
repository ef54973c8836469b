use dsync::prelude::*;

#[derive(DsyncObject)]
#[dsync(crate = "not a path")]
struct Part {
    id: u8,
}

fn main() {}
