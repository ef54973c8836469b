//! What the platform tells about the system's own changes.

use std::time::Duration;

use bytes::Bytes;
use dsync_core::wire::{Notification, Refusal};
use dsync_core::{OwnProcess, StateError};
use futures_util::future::BoxFuture;
use http::{Request, StatusCode};

use crate::Connector;
use crate::about::About;
use crate::connector::logged;
use crate::handler::Handled;
use crate::reply::Reply;

/// How long to wait for a change's process id to be known here: the platform may be quicker with its
/// notification than our own sender with its note of the answer.
const RACE: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(20);

pub(crate) type Callback =
    Box<dyn Fn(ProcessEnded) -> BoxFuture<'static, Handled<()>> + Send + Sync>;

/// One of the system's own changes has ended.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct ProcessEnded {
    /// The change, as the client noted it.
    pub process: OwnProcess,
    /// What the platform says.
    pub notification: Notification,
}

impl Connector {
    /// `POST notification`.
    pub(crate) async fn notified(
        &self,
        request: &Request<Bytes>,
        about: &mut About,
    ) -> Result<Reply, Refusal> {
        let notification = Notification::decode(request)?;
        let id = notification.process_id.clone();
        about.process_id = Some(id.clone());
        // The same notification twice at a time is told once.
        let lane = format!("notification\n{id}");
        let _turn = self.0.lanes.enter(vec![lane]).await;
        let process = match self.own_process(&notification).await {
            Ok(Some(process)) => process,
            Ok(None) => {
                return Err(Refusal::NoSuchProcess {
                    process_id: id.as_str().to_owned(),
                });
            }
            Err(error) => return Ok(self.not_kept(&error)),
        };
        let status = notification.status;
        if let Some(callback) = &self.0.callback {
            let told = callback(ProcessEnded {
                process,
                notification,
            });
            if let Err(error) = self.in_time(told).await {
                logged("notification", &error);
                // It is told again, so the process stays open.
                return Ok(Reply::failed());
            }
        }
        Ok(match self.0.state.complete_process(&id, status) {
            Ok(_) => Reply::plain(StatusCode::OK, "OK"),
            Err(error) => self.not_kept(&error),
        })
    }

    async fn own_process(
        &self,
        notification: &Notification,
    ) -> Result<Option<OwnProcess>, StateError> {
        let (state, clock) = (&self.0.state, &self.0.clock);
        let began = clock.elapsed();
        loop {
            // Asked before the process is looked for, so that one which is added in between is found.
            let may_come = state.is_sending();
            if let Some(process) = state.process(&notification.process_id)? {
                return Ok(Some(process).filter(|process| process.outcome.is_none()));
            }
            if !may_come || clock.elapsed().saturating_sub(began) >= RACE {
                return Ok(None);
            }
            clock.sleep(STEP).await;
        }
    }
}
