//! One schedule: what happens to a program, by chance, and what has to be so at its end.

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use dsync_core::wire::{Operation, RealtimeRequest};
use dsync_core::{Clock, EntityId, EntityToken};
use dsync_derive::DsyncEntity;
use dsync_outbox::{ChangeId, Outbox, OutboxError, OutboxStore, State};
use pollster::block_on;
use serde::Serialize;
use tokio::sync::Mutex;

use super::chance::Chance;
use super::faulty::Faulty;
use super::ledger::Status;
use super::program::Program;
use super::world::{Tally, World};

#[derive(Clone, Serialize, DsyncEntity)]
#[dsync(crate = "dsync_core", entity_token = "shop-product-1")]
struct Product {
    #[dsync(primary_key)]
    sku: String,
    serial: u64,
}

/// It has no primary key.
#[derive(Clone, Serialize, DsyncEntity)]
#[dsync(crate = "dsync_core", entity_token = "shop-click-1")]
struct Click {
    serial: u64,
}

const ACTIONS: u64 = 30;
const RECORDS: usize = 3;

struct Schedule<F> {
    chance: Chance,
    world: World,
    open: F,
    /// Looks in without faults.
    store: Arc<dyn OutboxStore>,
    program: Program,
    is_sole: bool,
    serial: u64,
    /// Of a sole publisher's records: which one it is, and whether it is there.
    records: [(u64, bool); RECORDS],
    /// A sole publisher makes one call after the other for a record.
    turns: [Arc<Mutex<()>>; RECORDS],
}

/// Runs a schedule; an error says what is broken, and what has led to it.
pub(crate) async fn run(
    seed: u64,
    open: impl Fn() -> Arc<dyn OutboxStore>,
) -> Result<Tally, String> {
    let world = World::new(seed);
    world.now().platform.programs_key = Some(0);
    let mut chance = Chance::new(seed);
    let is_sole = chance.one_in(4);
    let program = Program::begin(&world, is_sole, &open);
    let mut schedule = Schedule {
        chance,
        world,
        store: open(),
        open,
        program,
        is_sole,
        serial: 0,
        records: [(0, false); RECORDS],
        turns: Default::default(),
    };
    schedule.program.send();
    let actions = 5 + schedule.chance.below(ACTIONS);
    for _ in 0..actions {
        schedule.act();
        schedule.pass().await;
        if schedule.world.is_broken() {
            break;
        }
    }
    schedule.drain().await;
    schedule.world.verdict()?;
    schedule.check_ends();
    schedule.world.verdict()?;
    let mut tally = schedule.world.now().tally;
    tally.schedules = 1;
    Ok(tally)
}

impl<F: Fn() -> Arc<dyn OutboxStore>> Schedule<F> {
    async fn pass(&mut self) {
        let time = match self.chance.below(10) {
            0..2 => Duration::ZERO,
            2..4 => self.chance.millis(1, 50),
            4..6 => self.chance.millis(50, 1_000),
            6..8 => self.chance.millis(1_000, 20_000),
            8 => self.chance.millis(20_000, 90_000),
            _ => self.chance.millis(90_000, 400_000),
        };
        self.program.pass(time).await;
    }

    fn act(&mut self) {
        match self.chance.below(24) {
            0..10 => {
                for _ in 0..1 + self.chance.below(4) {
                    self.enqueue();
                }
            }
            10..13 => self.crash(),
            13 => self.program.stop(),
            14 => self.set_clock(),
            15 => self.rotate(),
            16 => self.network(),
            17 => self.disk(),
            18..22 => self.mend(),
            22 => self.look(),
            _ => self.program.send(),
        }
        if !self.program.sends() && self.chance.one_in(3) {
            self.program.send();
        }
    }

    fn enqueue(&mut self) {
        let outbox = match self.chance.one_in(4) {
            true => self.program.other.clone(),
            false => self.program.outbox.clone(),
        };
        self.serial += 1;
        let serial = self.serial;
        if self.chance.one_in(6) {
            let click = Click { serial };
            return self.program.call(async move {
                // An error is known to the ledger.
                let _ = outbox.create(&click).await;
            });
        }
        let which = self.chance.below(RECORDS as u64) as usize;
        if self.is_sole {
            self.publish(outbox, which, serial);
        } else {
            self.change(outbox, which, serial);
        }
    }

    /// A record of a sole publisher is created once, and then updated or deleted.
    fn publish(&mut self, outbox: Outbox<Faulty>, which: usize, serial: u64) {
        let (generation, is_there) = &mut self.records[which];
        let operation = match *is_there {
            false => Operation::Create,
            true => self.chance.pick(&[Operation::Update, Operation::Delete]),
        };
        let sku = format!("r{which}-{generation}");
        *is_there = operation != Operation::Delete;
        if operation == Operation::Delete {
            *generation += 1;
        }
        let turn = Arc::clone(&self.turns[which]);
        self.program.call(async move {
            let _turn = turn.lock().await;
            typed(outbox, operation, Product { sku, serial }).await;
        });
    }

    fn change(&mut self, outbox: Outbox<Faulty>, which: usize, serial: u64) {
        use Operation::{Create, Delete, Update};

        let operation = self.chance.pick(&[Create, Update, Update, Update, Delete]);
        let sku = format!("r{which}");
        if !self.chance.one_in(4) {
            return self
                .program
                .call(typed(outbox, operation, Product { sku, serial }));
        }
        let token = EntityToken::new("shop-product-1").unwrap();
        let id = EntityId::new(&sku).unwrap();
        let json = format!(r#"{{ "serial": {serial}, "price": 1.10 }}"#);
        let request = match operation {
            Create => RealtimeRequest::create(token, json),
            Update => RealtimeRequest::update(token, json),
            Delete => RealtimeRequest::delete(token, id.clone()),
        };
        let request = match self.chance.one_in(2) {
            true => request.with_entity_id(id),
            false => request.with_id(id, "sku").unwrap(),
        };
        self.program.call(async move {
            let _ = outbox.send(request).await;
        });
    }

    fn crash(&mut self) {
        let mut state = self.world.now();
        state.note("crash", 0);
        state.tally.crashes += 1;
        drop(state);
        // This drops the old one, and with it its lease.
        self.program = Program::begin(&self.world, self.is_sole, || (self.open)());
        if !self.chance.one_in(4) {
            self.program.send();
        }
    }

    fn set_clock(&mut self) {
        // Not so far that it is forgotten how changes have ended.
        let by = self.chance.pick(&[-200_000, -3_600, -1, 1, 3_600, 200_000]);
        let mut state = self.world.now();
        state.note("clock set by", by);
        state.tally.clock_set += 1;
        let before = state.clock.now();
        state.clock.set(by);
        state.tally.clock_set_back += u64::from(state.clock.now() < before);
    }

    fn rotate(&mut self) {
        let mut state = self.world.now();
        let what = self.chance.below(6);
        state.note("keys", what as i64);
        state.tally.keys_rotated += u64::from(what == 0);
        let platform = &mut state.platform;
        match what {
            0 => platform.api_key += 1,
            1 => platform.has_firewall = !platform.has_firewall,
            2 => platform.programs_key = None,
            _ => {
                platform.programs_key = Some(platform.api_key);
                platform.has_firewall = false;
            }
        }
    }

    fn network(&mut self) {
        let mut state = self.world.now();
        let what = self.chance.below(4);
        state.note("network", what as i64);
        let platform = &mut state.platform;
        platform.is_down = what == 0;
        platform.is_overloaded = what == 1;
    }

    fn disk(&mut self) {
        let mut state = self.world.now();
        state.is_disk_full = !state.is_disk_full && self.chance.one_in(2);
        let is_full = i64::from(state.is_disk_full);
        state.note("disk full", is_full);
    }

    fn mend(&mut self) {
        let outbox = match self.chance.one_in(3) {
            true => self.program.other.clone(),
            false => self.program.outbox.clone(),
        };
        let state = self.world.now();
        let dead: Vec<ChangeId> = state
            .ledger
            .changes
            .iter()
            .filter(|(_, change)| matches!(change.status, Status::Dead { .. }))
            .map(|(id, _)| *id)
            .collect();
        if dead.is_empty() {
            return;
        }
        let id = self.chance.pick(&dead);
        let what = self.chance.below(5);
        let has_record = state.ledger.changes[&id].request.operation().has_record();
        drop(state);
        self.serial += 1;
        let json = Bytes::from(format!(r#"{{"serial":{},"edited":true}}"#, self.serial));
        self.program.call(async move {
            // Somebody else may have been faster.
            let _: Result<(), OutboxError> = match what {
                0 => outbox.retry(id).await.map_err(Into::into),
                1 if has_record => outbox.edit_raw(id, json).await,
                2 => outbox.drop(id).await.map_err(Into::into),
                3 => outbox.pass(id).await.map_err(Into::into),
                _ => outbox.retry_all().await.map(drop).map_err(Into::into),
            };
        });
    }

    /// Every change stands as the ledger says.
    fn look(&mut self) {
        let changes: Vec<_> = {
            let state = self.world.now();
            let changes = state.ledger.changes.iter();
            changes.map(|(id, change)| (*id, change.status)).collect()
        };
        for (id, status) in changes {
            let entry = block_on(self.store.show(id)).unwrap();
            let Some(entry) = entry else {
                return self.world.now().broken(format!("{id} is lost"));
            };
            let is_so = match (status, &entry.state) {
                (Status::Open, State::Pending | State::Held { .. })
                | (Status::Delivered | Status::TakenBack, State::Delivered { .. })
                | (Status::Dropped, State::Dropped) => true,
                (Status::Dead { holds }, State::Dead { holds: said }) => {
                    holds == *said && entry.failure.is_some()
                }
                (Status::Superseded { by }, State::Superseded { by: said }) => by == *said,
                _ => false,
            };
            if !is_so {
                let state = entry.state;
                return self
                    .world
                    .now()
                    .broken(format!("{id} is {state:?}, and should be {status:?}"));
            }
        }
    }

    fn calm_down(&self) {
        let mut state = self.world.now();
        state.note("calm", 0);
        state.is_calm = true;
        state.is_disk_full = false;
        let platform = &mut state.platform;
        platform.programs_key = Some(platform.api_key);
        platform.has_firewall = false;
        platform.is_down = false;
        platform.is_overloaded = false;
    }

    /// Faults end, and dead letters are retried: everything is delivered.
    async fn drain(&mut self) {
        self.calm_down();
        // Calls that are under way, to drop something for instance, have ended then.
        self.program.pass(Duration::from_secs(1)).await;
        for _ in 0..40 {
            if self.world.is_broken() {
                return;
            }
            if !self.program.sends() || self.program.is_lost() {
                self.program = Program::begin(&self.world, self.is_sole, || (self.open)());
                self.program.send();
            }
            for change in self.world.now().ledger.changes.values_mut() {
                // What was dropped may still be under way.
                change.is_bad &= change.status == Status::Dropped;
            }
            let outbox = self.program.other.clone();
            self.program.call(async move {
                let _ = outbox.retry_all().await;
            });
            self.program.pass(Duration::from_secs(400)).await;
            let counts = block_on(self.store.counts(None)).unwrap();
            if (counts.pending, counts.dead) == (0, 0) {
                self.stop().await;
                return;
            }
        }
        let counts = block_on(self.store.counts(None)).unwrap();
        self.world
            .now()
            .broken(format!("it does not drain: {counts:?}"));
    }

    async fn stop(&mut self) {
        self.program.stop();
        self.program.pass(Duration::from_secs(60)).await;
        if self.program.sends() {
            self.world.now().broken("the sender does not stop");
        }
    }

    /// Every change has ended as was promised, and the platform has what it should.
    fn check_ends(&mut self) {
        self.look();
        let mut state = self.world.now();
        let changes = state.ledger.changes.clone();
        for (id, change) in &changes {
            let expected = u32::from(change.status == Status::Delivered);
            if change.effects != expected {
                let (effects, status) = (change.effects, change.status);
                state.broken(format!("{id} is {status:?}, and has {effects} effects"));
            }
            if let Status::Superseded { by } = change.status
                && (by <= *id || changes.get(&by).is_none_or(|by| by.lane != change.lane))
            {
                state.broken(format!(
                    "{id} is superseded by {by}, which is none of its record"
                ));
            }
        }
        // As if each had been sent: the last one says how the record is. What was dropped was not sent, nor
        // what that had superseded.
        for change in changes.values() {
            let Some(lane) = &change.lane else { continue };
            let of_lane = || {
                changes
                    .values()
                    .filter(|other| other.lane.as_ref() == Some(lane))
            };
            if of_lane().any(|other| other.was_passed) {
                continue;
            }
            let is_sent = |status| !matches!(status, Status::Dropped | Status::Superseded { .. });
            let last = of_lane().rfind(|other| is_sent(other.status));
            let body = last.filter(|last| last.request.operation() != Operation::Delete);
            let body = body.map(|last| last.request.body());
            if state.platform.records.get(lane) != body {
                let (_, record) = lane;
                let is = state.platform.records.get(lane).cloned();
                state.broken(format!(
                    "the record {record:?} is {is:?}, and should be {body:?}"
                ));
            }
        }
    }
}

async fn typed(outbox: Outbox<Faulty>, operation: Operation, product: Product) {
    let kept = match operation {
        Operation::Create => outbox.create(&product).await,
        Operation::Update => outbox.update(&product).await,
        Operation::Delete => outbox.delete(&product).await,
    };
    // An error is known to the ledger, and what is kept, too.
    drop(kept);
}
