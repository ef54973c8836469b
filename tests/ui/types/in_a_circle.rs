use dsync::prelude::*;

// Another type of the same name, and a type that only mentions this one, are no circle.
mod v1 {
    use dsync::prelude::*;

    #[derive(DsyncObject)]
    pub struct Order {
        id: u8,
    }
}

#[derive(serde::Serialize, FieldValue)]
#[serde(transparent)]
struct Id<T> {
    id: u64,
    of: std::marker::PhantomData<T>,
}

#[derive(DsyncObject)]
struct Order {
    id: Id<Order>,
    legacy: v1::Order,
    again: Vec<self::Order>,
}

fn main() {}
