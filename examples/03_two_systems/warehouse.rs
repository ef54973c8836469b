//! The destination: a warehouse that tells of every record that it saves, as systems with a save hook do.
//!
//! Nothing that came from the platform goes back there: the client knows it by its [`Origin`].
//!
//! [`Origin`]: dsync::Origin

use std::error::Error;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use dsync::prelude::*;
use dsync::{Connector, Context, Handled, Handler, InMemory, Receipt, SystemState};
use dsync_hub::Hub;

use crate::schema::Product;

/// The destination system.
#[derive(Clone)]
pub(crate) struct Warehouse {
    records: InMemory<Product>,
    client: Client,
    pub(crate) hook: Arc<Hook>,
}

/// What became of what the save hook sent.
#[derive(Debug, Default)]
pub(crate) struct Hook {
    pub(crate) held_back: AtomicUsize,
    pub(crate) sent: AtomicUsize,
}

impl Hook {
    fn count(&self, receipt: &Receipt) {
        let count = match receipt.is_echo() {
            true => &self.held_back,
            false => &self.sent,
        };
        count.fetch_add(1, Ordering::Relaxed);
    }
}

impl Warehouse {
    pub(crate) fn new(hub: &Hub) -> Result<(Self, Connector), Box<dyn Error>> {
        let state = SystemState::new();
        let warehouse = Self {
            records: InMemory::new(),
            client: Client::builder(hub.auth_token().expose())
                .realtime_url(hub.realtime_url())
                .system_state(state.clone())
                .build()?,
            hook: Arc::default(),
        };
        let connector = Connector::builder(hub.auth_token().expose())
            .entity::<Product>(warehouse.clone())
            .system_state(state)
            .build()?;
        Ok((warehouse, connector))
    }

    /// A person changes a product in the warehouse itself: the same hook, and no origin.
    pub(crate) async fn edit(&self, product: Product) -> Result<(), dsync::Error> {
        self.records.insert(product.clone());
        self.saved(&product).await
    }

    pub(crate) fn products(&self) -> Vec<Product> {
        self.records.all()
    }

    /// The hook. It does not know who saves.
    async fn saved(&self, product: &Product) -> Result<(), dsync::Error> {
        let receipt = self.client.update(product).await?;
        self.hook.count(&receipt);
        Ok(())
    }
}

impl Handler<Product> for Warehouse {
    type Id = String;

    async fn create(&self, context: &Context, product: Product) -> Handled<String> {
        let sku = self.records.create(context, product.clone()).await?;
        self.saved(&product).await?;
        Ok(sku)
    }

    async fn read(&self, context: &Context, sku: &String) -> Handled<Option<Product>> {
        self.records.read(context, sku).await
    }

    async fn store(&self, context: &Context, sku: &String, product: Product) -> Handled<()> {
        self.records.store(context, sku, product.clone()).await?;
        self.saved(&product).await?;
        Ok(())
    }

    async fn delete(&self, context: &Context, sku: &String) -> Handled<()> {
        self.records.delete(context, sku).await?;
        // Another task is not within the handler's scope, so the origin is passed on by hand.
        let client = self.client.with_origin(context.origin().cloned());
        let (sku, hook) = (sku.clone(), self.hook.clone());
        tokio::spawn(async move {
            let receipt = client.delete_by_id::<Product>(&sku).await?;
            hook.count(&receipt);
            Ok::<_, dsync::Error>(())
        })
        .await??;
        Ok(())
    }

    async fn count(&self, context: &Context) -> Handled<u64> {
        self.records.count(context).await
    }

    async fn page(
        &self,
        context: &Context,
        after: Option<&String>,
        limit: usize,
    ) -> Handled<Vec<Product>> {
        self.records.page(context, after, limit).await
    }
}
