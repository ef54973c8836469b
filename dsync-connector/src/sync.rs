//! Synchronisation: all records of an entity, page by page.
//!
//! The platform asks by number, and records come and go between two pages. So a page is not a position
//! but what follows the last record of the page before, which is remembered here: each record that is
//! there throughout is on exactly one page.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use dsync_core::wire::{Refusal, headers};
use dsync_core::{EntityId, EntityToken};
use http::{HeaderValue, Request, StatusCode};
use serde::Serialize;
use serde_json::value::RawValue;

use crate::about::About;
use crate::connector::logged;
use crate::entity::{Registered, primary_key};
use crate::handler::Handled;
use crate::reply::Reply;
use crate::{Connector, Context};

/// A run that was not asked for a page for so long is over.
const IDLE: Duration = Duration::from_secs(10 * 60);

/// How many pages' records the last page takes at most, where more were inserted meanwhile.
const LAST_PAGES: usize = 10;

/// Where the pages of each entity end.
#[derive(Debug, Default)]
pub(crate) struct Cursors {
    by_entity: Mutex<HashMap<&'static str, Cursor>>,
}

#[derive(Debug, Default)]
struct Cursor {
    /// By the number of the page, the id of its last record.
    ends: BTreeMap<u64, EntityId>,
    /// How many pages the answer to `total` promised.
    pages: Option<u64>,
    used: Duration,
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
            *cursor = Cursor::default();
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
                // Whoever counts begins a new run.
                self.0.cursors.with(name, now, |cursor| {
                    cursor.ends.clear();
                    cursor.pages = Some(pages);
                });
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
        let (name, limit) = (entity.entity.layout().name(), self.0.page_size);
        let cursors = &self.0.cursors;
        let now = || self.0.clock.elapsed();
        let (known, end, pages) = cursors.with(name, now(), |cursor| {
            // A new run, or the same question again, of which nothing follows yet.
            if page == 1 {
                cursor.ends.clear();
            }
            let before = cursor.ends.range(..page).next_back();
            let before = before.map(|(page, id)| (*page, id.clone()));
            (before, cursor.ends.get(&page).cloned(), cursor.pages)
        });
        // Pages that nobody asked for are walked through, from the last one whose end is known.
        let (mut number, mut after) = match known {
            Some((number, id)) => (number + 1, Some(id)),
            None => (1, None),
        };
        loop {
            let mut records = entity.entity.page(context, after.as_ref(), limit).await?;
            if number < page {
                let Some((last, _)) = records.pop() else {
                    return Ok(Vec::new());
                };
                cursors.with(name, now(), |cursor| {
                    cursor.ends.insert(number, last.clone());
                });
                after = Some(last);
                number += 1;
                continue;
            }
            // Asked again, a page ends where it did, so that the next one still follows it.
            if let Some(position) = records.iter().position(|(id, _)| Some(id) == end.as_ref()) {
                records.truncate(position + 1);
            } else if pages == Some(page) {
                // Who counts the pages by the total does not ask for another one.
                self.rest(entity, context, &mut records).await?;
            }
            if let Some((last, _)) = records.last() {
                cursors.with(name, now(), |cursor| {
                    cursor.ends.insert(page, last.clone());
                });
            }
            return Ok(records.into_iter().map(|(_, json)| json).collect());
        }
    }

    /// What was inserted since the total was told, and pushes others off the last page.
    async fn rest(
        &self,
        entity: &Registered,
        context: &Context,
        records: &mut Vec<(EntityId, Box<RawValue>)>,
    ) -> Handled<()> {
        let limit = self.0.page_size;
        let mut got = records.len();
        for _ in 1..LAST_PAGES {
            if got < limit {
                break;
            }
            let Some((last, _)) = records.last() else {
                break;
            };
            let last = last.clone();
            let more = entity.entity.page(context, Some(&last), limit).await?;
            got = more.len();
            records.extend(more);
        }
        Ok(())
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
