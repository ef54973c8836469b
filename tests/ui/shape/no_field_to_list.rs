use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Nothing {}

#[derive(DsyncObject)]
struct AllSkipped {
    #[dsync(skip)]
    a: u8,
}

fn main() {}
