use dsync::prelude::*;

#[derive(DsyncObject)]
struct Contact {
    #[dsync(type = "emial")]
    mail: String,
    #[dsync(type = "integer")]
    age: u8,
}

fn main() {}
