//! The connector, and the axum handler that it is measured against.

use std::collections::BTreeMap;
use std::error::Error;
use std::future::pending;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use axum::Router;
use axum::body::Body;
use axum::extract::State;
use axum::routing::{get, post};
use axum::serve::ListenerExt as _;
use bytes::Bytes;
use dsync::{
    Connector, Context, DsyncEntity, DsyncObject, Envelope, Handled, Handler, HandlerError,
};
use http::header::CONTENT_TYPE;
use http::{HeaderValue, Request, Response, StatusCode};
use serde::{Deserialize, Serialize};
use tokio::net::TcpListener;

use super::load::{Server, next_number};

pub(super) const KEY: &str = "a-key-as-long-as-that-of-a-system-0123456789";

/// What is created: it has what records have.
#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
#[dsync(entity_token = "bench-product-1")]
pub(super) struct Product {
    #[dsync(primary_key)]
    sku: String,
    title: String,
    remark: Option<String>,
    price: f64,
    quantity: u32,
    active: bool,
    tags: Vec<String>,
    supplier: String,
    weight: Option<f64>,
    released: Option<String>,
    category: String,
    size: Size,
}

#[derive(Clone, Serialize, Deserialize, DsyncObject)]
struct Size {
    length: f64,
    width: f64,
    height: f64,
}

/// The body of a create. The number has as many digits whatever it is, so all are of one length.
pub(super) fn body(number: u32) -> String {
    format!(
        r#"{{"sku":"S-{number:010}","title":"A chair of beech wood","remark":"to be assembled, with four screws","price":129.5,"quantity":17,"active":true,"tags":["chair","wood","indoor"],"supplier":"orders@supplier.example","weight":7.25,"released":"2026-03-01","category":"furniture","size":{{"length":45.5,"width":50,"height":88.25}}}}"#
    )
}

/// Where records are stored: the newest hundred of them, so that storing one takes the same time in
/// every run, and what goes was made by the same thread.
#[derive(Default)]
pub(super) struct Shop(Mutex<BTreeMap<String, Product>>);

impl Shop {
    /// Gives the product's id, or nothing if it is there already.
    fn add(&self, product: Product) -> Option<String> {
        const KEPT: usize = 100;

        let mut products = self.products();
        if products.contains_key(&product.sku) {
            return None;
        }
        let sku = product.sku.clone();
        products.insert(sku.clone(), product);
        if products.len() > KEPT {
            products.pop_first();
        }
        Some(sku)
    }

    fn products(&self) -> MutexGuard<'_, BTreeMap<String, Product>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The connector's side.
struct Selling(Arc<Shop>);

impl Handler<Product> for Selling {
    type Id = String;

    async fn create(&self, _context: &Context, product: Product) -> Handled<String> {
        self.0
            .add(product)
            .ok_or_else(|| HandlerError::refused("there is such a product"))
    }
}

/// axum's side.
#[derive(Clone)]
pub(super) struct Bare {
    shop: Arc<Shop>,
    layout: Bytes,
}

pub(super) async fn bare_data_layout(State(bare): State<Bare>) -> Response<Body> {
    json(StatusCode::OK, bare.layout)
}

pub(super) async fn bare_create(State(bare): State<Bare>, body: Bytes) -> Response<Body> {
    #[derive(Serialize)]
    struct Answer<D> {
        status: u16,
        message: &'static str,
        detail: Empty,
        data: D,
    }
    #[derive(Serialize)]
    struct Empty {}
    #[derive(Serialize)]
    struct Created<'a> {
        sku: &'a str,
    }

    let Ok(product) = serde_json::from_slice::<Product>(&body) else {
        return json(StatusCode::BAD_REQUEST, Bytes::new());
    };
    let Some(sku) = bare.shop.add(product) else {
        return json(StatusCode::BAD_REQUEST, Bytes::new());
    };
    let answer = serde_json::to_vec(&Answer {
        status: 201,
        message: "OK",
        detail: Empty {},
        data: Created { sku: &sku },
    });
    match answer {
        Ok(answer) => json(StatusCode::CREATED, answer.into()),
        Err(_) => json(StatusCode::INTERNAL_SERVER_ERROR, Bytes::new()),
    }
}

fn json(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

/// A connector, and a handler that is none.
pub(super) struct Parties {
    pub(super) connector: Connector,
    pub(super) bare: Bare,
}

impl Parties {
    pub(super) fn new() -> Result<Self, Box<dyn Error>> {
        let shop = Arc::new(Shop::default());
        let connector = Connector::builder(KEY)
            .entity::<Product>(Selling(shop.clone()))
            .switched_on(true)
            .build()?;
        let layout = serde_json::to_vec(&Envelope::ok(connector.data_layout()))?.into();
        Ok(Self {
            connector,
            bare: Bare { shop, layout },
        })
    }

    /// Lets the connector remember as many processes as it ever does: so it is after a day's work.
    pub(super) async fn fill_inbox(&self) {
        for _ in 0..100_000 {
            let answer = self.connector.handle(create()).await;
            assert_eq!(answer.status(), StatusCode::CREATED);
        }
    }
}

/// What is created next.
pub(super) fn create() -> Request<Bytes> {
    let number = next_number();
    Request::post("/entity/product")
        .header("host", "127.0.0.1:8081")
        .header("auth-token", KEY)
        .header("process-id", format!("p-{number:010}"))
        .header("content-type", "application/json")
        .body(body(number).into())
        .expect("these headers are legal")
}

/// A connector behind its own server.
pub(super) fn serve() -> Result<Server, Box<dyn Error>> {
    let parties = Parties::new()?;
    Server::start(async move |listener| {
        parties.fill_inbox().await;
        parties.connector.serve(listener, pending()).await;
    })
}

/// A connector as an axum router.
pub(super) fn router() -> Result<Server, Box<dyn Error>> {
    let parties = Parties::new()?;
    Server::start(async move |listener| {
        parties.fill_inbox().await;
        axum_serve(listener, parties.connector.router()).await;
    })
}

/// The handler that is none.
pub(super) fn axum() -> Result<Server, Box<dyn Error>> {
    let parties = Parties::new()?;
    let router = Router::new()
        .route("/datalayout", get(bare_data_layout))
        .route("/entity/product", post(bare_create))
        .with_state(parties.bare);
    Server::start(async move |listener| axum_serve(listener, router).await)
}

async fn axum_serve(listener: TcpListener, router: Router) {
    // As the connector's own server does it.
    let listener = listener.tap_io(|stream| {
        let _ = stream.set_nodelay(true);
    });
    // It never ends by itself.
    let _ = axum::serve(listener, router).await;
}
