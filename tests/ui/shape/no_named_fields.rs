use dsync::prelude::*;

#[derive(DsyncObject)]
struct Newtype(u8);

#[derive(DsyncEntity)]
enum Choice {
    A,
}

#[derive(DsyncEntity)]
union Either {
    a: u8,
}

// No mistake of its own: the derives above stand as if they had worked.
#[derive(DsyncEntity)]
struct User {
    newtype: Newtype,
    choice: Vec<Choice>,
}

fn layout() -> &'static EntityLayout {
    Choice::layout()
}

fn main() {}
