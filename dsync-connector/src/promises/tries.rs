//! One try at a promised change.

use std::time::Duration;

use dsync_core::StateError;
use dsync_core::wire::{Operation, RecordAccess, Report};
use http::StatusCode;
use serde_json::value::to_raw_value;

use super::reports::Telling;
use super::{CUT_OFF, WITHOUT_INBOX};
use crate::Connector;
use crate::connector::logged;
use crate::entity::Done;
use crate::handler::{Handled, HandlerError, Kind};
use crate::inbox::Promise;
use crate::naming::primary_key;
use crate::waiting::Waiting;

/// A promise that is being tried. Its end is a drop, so that one whose worker has gone is tried again.
pub(super) struct Tried<'a> {
    waiting: &'a Waiting,
    number: u64,
    /// When the next try is; nothing if the promise is settled.
    next: Option<Duration>,
}

impl<'a> Tried<'a> {
    pub(super) fn new(waiting: &'a Waiting, number: u64, now: Duration) -> Self {
        Self {
            waiting,
            number,
            next: Some(now + CUT_OFF),
        }
    }
}

impl Drop for Tried<'_> {
    fn drop(&mut self) {
        match self.next {
            Some(next) => self.waiting.put_back(self.number, next),
            None => self.waiting.remove(self.number),
        }
    }
}

impl Connector {
    /// Tries a promised change once. If it has to wait again, the platform is to be told so first.
    pub(super) async fn try_promise<'a>(&'a self, mut tried: Tried<'a>) -> Option<Telling<'a>> {
        match self.try_kept(&mut tried).await {
            Ok(report) => report.map(|report| Telling { report, tried }),
            Err(error) => {
                self.not_kept(&error);
                tried.next = Some(self.0.clock.elapsed() + WITHOUT_INBOX);
                None
            }
        }
    }

    async fn try_kept(&self, tried: &mut Tried<'_>) -> Result<Option<Report>, StateError> {
        let inner = &*self.0;
        let number = tried.number;
        let Some(promise) = inner.inbox.promised(number).await? else {
            tried.next = None;
            return Ok(None);
        };
        let process_id = promise.request.process_id();
        let now = inner.clock.elapsed();
        if promise.attempts == 0 {
            inner.promises.waiting.begin(number, now);
        }
        let elapsed = || match inner.promises.waiting.began(number) {
            // What waited behind another one has its time from its own first try on.
            Some(began) => inner.clock.elapsed().saturating_sub(began),
            None => {
                let since = inner.clock.now().duration_since(promise.since);
                since.unwrap_or_default()
            }
        };
        // A try that the program does not outlive counts, too, and so does its pause.
        let is_used_up = promise.attempts >= inner.retry.max_attempts().max(2);
        let attempt = promise.attempts.saturating_add(1);
        let error = if is_used_up {
            HandlerError::unsurvived()
        } else {
            let pause = self.pause(&promise.request, attempt, elapsed(), None);
            let pause = pause.unwrap_or_default();
            tried.next = Some(now + pause);
            let wall = inner.clock.now();
            let next = wall.checked_add(pause).unwrap_or(wall);
            inner.inbox.tried(number, attempt, next).await?;
            match self.run_promise(&promise, attempt).await {
                Ok(done) => {
                    tracing::info!(entity = promise.entity, %process_id, attempt, "a promise was kept");
                    let data = to_raw_value(&done.data())
                        .expect("a text and raw JSON are always written as JSON");
                    let report = Report::new(process_id.clone(), done.status, "OK");
                    self.settle(tried, report.with_data(data)).await?;
                    return Ok(None);
                }
                Err(error) => error,
            }
        };
        logged(&promise.entity, &error);

        let message = error.for_the_platform(&promise.entity);
        let pause = match &error.0 {
            _ if is_used_up => None,
            Kind::Later { pause, .. } => self.pause(&promise.request, attempt, elapsed(), *pause),
            _ if error.may_have_taken_effect() => {
                self.pause(&promise.request, attempt, elapsed(), None)
            }
            _ => None,
        };
        let Some(pause) = pause else {
            tracing::warn!(entity = promise.entity, %process_id, attempt, "a promise was given up");
            let status = StatusCode::INTERNAL_SERVER_ERROR;
            let report = Report::new(process_id.clone(), status, message);
            self.settle(tried, report).await?;
            return Ok(None);
        };
        tracing::info!(entity = promise.entity, %process_id, attempt, ?pause, "a promise has to wait");
        tried.next = Some(inner.clock.elapsed() + pause);
        let wall = inner.clock.now();
        let next = wall.checked_add(pause).unwrap_or(wall);
        inner.inbox.tried(number, attempt, next).await?;
        let report = Report::new(process_id.clone(), StatusCode::ACCEPTED, message);
        Ok(inner.reporter.is_some().then_some(report))
    }

    async fn run_promise(&self, promise: &Promise, attempt: u32) -> Handled<Done> {
        let mut entities = self.0.entities.iter();
        let entity = entities.find(|entity| entity.entity.layout().name() == promise.entity);
        let entity = entity.ok_or_else(|| {
            HandlerError::refused(format!(
                "this connector has no {:?} any more",
                promise.entity
            ))
        })?;
        let request = &promise.request;
        // A record is found by the field that named it, whatever the shared key is by now.
        let is_create = request.access() == RecordAccess::Change(Operation::Create);
        let shared_key = match request.entity_id_field() {
            Some(field) if !is_create => {
                let primary = primary_key(entity.entity.layout()).name();
                (field != primary).then(|| field.to_owned())
            }
            _ => self.shared_key(entity),
        };
        // A record's own `Deserialize` may panic, as a handler may.
        let prepared = self.in_time(Box::pin(async {
            Ok(entity.entity.prepare(request, shared_key.as_deref())?)
        }));
        let mut prepared = prepared.await?;
        let context = self.change_context(entity, request, &prepared, attempt, shared_key);
        let lanes = std::mem::take(&mut prepared.lanes);
        let inside = self.0.lanes.enter(lanes).await;
        let turn = self.turn(entity, &context, &prepared, inside).await;
        let turn = turn.map_err(|(error, _)| error)?;
        self.run(context, prepared, &turn).await
    }

    /// Forgets a promise that is carried out or given up, and has it reported.
    async fn settle(&self, tried: &mut Tried<'_>, report: Report) -> Result<(), StateError> {
        let inner = &*self.0;
        let now = inner.clock.now();
        let kept = inner.reporter.as_ref().map(|_| &report);
        let unsure = inner.promises.unsure();
        let number = inner.inbox.settle(tried.number, kept, now).await?;
        tried.next = None;
        if let Some(number) = number {
            inner
                .promises
                .reports
                .add(number, report, now, inner.clock.elapsed());
        }
        unsure.heard();
        Ok(())
    }
}
