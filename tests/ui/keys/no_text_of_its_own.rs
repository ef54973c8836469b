use dsync::prelude::*;

#[derive(DsyncEntity)]
struct Measurement {
    #[dsync(primary_key)]
    value: f64,
}

#[derive(DsyncEntity)]
struct Perhaps {
    #[dsync(primary_key)]
    id: Option<u32>,
}

fn main() {}
