//! What came from the platform is not sent back to it: a connector's handler with a client, and a hub.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use dsync::prelude::*;
use dsync::{
    AuthToken, Connector, Context, Handled, Handler, HandlerError, InMemory, Switch, SystemState,
};
use dsync_hub::Hub;

use super::schema::{Inventory, Product};
use super::subject::{KEY, Question, Subject};

fn product(sku: &str, name: &str) -> Product {
    Product {
        sku: sku.to_owned(),
        name: name.to_owned(),
        price: None,
        active: true,
        tags: Vec::new(),
        inventory: Inventory {
            qty: 1,
            min_qty: None,
        },
        created_at: None,
    }
}

/// Stores a product, and then does what a shop with hooks does: it tells the platform of a change.
#[derive(Clone)]
struct Shop {
    products: InMemory<Product>,
    client: Client,
    sends: Sends,
    was_echo: Arc<AtomicBool>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sends {
    TheSame,
    /// Some awaits later, still within the task.
    TheSameLater,
    Another,
    TheSameFromAnotherTask,
    TheSameFromAnotherTaskWithOrigin,
    AnotherFromAnotherTask,
}

impl Shop {
    async fn tell(&self, context: &Context, product: Product) -> Handled<()> {
        let (same, other) = (product, self::product("S-2", "another"));
        let client = self.client.clone();
        let receipt = match self.sends {
            Sends::TheSame => client.update(&same).await?,
            Sends::TheSameLater => {
                for _ in 0..3 {
                    tokio::task::yield_now().await;
                }
                client.update(&same).await?
            }
            Sends::Another => client.update(&other).await?,
            Sends::TheSameFromAnotherTask => {
                tokio::spawn(async move { client.update(&same).await }).await??
            }
            Sends::TheSameFromAnotherTaskWithOrigin => {
                let client = client.with_origin(context.origin().cloned());
                tokio::spawn(async move { client.update(&same).await }).await??
            }
            Sends::AnotherFromAnotherTask => {
                tokio::spawn(async move { client.update(&other).await }).await??
            }
        };
        self.was_echo.store(receipt.is_echo(), Ordering::Relaxed);
        Ok(())
    }
}

impl Handler<Product> for Shop {
    type Id = String;

    async fn create(&self, context: &Context, product: Product) -> Handled<String> {
        let sku = self.products.create(context, product.clone()).await?;
        self.tell(context, product).await?;
        Ok(sku)
    }

    async fn read(&self, context: &Context, sku: &String) -> Handled<Option<Product>> {
        self.products.read(context, sku).await
    }

    async fn store(&self, context: &Context, sku: &String, product: Product) -> Handled<()> {
        self.products.store(context, sku, product.clone()).await?;
        self.tell(context, product).await
    }

    async fn delete(&self, context: &Context, sku: &String) -> Handled<()> {
        let product = self.products.remove(sku);
        let product = product.ok_or_else(HandlerError::not_found)?;
        self.tell(context, product).await
    }
}

async fn hub() -> Hub {
    let layout = DataLayout::builder().entity::<Product>().build().unwrap();
    let hub = Hub::builder()
        .auth_token(AuthToken::new(KEY).unwrap())
        .data_layout(layout)
        .start()
        .await
        .unwrap();
    let client = Client::builder(KEY)
        .realtime_url(hub.realtime_url())
        .build()
        .unwrap();
    for sku in ["S-1", "S-2"] {
        client.create(&product(sku, "Tea")).await.unwrap();
    }
    hub
}

/// A connector whose handler sends to the hub; both halves share what the platform has told.
fn connector(hub: &Hub, sends: Sends) -> (Subject, Shop) {
    let state = SystemState::new();
    let client = Client::builder(KEY)
        .realtime_url(hub.realtime_url())
        .system_state(state.clone())
        .build()
        .unwrap();
    let shop = Shop {
        products: InMemory::new(),
        client,
        sends,
        was_echo: Arc::default(),
    };
    state.set_switch("product", Switch::On).unwrap();
    let builder = Connector::builder(KEY)
        .entity::<Product>(shop.clone())
        .system_state(state);
    (Subject::new(builder, String::new), shop)
}

#[tokio::test]
async fn only_what_came_from_the_platform_is_not_sent_back() {
    let path = "/entity/product";
    for (sends, grows) in [
        (Sends::TheSame, false),
        (Sends::TheSameLater, false),
        (Sends::Another, true),
        // Outside of the handler's task nobody knows, unless it is told.
        (Sends::TheSameFromAnotherTask, true),
        (Sends::TheSameFromAnotherTaskWithOrigin, false),
        (Sends::AnotherFromAnotherTask, true),
    ] {
        let hub = hub().await;
        let (subject, shop) = connector(&hub, sends);
        let create = serde_json::to_string(&product("S-1", "Tea")).unwrap();
        for question in [
            Question::create(path, create),
            Question::update(path, "S-1", r#"{"name":"Coffee"}"#),
            Question::delete(path, "S-1"),
        ] {
            let before = hub.changes();
            let answer = subject.handle(&question).await;
            assert!(answer.status < 300, "{sends:?}: {}", answer.text());
            let expected = before + u64::from(grows);
            assert_eq!(hub.changes(), expected, "{sends:?} {}", question.method);
            assert_eq!(shop.was_echo.load(Ordering::Relaxed), !grows, "{sends:?}");
        }
        // What is no reaction to the platform is sent.
        let before = hub.changes();
        shop.client.update(&product("S-1", "Tea")).await.unwrap();
        assert_eq!(hub.changes(), before + 1);
    }
}

/// The same over a real socket, where the connector's threads carry it out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nor_is_it_over_the_network() {
    let hub = hub().await;
    let (subject, _shop) = connector(&hub, Sends::TheSameLater);
    let before = hub.changes();
    let create = serde_json::to_string(&product("S-1", "Tea")).unwrap();
    tokio::task::spawn_blocking(move || {
        let served = super::subject::Served::alone(subject);
        let create = Question::create("/entity/product", create);
        super::subject::does(&served, &create, 201);
        let update = Question::update("/entity/product", "S-1", r#"{"name":"Coffee"}"#);
        super::subject::does(&served, &update, 200);
    })
    .await
    .unwrap();
    assert_eq!(hub.changes(), before);
}
