use dsync::prelude::*;
use serde::Serialize;

#[derive(Serialize, DsyncEntity)]
struct Event {
    text: String,
}

async fn forget(client: &Client, event: &Event) -> Result<(), dsync::Error> {
    client.update(event).await?;
    client.delete(event).await?;
    client.delete_by_id::<Event>(7).await?;
    Ok(())
}

fn main() {}
