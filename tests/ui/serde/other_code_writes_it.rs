use dsync::prelude::*;

#[derive(serde::Serialize, DsyncObject)]
struct Part {
    #[serde(serialize_with = "text")]
    number: u8,
    #[serde(with = "module")]
    list: Vec<u8>,
}

fn text<S: serde::Serializer>(number: &u8, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(number)
}

mod module {
    pub fn serialize<S: serde::Serializer>(_: &[u8], serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str("")
    }
}

fn main() {}
