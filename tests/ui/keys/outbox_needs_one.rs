use dsync::Outbox;
use dsync::prelude::*;
use serde::Serialize;

#[derive(Serialize, DsyncEntity)]
struct Click {
    page: String,
}

async fn keep(outbox: Outbox, click: Click) {
    // Without a key there is no order, which is fine for what is created once.
    outbox.create(&click).await.unwrap();
    outbox.update(&click).await.unwrap();
    outbox.delete(&click).await.unwrap();
}

fn main() {}
