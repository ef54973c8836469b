use dsync::prelude::*;

#[derive(DsyncObject)]
struct Times {
    #[dsync(type = "date", date_format = "%Y-%m-%d")]
    day: String,
}

fn main() {}
