//! An entity whose handler does what a test says, and requests in one line.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use dsync_connector::{Connector, Context, Handled, Handler, HandlerError};
use dsync_core::wire::{EntityRequest, Report};
use dsync_core::{AuthToken, EntityId, ReportError, Reporter, Reporting, Update};
use dsync_derive::DsyncEntity;
use http::{Response, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::Value;

pub(crate) const KEY: &str = "the-api-key";

#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, DsyncEntity)]
pub(crate) struct Product {
    #[dsync(primary_key)]
    pub(crate) sku: String,
    pub(crate) price: Option<f64>,
}

/// What the handler does next. Where nothing is said, it does what it is asked for.
#[derive(Debug)]
pub(crate) enum Next {
    Later(&'static str),
    Refused(&'static str),
    Failed(&'static str),
    Panic,
    /// Never ends.
    Hang,
}

/// Does what a test says, and writes down what it was asked for: `create S-1 #1`.
#[derive(Clone, Debug, Default)]
pub(crate) struct Scripted {
    next: Arc<Mutex<VecDeque<Next>>>,
    log: Arc<Mutex<Vec<String>>>,
}

impl Scripted {
    pub(crate) fn then(&self, next: impl IntoIterator<Item = Next>) {
        self.next.lock().unwrap().extend(next);
    }

    pub(crate) fn log(&self) -> Vec<String> {
        self.log.lock().unwrap().clone()
    }

    async fn act(&self, what: &str, sku: &str, context: &Context) -> Handled<()> {
        let line = format!("{what} {sku} #{}", context.attempt());
        self.log.lock().unwrap().push(line);
        let next = self.next.lock().unwrap().pop_front();
        match next {
            None => Ok(()),
            Some(Next::Later(reason)) => Err(HandlerError::later(reason)),
            Some(Next::Refused(reason)) => Err(HandlerError::refused(reason)),
            Some(Next::Failed(secret)) => Err(std::io::Error::other(secret).into()),
            Some(Next::Panic) => panic!("on purpose"),
            Some(Next::Hang) => std::future::pending().await,
        }
    }
}

impl Handler<Product> for Scripted {
    type Id = String;

    async fn create(&self, context: &Context, product: Product) -> Handled<String> {
        self.act("create", &product.sku, context).await?;
        Ok(product.sku)
    }

    async fn update(
        &self,
        context: &Context,
        sku: &String,
        change: Update<Product>,
    ) -> Handled<()> {
        let price = change.value("price").map_or("", |price| price.get());
        self.act(&format!("update to {price}"), sku, context).await
    }

    async fn delete(&self, context: &Context, sku: &String) -> Handled<()> {
        self.act("delete", sku, context).await
    }
}

pub(crate) fn create(process: &str, sku: &str) -> EntityRequest {
    EntityRequest::create(process.parse().unwrap(), format!(r#"{{"sku":"{sku}"}}"#))
}

pub(crate) fn update(process: &str, sku: &str, price: u32) -> EntityRequest {
    let id = EntityId::new(sku).unwrap();
    EntityRequest::update(
        process.parse().unwrap(),
        id,
        format!(r#"{{"price":{price}}}"#),
    )
}

pub(crate) fn delete(process: &str, sku: &str) -> EntityRequest {
    EntityRequest::delete(process.parse().unwrap(), EntityId::new(sku).unwrap())
}

pub(crate) async fn send(connector: &Connector, request: &EntityRequest) -> Response<Bytes> {
    let url = "http://connector/entity/product".parse().unwrap();
    let key = AuthToken::new(KEY).unwrap();
    connector.handle(request.encode(&url, &key)).await
}

/// A POST with the key.
pub(crate) async fn post(connector: &Connector, path: &str, body: &str) -> Response<Bytes> {
    let request = http::Request::post(path)
        .header("Auth-Token", KEY)
        .body(Bytes::from(body.to_owned()))
        .unwrap();
    connector.handle(request).await
}

pub(crate) fn message(response: &Response<Bytes>) -> String {
    let json: Value = serde_json::from_slice(response.body()).unwrap();
    assert_eq!(json["status"], response.status().as_u16());
    json["message"].as_str().unwrap().to_owned()
}

/// Writes down what is reported, and accepts it unless a test says otherwise.
#[derive(Clone, Debug, Default)]
pub(crate) struct Reports {
    seen: Arc<Mutex<Vec<String>>>,
    refusals: Arc<Mutex<VecDeque<bool>>>,
    told: Arc<tokio::sync::Notify>,
}

impl Reports {
    /// The next reports are not accepted: finally, or this time.
    pub(crate) fn refuse(&self, finally: impl IntoIterator<Item = bool>) {
        self.refusals.lock().unwrap().extend(finally);
    }

    /// `p-1 201 OK {"sku":"S-1"}`.
    pub(crate) fn seen(&self) -> Vec<String> {
        self.seen.lock().unwrap().clone()
    }

    /// Waits for so many.
    pub(crate) async fn wait_for(&self, count: usize) -> Vec<String> {
        loop {
            let told = self.told.notified();
            let seen = self.seen();
            if seen.len() >= count {
                return seen;
            }
            told.await;
        }
    }

    /// Waits for the last report on an update or a delete.
    pub(crate) async fn wait_for_end(&self, process: &str) {
        let end = format!("{process} 200 ");
        let mut count = 0;
        while !self.seen().iter().any(|line| line.starts_with(&end)) {
            count += 1;
            self.wait_for(count).await;
        }
    }
}

/// A folder of a test's own, which goes with it.
#[cfg(feature = "sqlite")]
pub(crate) struct Folder(pub(crate) std::path::PathBuf);

#[cfg(feature = "sqlite")]
impl Folder {
    pub(crate) fn new(name: &str) -> Self {
        let name = format!("dsync-connector-{name}-{}", std::process::id());
        let path = std::env::temp_dir().join(name);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

#[cfg(feature = "sqlite")]
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

impl Reporter for Reports {
    fn report<'a>(&'a self, report: &'a Report) -> Reporting<'a> {
        Box::pin(async {
            let data = report.data.as_ref().map_or("", |data| data.get());
            let status = report.status.as_u16();
            let line = format!("{} {status} {} {data}", report.process_id, report.message);
            self.seen.lock().unwrap().push(line.trim_end().to_owned());
            self.told.notify_waiters();
            match self.refusals.lock().unwrap().pop_front() {
                None => Ok(()),
                Some(is_final) => Err(ReportError::new(is_final, "refused by the test")),
            }
        })
    }
}

pub(crate) fn assert_status(response: &Response<Bytes>, status: u16) {
    assert_eq!(
        response.status(),
        StatusCode::from_u16(status).unwrap(),
        "{:?}",
        response.body()
    );
}
