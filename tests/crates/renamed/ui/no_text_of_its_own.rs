use exchange::prelude::*;

#[derive(DsyncEntity)]
#[dsync(crate = "exchange")]
struct Measurement {
    #[dsync(primary_key)]
    value: f64,
}

#[derive(DsyncEntity)]
#[dsync(crate = "exchange")]
struct Perhaps {
    #[dsync(primary_key)]
    id: Option<u32>,
}

fn main() {}
