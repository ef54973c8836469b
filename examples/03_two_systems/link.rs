//! What a hosted platform does between two systems, by hand: it asks the destination for its layout,
//! switches it on, carries each change there, and tells the source how it ended.
//!
//! The local hub takes changes and checks them; it does not deliver them yet. So this file does, with
//! the same requests that a platform would send.

use std::error::Error;
use std::time::Duration;

use dsync::prelude::*;
use dsync::reqwest::{self, Method};
use dsync::wire::{EntityRequest, Notification, Operation};
use dsync::{AuthToken, EntityId, ProcessId};
use dsync_hub::Hub;

/// From one system to the other.
pub(crate) struct Link {
    http: reqwest::Client,
    auth_token: AuthToken,
    entity: String,
    /// Where the destination's records are changed.
    destination: String,
    /// Where the source hears how its changes ended.
    source: String,
    pub(crate) requests: usize,
}

impl Link {
    /// Asks the destination for its data layout, registers that at the hub, and switches the
    /// destination on.
    pub(crate) async fn set_up(
        hub: &Hub,
        destination: &str,
        source: &str,
        entity: &str,
    ) -> Result<Self, Box<dyn Error>> {
        let mut link = Self {
            http: reqwest::Client::builder()
                .timeout(Duration::from_secs(30))
                .no_proxy()
                .build()?,
            auth_token: hub.auth_token().clone(),
            entity: entity.to_owned(),
            destination: String::new(),
            source: source.to_owned(),
            requests: 0,
        };
        let layout = link
            .ask(Method::GET, &format!("{destination}/datalayout"), None)
            .await?;
        let layout: Envelope<Option<DataLayout>> = serde_json::from_slice(&layout)?;
        let layout = layout.data.ok_or("the answer has no data layout")?;
        let endpoint = layout
            .endpoint(entity)
            .ok_or("the layout has no such entity")?;
        link.destination = format!("{destination}{}", endpoint.endpoint_url());
        hub.register(layout)?;

        let job = r#"{"job_id":"1"}"#;
        link.ask(
            Method::POST,
            &format!("{}/set_job", link.destination),
            Some(job),
        )
        .await?;
        Ok(link)
    }

    /// Carries one change to the destination, and its outcome to the source.
    pub(crate) async fn carry(
        &mut self,
        hub: &Hub,
        operation: Operation,
        id: &str,
        process_id: &str,
    ) -> Result<(), Box<dyn Error>> {
        let process_id = ProcessId::new(process_id)?;
        // The bytes that the hub has, as they are.
        let record = || {
            hub.record(&self.entity, id)
                .ok_or("the hub has no such record")
        };
        let entity_id = EntityId::new(id)?;
        let request = match operation {
            Operation::Create => EntityRequest::create(process_id.clone(), record()?),
            Operation::Update => EntityRequest::update(process_id.clone(), entity_id, record()?),
            Operation::Delete => EntityRequest::delete(process_id.clone(), entity_id),
        };
        let request = request.encode(&self.destination.parse()?, &self.auth_token);
        let answer = self.http.execute(request.try_into()?).await?;
        // A notification says 200 for a success of any kind.
        let status = match answer.status() {
            status if status.is_success() => 200,
            status => status.as_u16(),
        };
        let answer: Envelope = serde_json::from_slice(&answer.bytes().await?)?;

        let notification = Notification::new(process_id, status, answer.message);
        let url = format!("{}/notification", self.source).parse()?;
        let request = notification.encode(&url, &self.auth_token);
        let answer = self.http.execute(request.try_into()?).await?;
        self.requests += 2;
        if !answer.status().is_success() {
            let said = answer.text().await?;
            return Err(format!("the source does not take its notification: {said}").into());
        }
        Ok(())
    }

    async fn ask(
        &mut self,
        method: Method,
        url: &str,
        body: Option<&'static str>,
    ) -> Result<Vec<u8>, Box<dyn Error>> {
        let mut request = self
            .http
            .request(method, url)
            .header("Auth-Token", self.auth_token.expose());
        if let Some(body) = body {
            request = request.body(body);
        }
        let answer = request.send().await?;
        self.requests += 1;
        let status = answer.status();
        let body = answer.bytes().await?;
        if !status.is_success() {
            return Err(format!("{url}: {}", String::from_utf8_lossy(&body)).into());
        }
        Ok(body.into())
    }
}
