//! A change: carried out once, in its turn, and remembered.

use std::future::ready;
use std::pin::pin;

use dsync_core::wire::{EntityRequest, Refusal};
use dsync_core::{EntityId, Origin, ProcessId, Switch};
use futures_util::future::{BoxFuture, Either, select};
use http::StatusCode;

use crate::connector::logged;
use crate::entity::{Done, Prepared, Registered};
use crate::flights::Begin;
use crate::handler::{Handled, HandlerError, Kind};
use crate::inbox::{Fingerprint, Seen};
use crate::lanes::InLanes;
use crate::naming::Named;
use crate::promises::Promising;
use crate::reply::Reply;
use crate::waiting::whole_lane;
use crate::{Connector, Context};

/// The turn of a change: nobody else is at its record.
pub(crate) struct Turn<'a> {
    named: InLanes<'a>,
    /// Boxed, as it is seldom.
    located: Option<Box<Located<'a>>>,
}

/// A record that is named by another field than its primary key.
struct Located<'a> {
    /// Nothing if there is no such record.
    id: Option<EntityId>,
    /// Its turn by the primary key.
    inside: InLanes<'a>,
}

impl<'a> Turn<'a> {
    /// The turn of a record that is named by its primary key.
    fn at(named: InLanes<'a>) -> Self {
        Self {
            named,
            located: None,
        }
    }

    fn lanes(&self) -> impl Iterator<Item = &String> {
        let located = self
            .located
            .iter()
            .flat_map(|located| located.inside.names());
        self.named.names().iter().chain(located)
    }

    /// The same, and that it may be any record where it is not known which.
    fn lanes_of_promise(&self, entity: &str) -> Vec<String> {
        let mut lanes: Vec<_> = self.lanes().cloned().collect();
        if self
            .located
            .as_ref()
            .is_some_and(|located| located.id.is_none())
        {
            lanes.push(whole_lane(entity));
        }
        lanes
    }
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

    /// The only request of its process that is here now. Boxed, because it is the larger half of what a
    /// request's future holds: of up to a kilobyte an allocator has some ready, a larger one it looks for.
    fn first<'a>(
        &'a self,
        entity: &'a Registered,
        request: &'a EntityRequest,
        fingerprint: Fingerprint,
    ) -> BoxFuture<'a, Reply> {
        let name = entity.entity.layout().name();
        let known_of = self.0.state.entity(name);
        let switch = match known_of.switch {
            Switch::Unknown => self.0.first_switch,
            known => known,
        };
        let shared_key = entity.shared_key(known_of);
        let prepared = if switch == Switch::On {
            entity.entity.prepare(request, shared_key.as_deref())
        } else {
            let entity = name.to_owned();
            Err(Refusal::NotSwitchedOn { entity })
        };
        match prepared {
            Ok(prepared) => {
                Box::pin(self.carry_out(entity, request, fingerprint, prepared, shared_key))
            }
            Err(refusal) => Box::pin(self.refuse(request, fingerprint, refusal)),
        }
    }

    /// What took effect keeps its answer, whatever is refused now.
    async fn refuse(
        &self,
        request: &EntityRequest,
        fingerprint: Fingerprint,
        refusal: Refusal,
    ) -> Reply {
        let inner = &*self.0;
        match inner
            .inbox
            .seen(request.process_id(), inner.clock.now())
            .await
        {
            Err(error) => self.not_kept(&error),
            Ok(seen) => match known(seen, fingerprint) {
                Ok(_) => Reply::refused(&refusal),
                Err(reply) => reply,
            },
        }
    }

    #[expect(
        clippy::manual_async_fn,
        reason = "the future of an async fn holds its arguments twice"
    )]
    fn carry_out<'a>(
        &'a self,
        entity: &'a Registered,
        request: &'a EntityRequest,
        fingerprint: Fingerprint,
        mut prepared: Prepared,
        shared_key: Option<String>,
    ) -> impl Future<Output = Reply> + Send + 'a {
        async move {
            let (inner, id) = (&*self.0, request.process_id());
            let name = entity.entity.layout().name();
            // The first thing that is waited for, so that the turns of a record are those of arrival.
            let lanes = std::mem::take(&mut prepared.lanes);
            let inside = match inner.lanes.try_enter(lanes) {
                Ok(inside) => inside,
                Err(lanes) => match Box::pin(self.enter_in_time(lanes)).await {
                    Some(inside) => inside,
                    None => {
                        let message =
                            "an earlier change of the same record takes too long: ask again";
                        return Reply::plain(StatusCode::INTERNAL_SERVER_ERROR, message);
                    }
                },
            };

            let now = inner.clock.now();
            let attempts = match inner.inbox.seen_or_begin(id, fingerprint, now).await {
                Err(error) => return self.not_kept(&error),
                Ok(seen) => match known(seen, fingerprint) {
                    Ok(attempts) => attempts,
                    Err(reply) => return reply,
                },
            };
            // The field is kept with the id, so that it means the same record whatever the shared key is later.
            let id_field = prepared.id.as_ref().map(|(_, field)| *field);
            let promising = |lanes: Vec<String>| Promising {
                entity: name,
                request: with_id_field(request, id_field),
                fingerprint,
                lanes,
            };
            let context = self.change_context(entity, request, &prepared, attempts + 1, shared_key);
            let turn = match &prepared.named_by {
                None => Turn::at(inside),
                // Boxed, as it is seldom.
                Some(_) => match Box::pin(self.turn(entity, &context, &prepared, inside)).await {
                    Ok(turn) => turn,
                    Err((error, inside)) => {
                        let mut lanes = inside.names().to_vec();
                        lanes.push(whole_lane(name));
                        return self.not_done(error, promising(lanes), attempts + 1).await;
                    }
                },
            };
            self.look_up();
            if inner.promises.waiting.is_ahead_of(name, turn.lanes()) {
                let reason = "an earlier change of the same record waits".to_owned();
                let promising = promising(turn.lanes_of_promise(name));
                return self.promise(promising, attempts, None, reason).await;
            }
            if attempts > 0 {
                let begun = inner
                    .inbox
                    .begin(id, fingerprint, attempts + 1, inner.clock.now());
                if let Err(error) = begun.await {
                    return self.not_kept(&error);
                }
            }
            let unknown_keys = std::mem::take(&mut prepared.unknown_keys);
            let done = match self.run(context, prepared, &turn).await {
                Ok(done) => done,
                Err(error) => {
                    let promising = promising(turn.lanes_of_promise(name));
                    return self.not_done(error, promising, attempts + 1).await;
                }
            };
            let reply = Reply::done(done.status, done.data(), &unknown_keys);
            if let Err(error) = inner.inbox.answer(id, reply.status, &reply.body).await {
                // It took effect, so this is the true answer; a repetition may do it again.
                tracing::error!(%error, process_id = %id, "an answer could not be kept");
            }
            reply
        }
    }

    /// The turn in some lanes; nothing if others are in them for longer than a handler may take.
    async fn enter_in_time(&self, lanes: Vec<String>) -> Option<InLanes<'_>> {
        let late = pin!(async { tokio::time::sleep(self.0.handler_timeout).await });
        match select(pin!(self.0.lanes.enter(lanes)), late).await {
            Either::Left((inside, _)) => Some(inside),
            Either::Right(_) => None,
        }
    }

    /// What becomes of a change that was not carried out. Boxed, as it is seldom: the future of every
    /// request would be as large as this one.
    fn not_done(
        &self,
        error: HandlerError,
        promising: Promising,
        attempt: u32,
    ) -> BoxFuture<'_, Reply> {
        Box::pin(async move {
            let error = match error.0 {
                Kind::Later { reason, pause } => {
                    return self.promise(promising, attempt, pause, reason).await;
                }
                kind => HandlerError(kind),
            };
            logged(promising.entity, &error);
            // What an earlier attempt did is not undone by the refusal of a later one.
            if !error.may_have_taken_effect() && attempt == 1 {
                self.forget(promising.request.process_id()).await;
            }
            Reply::of_error(promising.entity, &error)
        })
    }

    /// It changed nothing, so the next request of the process is a first one.
    async fn forget(&self, id: &ProcessId) {
        if let Err(error) = self.0.inbox.forget(id).await {
            tracing::error!(%error, process_id = %id, "a refusal could not be kept");
        }
    }

    pub(crate) fn change_context(
        &self,
        entity: &Registered,
        request: &EntityRequest,
        prepared: &Prepared,
        attempt: u32,
        shared_key: Option<String>,
    ) -> Context {
        let (process_id, token) = (request.process_id().clone(), entity.token.clone());
        let origin = match &prepared.id {
            Some((id, field)) => Origin::of_record(process_id, token, id.clone(), *field),
            None => Origin::new(process_id, token),
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
    pub(crate) async fn turn<'a>(
        &'a self,
        entity: &Registered,
        context: &Context,
        prepared: &Prepared,
        named: InLanes<'a>,
    ) -> Result<Turn<'a>, (HandlerError, InLanes<'a>)> {
        let located = match &prepared.named_by {
            None => None,
            Some(name) => match self.locate(entity, context, prepared, name).await {
                Ok(located) => Some(Box::new(located)),
                Err(error) => return Err((error, named)),
            },
        };
        Ok(Turn { named, located })
    }

    async fn locate(
        &self,
        entity: &Registered,
        context: &Context,
        prepared: &Prepared,
        named: &Named,
    ) -> Handled<Located<'_>> {
        let locate = || self.in_time(entity.entity.locate(context, named));
        let mut id = locate().await?;
        loop {
            let mut lanes = prepared.located_lanes.clone();
            lanes.extend(id.iter().map(|id| entity.entity.lane(id)));
            let inside = self.0.lanes.enter(lanes).await;
            // While it waited, the record may have become another one.
            let again = locate().await?;
            if again == id {
                return Ok(Located { id, inside });
            }
            drop(inside);
            id = again;
        }
    }

    /// Carries a change out.
    pub(crate) fn run(
        &self,
        context: Context,
        prepared: Prepared,
        turn: &Turn<'_>,
    ) -> impl Future<Output = Handled<Done>> + Send {
        let located = turn.located.as_ref().and_then(|located| located.id.clone());
        let running = if prepared.named_by.is_some() && located.is_none() {
            Box::pin(ready(Err(HandlerError::not_found())))
        } else {
            // Nothing of the handler runs before it is polled.
            (prepared.run)(context, located)
        };
        self.in_time(running)
    }
}

/// How often a process was begun, or the answer that it has.
#[expect(
    clippy::result_large_err,
    reason = "an answer is moved once a request, which a box would not make cheaper"
)]
fn known(seen: Option<Seen>, request: Fingerprint) -> Result<u32, Reply> {
    match seen {
        None => Ok(0),
        Some(seen) if seen.request != request => Err(Reply::refused(&Refusal::ProcessIdReused)),
        Some(seen) => match seen.answer {
            Some(answer) => Err(Reply::from(answer)),
            None => Ok(seen.attempts),
        },
    }
}

fn with_id_field(request: &EntityRequest, field: Option<&str>) -> EntityRequest {
    let request = request.clone();
    match field {
        Some(field) if request.entity_id().is_some() && request.entity_id_field().is_none() => {
            request
                .with_id_field(field)
                .expect("a field of the layout has a name that can travel in a header")
        }
        _ => request,
    }
}
