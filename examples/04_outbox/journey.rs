//! The journey: the shop's day in many lives, and what the hub holds in the end.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::io;
use std::net::SocketAddr;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use bytes::Bytes;
use dsync::outbox::{Filter, State};
use dsync::prelude::*;
use dsync::wire::encode_record;
use dsync_hub::Hub;
use fastrand::Rng;
use indicatif::{ProgressBar, ProgressStyle};
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::net::TcpSocket;
use tokio::process::{Child, ChildStdin, ChildStdout, Command};

use crate::life::{Life, outbox};
use crate::schema::Order;
use crate::shop::{Day, Shop};

/// Every so many lives the network is gone for one.
const CUT_OFF_EACH: usize = 4;

/// A kill comes up to this long after the commit that the parent has waited for: so it hits whatever the
/// shop does then.
const MOMENT: Duration = Duration::from_millis(30);

/// What came of it.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) day: Day,
    pub(crate) kills: usize,
    /// Lives without a network.
    pub(crate) cut_off: usize,
    pub(crate) account: Account,
    /// Changes that took effect on the hub, and requests beyond them.
    pub(crate) effects: u64,
    pub(crate) repeated: u64,
    pub(crate) records: usize,
    pub(crate) differences: Vec<Difference>,
    pub(crate) time: Duration,
}

/// How the changes in the outbox have ended.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Account {
    pub(crate) kept: u64,
    pub(crate) delivered: u64,
    pub(crate) superseded: u64,
    /// Deletes of what was never sent.
    pub(crate) taken_back: u64,
    pub(crate) dead: u64,
    pub(crate) pending: u64,
}

/// An order that is not the same on both sides: its JSON on each, where it is there at all.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) id: String,
    pub(crate) shop: Option<Bytes>,
    pub(crate) hub: Option<Bytes>,
}

impl Outcome {
    /// The same orders on both sides, and each change that was delivered took effect once.
    pub(crate) fn is_good(&self) -> bool {
        self.differences.is_empty()
            && self.account.dead + self.account.pending == 0
            && self.effects == self.account.delivered
    }
}

pub(crate) async fn run(
    orders: u32,
    kills: usize,
    seed: u64,
    folder: &Path,
) -> Result<Outcome, Box<dyn Error>> {
    let start = Instant::now();
    let hub = Hub::builder()
        .data_layout(DataLayout::builder().entity::<Order>().build()?)
        .start()
        .await?;
    let life = Life {
        database: folder.join("shop.db"),
        orders,
        seed,
    };
    // A port that is taken, so that nobody else gets it, and at which nobody listens.
    let nowhere = TcpSocket::new_v4()?;
    nowhere.bind(SocketAddr::from(([127, 0, 0, 1], 0)))?;
    let cut_off = format!("http://{}/api/realtime", nowhere.local_addr()?);

    let mut chance = Rng::with_seed(seed);
    let mut targets: Vec<u32> = (0..kills).map(|_| chance.u32(..=orders)).collect();
    targets.sort_unstable();

    let mut outcome = Outcome::default();
    let progress = bar(orders);
    let mut shop = Running::new(&progress);
    for (number, taken) in targets.into_iter().enumerate() {
        let is_cut_off = number % CUT_OFF_EACH == 1;
        outcome.cut_off += usize::from(is_cut_off);
        let url = if is_cut_off {
            &cut_off
        } else {
            hub.realtime_url()
        };
        loop {
            shop.start(&life, &hub, url)?;
            shop.until(taken).await?;
            tokio::time::sleep(MOMENT.mul_f64(chance.f64())).await;
            // It may have come to the end of its day before.
            if shop.kill().await? {
                break;
            }
        }
        outcome.kills += 1;
    }
    shop.start(&life, &hub, hub.realtime_url())?;
    shop.until_it_ends().await?;
    progress.finish_and_clear();
    outcome.time = start.elapsed();

    let outbox = outbox(&life)?;
    outcome.account = Account::of(&outbox).await?;
    let books = Shop::open(outbox).map_err(|error| error as Box<dyn Error>)?;
    outcome.day = books.day()?;
    let mut shop = BTreeMap::<String, Bytes>::new();
    for order in books.orders()? {
        shop.insert(order.number.to_string(), encode_record(&order)?);
    }
    let held: BTreeMap<String, Bytes> = hub
        .records(Order::layout().name())
        .into_iter()
        .map(|record| (record.entity_id, record.body))
        .collect();
    outcome.records = held.len();
    outcome.differences = differences(&shop, &held);
    outcome.effects = hub.changes();
    outcome.repeated = hub.requests() - hub.changes();
    hub.shutdown().await;
    Ok(outcome)
}

/// The shop as a process of its own, one life after the other.
struct Running<'a> {
    alive: Option<(Child, ChildStdin, Lines<BufReader<ChildStdout>>)>,
    /// What the shop has told last: it is committed, so no later life may be behind it.
    day: Day,
    progress: &'a ProgressBar,
}

impl<'a> Running<'a> {
    fn new(progress: &'a ProgressBar) -> Self {
        Self {
            alive: None,
            day: Day::default(),
            progress,
        }
    }

    /// Starts this program again, as the shop.
    fn start(&mut self, life: &Life, hub: &Hub, url: &str) -> io::Result<()> {
        let mut child = Command::new(std::env::current_exe()?)
            .arg("shop")
            .arg(&life.database)
            .args([life.orders.to_string(), life.seed.to_string()])
            .env("DSYNC_AUTH_TOKEN", hub.auth_token().expose())
            .env("DSYNC_REALTIME_URL", url)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let (Some(input), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(io::Error::other("the shop has no pipes"));
        };
        self.alive = Some((child, input, BufReader::new(output).lines()));
        Ok(())
    }

    /// Waits until so many orders are taken, or the shop has ended.
    async fn until(&mut self, taken: u32) -> Result<(), Box<dyn Error>> {
        let Some((_, _, lines)) = &mut self.alive else {
            return Ok(());
        };
        while let Some(line) = lines.next_line().await? {
            let day: Day = serde_json::from_str(&line)?;
            if day.step < self.day.step {
                return Err(format!(
                    "the shop has committed step {}, and knows only of {} after a restart",
                    self.day.step, day.step
                )
                .into());
            }
            self.day = day;
            self.progress.set_position(day.taken.into());
            if day.taken >= taken {
                break;
            }
        }
        Ok(())
    }

    /// Kills the shop: no signal that it could see, no time to put anything in order. Gives whether it was
    /// still alive.
    async fn kill(&mut self) -> Result<bool, Box<dyn Error>> {
        let Some((mut child, _input, _output)) = self.alive.take() else {
            return Ok(false);
        };
        child.start_kill()?;
        let status = child.wait().await?;
        match status.code() {
            Some(0) => Ok(false),
            // On Windows who is killed has an exit code, too.
            Some(_) if cfg!(unix) => Err(ended(status)),
            _ => Ok(true),
        }
    }

    async fn until_it_ends(&mut self) -> Result<(), Box<dyn Error>> {
        // Nobody takes so many orders.
        self.until(u32::MAX).await?;
        let Some((mut child, _input, _output)) = self.alive.take() else {
            return Ok(());
        };
        let status = child.wait().await?;
        match status.success() {
            true => Ok(()),
            false => Err(ended(status)),
        }
    }
}

fn ended(status: ExitStatus) -> Box<dyn Error> {
    format!("the shop has ended by itself: {status}").into()
}

impl Account {
    async fn of(outbox: &dsync::Outbox) -> Result<Self, dsync::outbox::StoreError> {
        const PAGE: usize = 500;

        let mut account = Self::default();
        for filter in [Filter::Ended, Filter::Open] {
            let mut after = None;
            loop {
                let page = outbox.list(filter, after, PAGE).await?;
                let Some(last) = page.last() else { break };
                after = Some(last.id);
                for entry in &page {
                    account.count(&entry.state, entry.attempts);
                }
            }
        }
        Ok(account)
    }

    fn count(&mut self, state: &State, attempts: u32) {
        self.kept += 1;
        *match state {
            State::Delivered { .. } if attempts == 0 => &mut self.taken_back,
            State::Delivered { .. } => &mut self.delivered,
            State::Superseded { .. } => &mut self.superseded,
            State::Dead { .. } | State::Dropped => &mut self.dead,
            _ => &mut self.pending,
        } += 1;
    }
}

fn differences(shop: &BTreeMap<String, Bytes>, hub: &BTreeMap<String, Bytes>) -> Vec<Difference> {
    let ids: BTreeSet<&String> = shop.keys().chain(hub.keys()).collect();
    ids.into_iter()
        .filter(|id| shop.get(*id) != hub.get(*id))
        .map(|id| Difference {
            id: id.clone(),
            shop: shop.get(id).cloned(),
            hub: hub.get(id).cloned(),
        })
        .collect()
}

/// A bar on a terminal, nothing in a pipe.
fn bar(orders: u32) -> ProgressBar {
    ProgressBar::new(orders.into()).with_style(
        ProgressStyle::with_template("orders {wide_bar} {pos}/{len}, {eta} left")
            .unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_of_difference_is_found() {
        let orders = |orders: &[(&str, &'static str)]| -> BTreeMap<String, Bytes> {
            let orders = orders.iter();
            orders
                .map(|(id, body)| ((*id).to_owned(), Bytes::from_static(body.as_bytes())))
                .collect()
        };
        let shop = orders(&[("1", "{}"), ("2", r#"{"x":1}"#), ("3", "{}")]);
        let hub = orders(&[("2", r#"{"x":1.0}"#), ("3", "{}"), ("4", "{}")]);
        let found = differences(&shop, &hub);
        let found: Vec<_> = found
            .iter()
            .map(|found| (found.id.as_str(), found.shop.is_some(), found.hub.is_some()))
            .collect();
        assert_eq!(
            found,
            [("1", true, false), ("2", true, true), ("4", false, true)]
        );
    }

    #[test]
    fn an_effect_too_many_or_a_change_that_has_not_ended_is_not_good() {
        let account = |delivered, dead, pending| Account {
            delivered,
            dead,
            pending,
            ..Account::default()
        };
        let is_good = |account, effects| {
            let outcome = Outcome {
                account,
                effects,
                ..Outcome::default()
            };
            outcome.is_good()
        };
        assert!(is_good(account(3, 0, 0), 3));
        assert!(!is_good(account(3, 0, 0), 4));
        assert!(!is_good(account(3, 1, 0), 3));
        assert!(!is_good(account(3, 0, 1), 3));
    }
}
