//! A change: carried out once, in its turn, and remembered.

use dsync_core::wire::{EntityRequest, Refusal};
use dsync_core::{EntityId, Origin, Switch};

use crate::connector::logged;
use crate::entity::{Done, Prepared, Registered};
use crate::flights::Begin;
use crate::handler::{Handled, HandlerError, Kind};
use crate::inbox::Fingerprint;
use crate::lanes::InLanes;
use crate::promises::Promising;
use crate::reply::Reply;
use crate::{Connector, Context};

/// The turn of a change: nobody else is at its record.
pub(crate) struct Turn<'a> {
    _inside: InLanes<'a>,
    pub(crate) lanes: Vec<String>,
    /// The primary key of a record that is named by another field; nothing if there is no such record.
    located: Option<EntityId>,
}

impl Connector {
    /// Carries a change out once, however often it comes.
    pub(crate) async fn change(&self, entity: &Registered, request: &EntityRequest) -> Reply {
        let fingerprint = Fingerprint::of(entity.entity.layout().name(), request);
        loop {
            match self.0.flights.begin(request.process_id(), fingerprint) {
                Begin::Other => return Reply::refused(&Refusal::ProcessIdReused),
                Begin::Same(follower) => {
                    if let Some(reply) = follower.landed().await {
                        return reply;
                    }
                }
                Begin::First(flight) => {
                    let reply = self.first(entity, request, fingerprint).await;
                    flight.land(&reply);
                    return reply;
                }
            }
        }
    }

    /// The only request of its process that is here now.
    async fn first(
        &self,
        entity: &Registered,
        request: &EntityRequest,
        fingerprint: Fingerprint,
    ) -> Reply {
        let (inner, id) = (&*self.0, request.process_id());
        let attempts = match inner.inbox.seen(id, inner.clock.now()).await {
            Err(error) => return self.not_kept(&error),
            Ok(None) => 0,
            Ok(Some(seen)) if seen.request != fingerprint => {
                return Reply::refused(&Refusal::ProcessIdReused);
            }
            Ok(Some(seen)) => match seen.answer {
                Some(answer) => return Reply::from(answer),
                None => seen.attempts,
            },
        };
        if let Some(refused) = self.switched_off(entity) {
            return refused;
        }
        let shared_key = self.shared_key(entity);
        let prepared = match entity.entity.prepare(request, shared_key.as_deref()) {
            Ok(prepared) => prepared,
            Err(refusal) => return Reply::refused(&refusal),
        };
        let promising = |lanes: &[String]| Promising {
            entity: entity.entity.layout().name(),
            request: prepared.to_be_kept(request),
            fingerprint,
            lanes: lanes.to_vec(),
        };
        let context = self.change_context(entity, request, &prepared, attempts + 1, shared_key);

        let turn = match self.turn(entity, &context, &prepared).await {
            Ok(turn) => turn,
            Err(error) => {
                let promising = promising(&prepared.lanes);
                return self.not_done(error, promising, attempts + 1).await;
            }
        };
        let promising = promising(&turn.lanes);
        if inner.promises.waiting.is_ahead_of(&turn.lanes) {
            let reason = "an earlier change of the same record waits";
            return self.promise(promising, attempts, None, reason).await;
        }
        let begun = inner
            .inbox
            .begin(id, fingerprint, attempts + 1, inner.clock.now())
            .await;
        if let Err(error) = begun {
            return self.not_kept(&error);
        }
        let unknown_keys = prepared.unknown_keys.clone();
        let done = match self.run(context, prepared, &turn).await {
            Ok(done) => done,
            Err(error) => return self.not_done(error, promising, attempts + 1).await,
        };
        let reply = Reply::done(done.status, &done.data, &unknown_keys);
        let kept = inner
            .inbox
            .answer(id, &reply.kept(), inner.clock.now())
            .await;
        if let Err(error) = kept {
            // It took effect, so this is the true answer; a repetition may do it again.
            tracing::error!(%error, process_id = %id, "an answer could not be kept");
        }
        reply
    }

    /// What becomes of a change that was not carried out.
    async fn not_done(&self, error: HandlerError, promising: Promising, attempt: u32) -> Reply {
        let error = match error.0 {
            Kind::Later { reason, pause } => {
                return self.promise(promising, attempt, pause, &reason).await;
            }
            kind => HandlerError(kind),
        };
        logged(promising.entity, &error);
        if !error.may_have_taken_effect() {
            // It changed nothing, so the next request of the process is a first one.
            let id = promising.request.process_id();
            if let Err(error) = self.0.inbox.forget(id).await {
                tracing::error!(%error, process_id = %id, "a refusal could not be kept");
            }
        }
        Reply::of_error(promising.entity, &error)
    }

    pub(crate) fn change_context(
        &self,
        entity: &Registered,
        request: &EntityRequest,
        prepared: &Prepared,
        attempt: u32,
        shared_key: Option<String>,
    ) -> Context {
        let origin = Origin::new(request.process_id().clone(), entity.token.clone());
        let origin = match &prepared.id {
            Some((id, field)) => origin.with_id(id.clone(), field),
            None => origin,
        };
        Context {
            process_id: Some(request.process_id().clone()),
            attempt,
            entity_token: entity.token.clone(),
            shared_key,
            origin: Some(origin),
        }
    }

    /// Waits until nobody else is at the record, by whatever field it is named.
    pub(crate) async fn turn(
        &self,
        entity: &Registered,
        context: &Context,
        prepared: &Prepared,
    ) -> Handled<Turn<'_>> {
        let locate = async || match &prepared.named_by {
            Some(named) => self.in_time(entity.entity.locate(context, named)).await,
            None => Ok(None),
        };
        let mut located = locate().await?;
        loop {
            let mut lanes = prepared.lanes.clone();
            if let Some(id) = &located {
                lanes.push(entity.entity.lane(id));
            }
            let inside = self.0.lanes.enter(&lanes).await;
            // While it waited, the record may have become another one.
            let again = locate().await?;
            if again == located {
                return Ok(Turn {
                    _inside: inside,
                    lanes,
                    located,
                });
            }
            located = again;
        }
    }

    /// Carries a change out, in the scope of its origin.
    pub(crate) async fn run(
        &self,
        context: Context,
        prepared: Prepared,
        turn: &Turn<'_>,
    ) -> Handled<Done> {
        let located = turn.located.clone();
        if prepared.named_by.is_some() && located.is_none() {
            return Err(HandlerError::not_found());
        }
        // Within the scope from its first line on, whatever thread polls it.
        match context.origin.clone() {
            Some(origin) => {
                let running = async { (prepared.run)(context, located).await };
                self.in_time(origin.scope(running)).await
            }
            None => self.in_time((prepared.run)(context, located)).await,
        }
    }

    fn switched_off(&self, entity: &Registered) -> Option<Reply> {
        let name = entity.entity.layout().name();
        let switch = match self.0.state.entity(name).switch {
            Switch::Unknown => self.0.first_switch,
            known => known,
        };
        (switch != Switch::On).then(|| {
            Reply::refused(&Refusal::NotSwitchedOn {
                entity: name.to_owned(),
            })
        })
    }
}
