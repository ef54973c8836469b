use dsync::prelude::*;

#[derive(DsyncObject)]
struct Part {
    #[dsync(required, optional)]
    both: u8,
    #[dsync(required, read_only)]
    never_written: u8,
    #[dsync(multiple)]
    list: Vec<u8>,
}

fn main() {}
