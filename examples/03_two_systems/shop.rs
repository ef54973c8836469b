//! The source: a shop that sends its changes, and hears how they ended.

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dsync::prelude::*;
use dsync::{Connector, InMemory, SystemState};
use dsync_hub::Hub;

use crate::schema::Product;

/// The source system.
pub(crate) struct Shop {
    pub(crate) client: Client,
    pub(crate) connector: Connector,
    pub(crate) heard: Arc<Heard>,
}

/// What the platform has told about the shop's own changes.
#[derive(Debug, Default)]
pub(crate) struct Heard {
    pub(crate) complete: AtomicUsize,
    pub(crate) failed: AtomicUsize,
}

impl Shop {
    pub(crate) fn new(hub: &Hub) -> Result<Self, Box<dyn Error>> {
        // The client notes each change with its process, and the connector recognises it when the
        // platform tells of it: so both have the same state.
        let state = SystemState::new();
        let heard = Arc::new(Heard::default());
        let client = Client::builder(hub.auth_token().expose())
            .realtime_url(hub.realtime_url())
            .system_state(state.clone())
            .build()?;
        let counts = heard.clone();
        let connector = Connector::builder(hub.auth_token().expose())
            // Nothing comes this way in this program, but a system that has a product can be asked for it.
            .entity::<Product>(InMemory::<Product>::new())
            .system_state(state)
            .on_notification(move |ended| {
                let counts = counts.clone();
                async move {
                    let count = match ended.notification.is_success() {
                        true => &counts.complete,
                        false => &counts.failed,
                    };
                    count.fetch_add(1, Ordering::Relaxed);
                    Ok(())
                }
            })
            .build()?;
        Ok(Self {
            client,
            connector,
            heard,
        })
    }
}
