//! Synchronisation: all records of an entity, page by page.
//!
//! The platform asks by number, and records come and go between two pages. So a page is not a position
//! but what follows the last record of the page before, which is remembered here, until its own last one.
//!
//! # What is stable
//!
//! Where a page ends is settled when it is first read, and stays so in this run: whoever asks again, or
//! asks second, gets the same interval with what is in it by now. So each record that is there throughout
//! comes exactly once, to each of several that ask at the same time.
//!
//! - The last page that `total` promised has no end of its own: who counts the pages asks for no other one.
//! - A page with nothing left in it gives the one record that follows, which the next page gives once more:
//!   an empty page would mean the end.
//! - A run is over when nothing was asked for ten minutes, or when page 1 or `total` is asked for after a
//!   page that reached the end of the records. Requests carry no name of their run, so whoever is still on
//!   the way when another one begins anew goes on by the new ends, and may miss records or get them twice.
//! - A page that has grown to more than ten pages' records cannot be given: it is answered 500, and page 1
//!   or `total` begins a new run.

use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, HashMap};
use std::future::poll_fn;
use std::io;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;

use bytes::Bytes;
use dsync_core::wire::{Refusal, headers};
use dsync_core::{EntityId, EntityToken};
use http::{HeaderValue, Request, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::about::About;
use crate::connector::logged;
use crate::entity::Registered;
use crate::handler::Handled;
use crate::naming::primary_key;
use crate::reply::Reply;
use crate::{Connector, Context};

/// A run that was not asked for a page for so long is over.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// How many pages' records a page takes at most, where more were inserted meanwhile.
const LAST_PAGES: usize = 10;

/// How many pages' ends are remembered at most: the last ones. Others are found by a walk.
const MOST_ENDS: usize = 100_000;

type Records = Vec<(EntityId, Box<RawValue>)>;

/// Where the pages of each entity end.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    by_entity: Mutex<HashMap<&'static str, Cursor>>,
}

/// One run through an entity's pages, by however many.
#[derive(Debug, Default)]
struct Cursor {
    /// Which run it is: a page that is read while another one begins settles nothing in that one.
    run: u64,
    /// By the number of the page, the id of its last record.
    ends: BTreeMap<u64, EntityId>,
    /// How many pages the answer to `total` promised.
    pages: Option<u64>,
    /// The page that ends where it does because it took what was left.
    took_rest: Option<u64>,
    /// Whether page 1 was asked for.
    has_begun: bool,
    /// Whether a page has reached the end of the records.
    has_ended: bool,
    used: Duration,
}

/// What is known of a page that is asked for.
struct Asked {
    run: u64,
    /// The next page before it whose end is known.
    before: Option<(u64, EntityId)>,
    end: Option<EntityId>,
    takes_rest: bool,
}

impl Cursors {
    fn with<R>(
        &self,
        entity: &'static str,
        now: Duration,
        act: impl FnOnce(&mut Cursor) -> R,
    ) -> R {
        let mut by_entity = self.by_entity();
        let cursor = by_entity.entry(entity).or_default();
        if now.saturating_sub(cursor.used) >= IDLE {
            cursor.begin();
            cursor.pages = None;
        }
        cursor.used = now;
        act(cursor)
    }

    fn by_entity(&self) -> MutexGuard<'_, HashMap<&'static str, Cursor>> {
        // Each use is a few calls on maps that cannot fail.
        self.by_entity
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

impl Cursor {
    /// A new run. What was promised still is: page 1 asked again may be the last one.
    fn begin(&mut self) {
        *self = Self {
            run: self.run + 1,
            pages: self.pages,
            used: self.used,
            ..Self::default()
        };
    }

    fn promised(&mut self, pages: u64) {
        if self.has_ended {
            self.begin();
        }
        self.pages = Some(pages);
    }

    fn asked(&mut self, page: u64) -> Asked {
        if page == 1 {
            // Who counts the pages may ask for the last one before the first.
            if self.has_ended && (self.has_begun || self.pages.is_none()) {
                self.begin();
            }
            self.has_begun = true;
        }
        let before = self.ends.range(..page).next_back();
        Asked {
            run: self.run,
            before: before.map(|(page, id)| (*page, id.clone())),
            end: self.ends.get(&page).cloned(),
            takes_rest: self.pages == Some(page) && self.took_rest != Some(page),
        }
    }

    /// Settles where a page ends, unless it is settled already; where that is, in either case.
    fn settle(&mut self, run: u64, page: u64, last: EntityId, took_rest: bool) -> EntityId {
        if self.run != run {
            return last;
        }
        let end = match self.ends.entry(page) {
            Entry::Occupied(end) => end.get().clone(),
            Entry::Vacant(free) => {
                if took_rest {
                    self.took_rest = Some(page);
                }
                free.insert(last).clone()
            }
        };
        while self.ends.len() > MOST_ENDS {
            self.ends.pop_first();
        }
        end
    }

    fn ended(&mut self, run: u64) {
        if self.run == run {
            self.has_ended = true;
        }
    }
}

impl Connector {
    /// `GET sync/total`.
    pub(crate) async fn total(
        &self,
        request: &Request<Bytes>,
        about: &mut About,
    ) -> Result<Reply, Refusal> {
        #[derive(Serialize)]
        struct Data {
            total: u64,
            per_page: usize,
        }

        let entity = self.entity_of(request, about)?;
        let context = self.sync_context(entity);
        let per_page = self.0.page_size;
        Ok(match self.in_time(entity.entity.count(&context)).await {
            Ok(total) => {
                let pages = total.div_ceil(per_page as u64).max(1);
                let (name, now) = (entity.entity.layout().name(), self.0.clock.elapsed());
                let cursors = &self.0.cursors;
                cursors.with(name, now, |cursor| cursor.promised(pages));
                Reply::done(StatusCode::OK, Data { total, per_page }, &[])
            }
            Err(error) => {
                logged(entity.entity.layout().name(), &error);
                Reply::of_error(entity.entity.layout().name(), &error)
            }
        })
    }

    /// `GET sync/items/<page>`.
    pub(crate) async fn page(
        &self,
        request: &Request<Bytes>,
        page: &str,
        about: &mut About,
    ) -> Result<Reply, Refusal> {
        #[derive(Serialize)]
        struct Data {
            items: Vec<Box<RawValue>>,
        }

        let entity = self.entity_of(request, about)?;
        let layout = entity.entity.layout();
        let is_number = !page.is_empty() && page.bytes().all(|byte| byte.is_ascii_digit());
        let Some(page) = page
            .parse::<u64>()
            .ok()
            .filter(|&page| is_number && page > 0)
        else {
            let page: String = page.chars().take(40).collect();
            return Ok(Reply::plain(
                StatusCode::BAD_REQUEST,
                format!("{page:?} is no page: pages are numbered from 1"),
            ));
        };
        let context = self.sync_context(entity);
        Ok(
            match self
                .in_time(Box::pin(self.items(entity, &context, page)))
                .await
            {
                Ok(items) => {
                    let field = context
                        .shared_key
                        .unwrap_or_else(|| primary_key(layout).name().to_owned());
                    let field = HeaderValue::from_bytes(field.as_bytes())
                        .expect("a field's name has no control character");
                    Reply::done(StatusCode::OK, Data { items }, &[])
                        .with_header(headers::ENTITY_ID_FIELD, field)
                }
                Err(error) => {
                    logged(layout.name(), &error);
                    Reply::of_error(layout.name(), &error)
                }
            },
        )
    }

    async fn items(
        &self,
        entity: &Registered,
        context: &Context,
        page: u64,
    ) -> Handled<Vec<Box<RawValue>>> {
        let reading = Reading {
            connector: self,
            entity,
            context,
            name: entity.entity.layout().name(),
            limit: self.0.page_size,
        };
        let Asked {
            run,
            before,
            end,
            takes_rest,
        } = reading.cursor(|cursor| cursor.asked(page));
        // Pages that nobody asked for are walked through, from the last one whose end is known.
        let (mut number, mut after) = match before {
            Some((number, id)) => (number + 1, Some(id)),
            None => (1, None),
        };
        while number < page {
            let last = reading.following(after.as_ref()).await?.pop();
            let Some((last, _)) = last else {
                reading.cursor(|cursor| cursor.ended(run));
                return Ok(Vec::new());
            };
            after = Some(reading.cursor(|cursor| cursor.settle(run, number, last, false)));
            number += 1;
            yielded().await;
        }

        let mut records = reading.following(after.as_ref()).await?;
        let mut has_ended = records.len() < reading.limit;
        match end {
            Some(end) if !takes_rest => {
                has_ended = reading.up_to(&end, run, &mut records).await?;
            }
            end => {
                if takes_rest {
                    reading.rest(&mut records).await?;
                    has_ended = true;
                }
                if end.is_none()
                    && let Some((last, _)) = records.last()
                {
                    let settle =
                        |cursor: &mut Cursor| cursor.settle(run, page, last.clone(), takes_rest);
                    let settled = reading.cursor(settle);
                    // Somebody else has read it meanwhile.
                    if settled != *last {
                        has_ended = reading.up_to(&settled, run, &mut records).await?;
                    }
                }
            }
        }
        if has_ended {
            reading.cursor(|cursor| cursor.ended(run));
        }
        Ok(records.into_iter().map(|(_, json)| json).collect())
    }

    fn entity_of(
        &self,
        request: &Request<Bytes>,
        about: &mut About,
    ) -> Result<&Registered, Refusal> {
        let mut tokens = request.headers().get_all(headers::ENTITY_TOKEN).iter();
        let token = match (tokens.next(), tokens.next()) {
            (Some(token), None) => token,
            (None, _) => {
                return Err(Refusal::HeaderMissing {
                    header: headers::ENTITY_TOKEN,
                    purpose: "it says which entity's records are asked for",
                });
            }
            _ => {
                return Err(Refusal::HeaderInvalid {
                    header: headers::ENTITY_TOKEN,
                    problem: "it is there more than once".to_owned(),
                });
            }
        };
        let token = String::from_utf8_lossy(token.as_bytes());
        let mut entities = self.0.entities.iter();
        let entity = entities
            .find(|entity| entity.token.as_str() == token)
            .ok_or_else(|| Refusal::UnknownEntityToken {
                token: token.into_owned(),
            })?;
        about.entity = Some(entity.entity.layout().name());
        Ok(entity)
    }

    pub(crate) fn sync_context(&self, entity: &Registered) -> Context {
        Context {
            shared_key: self.shared_key(entity),
            ..Context::new(EntityToken::clone(&entity.token))
        }
    }
}

/// The records of an entity, as its handler gives them.
struct Reading<'a> {
    connector: &'a Connector,
    entity: &'a Registered,
    context: &'a Context,
    name: &'static str,
    limit: usize,
}

impl Reading<'_> {
    fn cursor<R>(&self, act: impl FnOnce(&mut Cursor) -> R) -> R {
        let inner = &self.connector.0;
        inner.cursors.with(self.name, inner.clock.elapsed(), act)
    }

    /// A page's records. Fewer than the limit are the last ones.
    async fn following(&self, after: Option<&EntityId>) -> Handled<Records> {
        self.some_following(after, self.limit).await
    }

    async fn some_following(&self, after: Option<&EntityId>, limit: usize) -> Handled<Records> {
        let mut records = self.entity.entity.page(self.context, after, limit).await?;
        records.truncate(limit);
        // Else it would be asked for the same again and again.
        if records.iter().any(|(id, _)| Some(id) == after) {
            return Err(io::Error::other(
                "`page` gave the record `after` itself: what follows it was asked for",
            )
            .into());
        }
        Ok(records)
    }

    /// Adds the page that follows. Whether there may be more.
    async fn read_on(&self, records: &mut Records) -> Handled<bool> {
        let Some((last, _)) = records.last() else {
            return Ok(false);
        };
        let last = last.clone();
        let more = self.following(Some(&last)).await?;
        let is_full = more.len() >= self.limit;
        records.extend(more);
        Ok(is_full)
    }

    /// Makes a page's first records all of its records, up to where it ended before. Whether that is the
    /// end of all.
    async fn up_to(&self, end: &EntityId, run: u64, records: &mut Records) -> Handled<bool> {
        let position = |records: &Records, id: &EntityId| {
            let mut ids = records.iter().map(|(id, _)| id);
            ids.position(|own| own == id)
        };
        let mut has_more = records.len() >= self.limit;
        let mut next = None;
        for round in 1..=LAST_PAGES {
            if let Some(at) = position(records, end) {
                let has_ended = !has_more && at + 1 == records.len();
                records.truncate(at + 1);
                return Ok(has_ended);
            }
            // It is gone, or others were inserted before it. What follows it shows where it was.
            if round == 1 {
                next = self.some_following(Some(end), 1).await?.pop();
            }
            let cut = next.as_ref().and_then(|(id, _)| position(records, id));
            if let Some(at) = cut {
                records.truncate(at);
            }
            if cut.is_some() || !has_more {
                let has_ended = next.is_none();
                // An empty page would mean the end.
                if records.is_empty() {
                    records.extend(next);
                }
                return Ok(has_ended);
            }
            if round < LAST_PAGES {
                has_more = self.read_on(records).await?;
            }
        }
        // So that one can begin anew.
        self.cursor(|cursor| cursor.ended(run));
        Err(io::Error::other(format!(
            "a page of the synchronisation has grown to more than {LAST_PAGES} pages' records while it was under way: begin anew"
        ))
        .into())
    }

    /// What was inserted since the total was told, and pushes others off the last page.
    async fn rest(&self, records: &mut Records) -> Handled<()> {
        let mut has_more = records.len() >= self.limit;
        for _ in 1..LAST_PAGES {
            if !has_more {
                return Ok(());
            }
            has_more = self.read_on(records).await?;
        }
        if has_more {
            tracing::warn!(
                entity = self.name,
                "the last page of a synchronisation may lack records: more than it can take were inserted since the total was told"
            );
        }
        Ok(())
    }
}

/// Lets others go on; among them is the time limit.
async fn yielded() {
    let mut has_yielded = false;
    poll_fn(|context| {
        if has_yielded {
            return Poll::Ready(());
        }
        has_yielded = true;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_ends_are_remembered_and_what_is_settled_stays() {
        let mut cursor = Cursor::default();
        let id = |number: u64| EntityId::new(number.to_string()).unwrap();
        let most = MOST_ENDS as u64;
        for page in 1..=most + 2 {
            cursor.settle(0, page, id(page), false);
        }
        assert_eq!(cursor.ends.len(), MOST_ENDS);
        assert_eq!(cursor.settle(0, 3, id(7), false), id(3));
        // An earlier one is what whoever walks there finds.
        assert_eq!(cursor.settle(0, 2, id(7), false), id(7));
        assert_eq!(cursor.asked(2).before, None);
        assert_eq!(
            cursor.asked(most + 9).before,
            Some((most + 2, id(most + 2)))
        );
        // So is one that is read in a run that is over.
        cursor.begin();
        assert_eq!(cursor.settle(0, 1, id(7), false), id(7));
        assert!(cursor.ends.is_empty());
    }
}
