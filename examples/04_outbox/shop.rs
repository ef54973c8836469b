//! The shop: its own tables and the outbox in one SQLite file, and in one transaction.
//!
//! Nothing here knows that the shop is killed now and then.

use std::error::Error;

use dsync::Outbox;
use dsync::outbox::rusqlite::{
    self, Connection, OptionalExtension as _, Transaction, TransactionBehavior, params,
};
use fastrand::Rng;
use serde::{Deserialize, Serialize};

use crate::schema::{Line, Order};

const TABLES: &str = "
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS orders (
    number INTEGER PRIMARY KEY,
    customer TEXT NOT NULL,
    paid INTEGER NOT NULL,
    note TEXT
);
CREATE TABLE IF NOT EXISTS order_line (
    number INTEGER NOT NULL REFERENCES orders,
    position INTEGER NOT NULL,
    sku TEXT NOT NULL,
    qty INTEGER NOT NULL,
    price REAL NOT NULL,
    PRIMARY KEY (number, position)
);
-- One row: how far the day has come. It changes together with the orders, so after a restart no step is
-- done twice and none is left out.
CREATE TABLE IF NOT EXISTS day (
    step INTEGER NOT NULL,
    taken INTEGER NOT NULL,
    changed INTEGER NOT NULL,
    cancelled INTEGER NOT NULL
);
INSERT INTO day SELECT 0, 0, 0, 0 WHERE NOT EXISTS (SELECT * FROM day);
COMMIT;";

/// Only so many of the last orders change: customers soon know what they want.
const RECENT: u32 = 20;

/// How far the day has come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Day {
    pub(crate) step: u32,
    pub(crate) taken: u32,
    pub(crate) changed: u32,
    pub(crate) cancelled: u32,
}

pub(crate) struct Shop {
    outbox: Outbox,
    connection: Connection,
}

impl Shop {
    pub(crate) fn open(outbox: Outbox) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let connection = outbox.connect()?;
        connection.execute_batch(TABLES)?;
        Ok(Self { outbox, connection })
    }

    /// Takes an order, changes one or cancels one: what, the seed says. One transaction: the shop's own
    /// tables and what the platform is to hear of it, or neither. Nothing if all orders of the day are taken.
    pub(crate) fn step(
        &mut self,
        seed: u64,
        orders: u32,
    ) -> Result<Option<Day>, Box<dyn Error + Send + Sync>> {
        let transaction = self
            .connection
            .transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut day = read_day(&transaction)?;
        if day.taken >= orders {
            return Ok(None);
        }
        day.step += 1;
        let mut chance = Rng::with_seed(seed ^ u64::from(day.step));
        let news = self.outbox.enqueue_in(&transaction)?;
        match (chance.u8(..10), recent(&transaction, &mut chance)?) {
            (0, Some(order)) => {
                delete(&transaction, order.number)?;
                news.delete(&order)?;
                day.cancelled += 1;
            }
            (1..=3, Some(order)) => {
                let order = changed(order, &mut chance);
                delete(&transaction, order.number)?;
                insert(&transaction, &order)?;
                news.update(&order)?;
                day.changed += 1;
            }
            _ => {
                day.taken += 1;
                let order = new_order(day.taken, &mut chance);
                insert(&transaction, &order)?;
                news.create(&order)?;
            }
        }
        transaction.execute(
            "UPDATE day SET step = ?1, taken = ?2, changed = ?3, cancelled = ?4",
            params![day.step, day.taken, day.changed, day.cancelled],
        )?;
        transaction.commit()?;
        Ok(Some(day))
    }

    pub(crate) fn day(&self) -> rusqlite::Result<Day> {
        read_day(&self.connection)
    }

    /// All orders, from the shop's own tables.
    pub(crate) fn orders(&self) -> rusqlite::Result<Vec<Order>> {
        let mut numbers = self
            .connection
            .prepare("SELECT number FROM orders ORDER BY number")?;
        let numbers = numbers.query_map((), |row| row.get(0))?;
        numbers
            .map(|number| read(&self.connection, number?))
            .collect()
    }
}

fn read_day(connection: &Connection) -> rusqlite::Result<Day> {
    connection.query_one("SELECT * FROM day", (), |row| {
        Ok(Day {
            step: row.get("step")?,
            taken: row.get("taken")?,
            changed: row.get("changed")?,
            cancelled: row.get("cancelled")?,
        })
    })
}

/// One of the last orders, if there is one.
fn recent(connection: &Connection, chance: &mut Rng) -> rusqlite::Result<Option<Order>> {
    let number = connection
        .query_row(
            "SELECT number FROM orders ORDER BY number DESC LIMIT 1 OFFSET ?1",
            [chance.u32(..RECENT)],
            |row| row.get(0),
        )
        .optional()?;
    number.map(|number| read(connection, number)).transpose()
}

fn read(connection: &Connection, number: u32) -> rusqlite::Result<Order> {
    let mut lines = connection
        .prepare("SELECT sku, qty, price FROM order_line WHERE number = ?1 ORDER BY position")?;
    let lines = lines.query_map([number], |row| {
        Ok(Line {
            sku: row.get("sku")?,
            qty: row.get("qty")?,
            price: row.get("price")?,
        })
    })?;
    let lines = lines.collect::<Result<_, _>>()?;
    connection.query_one(
        "SELECT customer, paid, note FROM orders WHERE number = ?1",
        [number],
        |row| {
            Ok(Order {
                number,
                customer: row.get("customer")?,
                paid: row.get("paid")?,
                note: row.get("note")?,
                lines,
            })
        },
    )
}

fn insert(transaction: &Transaction<'_>, order: &Order) -> rusqlite::Result<()> {
    transaction.execute(
        "INSERT INTO orders VALUES (?1, ?2, ?3, ?4)",
        params![order.number, order.customer, order.paid, order.note],
    )?;
    let mut line = transaction.prepare("INSERT INTO order_line VALUES (?1, ?2, ?3, ?4, ?5)")?;
    for (position, Line { sku, qty, price }) in (1_u32..).zip(&order.lines) {
        line.execute(params![order.number, position, sku, qty, price])?;
    }
    Ok(())
}

fn delete(transaction: &Transaction<'_>, number: u32) -> rusqlite::Result<()> {
    transaction.execute("DELETE FROM order_line WHERE number = ?1", [number])?;
    transaction.execute("DELETE FROM orders WHERE number = ?1", [number])?;
    Ok(())
}

/// An order, with what often goes wrong on the way.
fn new_order(number: u32, chance: &mut Rng) -> Order {
    const NOTES: [&str; 4] = ["Größe \"M\" \\ 🙂", "NUL \0 and\nlines", "null", ""];
    let note = chance.choice(NOTES).filter(|_| chance.bool());
    Order {
        number,
        customer: format!("customer-{}@example.org", chance.u16(..)),
        paid: false,
        note: note.map(str::to_owned),
        lines: (0..chance.u8(1..4)).map(|_| new_line(chance)).collect(),
    }
}

fn new_line(chance: &mut Rng) -> Line {
    Line {
        sku: format!("S-{}", chance.u16(..)),
        qty: chance.u32(1..10),
        // Any float below 100: the shortest text that means it has up to 17 digits.
        price: chance.f64() * 100.0,
    }
}

/// The same order, after its customer has thought about it.
fn changed(order: Order, chance: &mut Rng) -> Order {
    let mut lines = order.lines;
    lines.push(new_line(chance));
    Order {
        paid: !order.paid,
        lines,
        ..order
    }
}

#[cfg(test)]
mod tests {
    use dsync::Outbox;
    use dsync::outbox::Filter;
    use dsync::wire::encode_record;

    use super::*;

    const SEED: u64 = 7;

    fn shop(folder: &tempfile::TempDir) -> Shop {
        Shop::open(Outbox::open(folder.path().join("shop.db")).unwrap()).unwrap()
    }

    #[test]
    fn a_day_that_is_cut_off_after_each_step_is_the_same_day() {
        let (folder, other) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        let mut whole = shop(&folder);
        while whole.step(SEED, 40).unwrap().is_some() {}
        while shop(&other).step(SEED, 40).unwrap().is_some() {}

        assert_eq!(whole.day().unwrap().taken, 40);
        assert_eq!(whole.day().unwrap(), shop(&other).day().unwrap());
        assert_eq!(whole.orders().unwrap(), shop(&other).orders().unwrap());
    }

    #[test]
    fn the_outbox_has_each_order_as_the_tables_have_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut shop = shop(&folder);
        // Nobody sends, so of each order there is one change that says all.
        while shop.step(SEED, 40).unwrap().is_some() {}

        let outbox = shop.outbox.blocking();
        for order in shop.orders().unwrap() {
            let changes = outbox.list(Filter::Pending, None, 100).unwrap();
            let change = changes.iter().find(|change| {
                let record = change.record.as_ref();
                record.is_some_and(|record| record.as_str() == order.number.to_string())
            });
            let kept = outbox.show(change.unwrap().id).unwrap().unwrap();
            assert_eq!(kept.body.unwrap(), encode_record(&order).unwrap());
        }
    }

    #[test]
    fn a_step_that_fails_leaves_neither_an_order_nor_the_news_of_it() {
        let folder = tempfile::tempdir().unwrap();
        let mut shop = shop(&folder);
        let fail =
            "CREATE TEMP TRIGGER fail BEFORE UPDATE ON day BEGIN SELECT RAISE(FAIL, 'no'); END";
        shop.connection.execute_batch(fail).unwrap();

        assert!(shop.step(SEED, 40).is_err());
        assert_eq!(shop.day().unwrap(), Day::default());
        assert_eq!(shop.orders().unwrap(), []);
        assert_eq!(shop.outbox.blocking().counts().unwrap().pending, 0);
    }
}
