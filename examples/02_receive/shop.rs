//! The shop: what is done with the records, over a SQLite file.
//!
//! One `impl Handler` an entity. Scalars are columns, so that they can be found; lists and parts are
//! JSON in a column.

use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use dsync::prelude::*;
use dsync::{Context, Handled, Handler, HandlerError};
use rusqlite::types::{FromSql, FromSqlError, FromSqlResult, ToSql, ToSqlOutput, ValueRef};
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

use super::schema::{Order, Product};

/// The column `created_by` makes a create happen exactly once: the row and the process that made it are
/// one write.
const TABLES: &str = "
create table if not exists products (
    sku text primary key not null,
    name text not null,
    price real,
    active integer not null,
    tags text not null,
    inventory text not null,
    created_at text not null default current_timestamp,
    created_by text unique
) strict;
create table if not exists orders (
    id integer primary key autoincrement,
    reference text unique,
    customer text not null,
    paid integer not null,
    note text,
    lines text not null,
    created_by text unique
) strict;";

/// The shop's tables. Clones are handles of the same file.
#[derive(Clone)]
pub(crate) struct Shop {
    connection: Arc<Mutex<Connection>>,
}

impl Shop {
    /// Opens the file; it is made if it does not exist.
    pub(crate) fn open(path: impl AsRef<Path>) -> rusqlite::Result<Self> {
        let connection = Connection::open(path)?;
        // Another program may be at the file: a backup, or a person with `sqlite3`.
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(TABLES)?;
        Ok(Self {
            connection: Arc::new(Mutex::new(connection)),
        })
    }

    /// All rows as text: two shops that hold the same give the same.
    #[cfg(test)]
    pub(crate) fn dump(&self) -> rusqlite::Result<String> {
        let connection = self.lock();
        let mut dump = String::new();
        for table in ["products", "orders"] {
            let mut select = connection.prepare(&format!("select * from {table} order by 1"))?;
            let columns = select.column_count();
            let mut rows = select.query([])?;
            while let Some(row) = rows.next()? {
                let values: Vec<rusqlite::types::Value> = (0..columns)
                    .map(|column| row.get(column))
                    .collect::<Result<_, _>>()?;
                dump.push_str(&format!("{table} {values:?}\n"));
            }
        }
        Ok(dump)
    }

    /// Uses the file on a thread that may block: on the runtime's own threads a slow disk would stop
    /// every other request. One connection, because SQLite writes one after another anyway.
    async fn with<R: Send + 'static>(
        &self,
        act: impl FnOnce(&mut Connection) -> Handled<R> + Send + 'static,
    ) -> Handled<R> {
        let shop = self.clone();
        tokio::task::spawn_blocking(move || act(&mut shop.lock())).await?
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Connection> {
        // After a panic SQLite has rolled back what was not committed.
        self.connection
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
    }
}

/// The fields with a column of their own, by which records can be found.
const PRODUCT_COLUMNS: &[&str] = &["sku", "name", "price", "active", "created_at"];
const ORDER_COLUMNS: &[&str] = &["id", "reference", "customer", "paid", "note"];

impl Handler<Product> for Shop {
    type Id = String;

    async fn create(&self, context: &Context, product: Product) -> Handled<String> {
        check_product(&product)?;
        let attempt = Attempt::of(context);
        self.with(move |connection| {
            if let Some(sku) = attempt.created(connection, "select sku from products")? {
                return Ok(sku);
            }
            let inserted = connection.execute(
                "insert into products (sku, name, price, active, tags, inventory, created_by)
                 values (?1, ?2, ?3, ?4, ?5, ?6, ?7) on conflict (sku) do nothing",
                params![
                    product.sku,
                    product.name,
                    product.price,
                    product.active,
                    Json(&product.tags),
                    Json(&product.inventory),
                    attempt.process_id,
                ],
            )?;
            if inserted == 0 {
                return Err(HandlerError::refused(format!(
                    "there is a product {:?} already: update that one",
                    product.sku
                )));
            }
            Ok(product.sku)
        })
        .await
    }

    async fn read(&self, _context: &Context, sku: &String) -> Handled<Option<Product>> {
        let sku = sku.clone();
        self.with(move |connection| {
            let select = "select * from products where sku = ?1";
            Ok(connection.query_row(select, [sku], product).optional()?)
        })
        .await
    }

    async fn store(&self, _context: &Context, sku: &String, product: Product) -> Handled<()> {
        check_product(&product)?;
        if product.sku != *sku {
            // Orders name their products by it.
            return Err(HandlerError::fault(
                treekey!(Product.sku),
                "a product keeps its SKU: create another one, and delete this one",
            ));
        }
        self.with(move |connection| {
            let updated = connection.execute(
                "update products set name = ?2, price = ?3, active = ?4, tags = ?5, inventory = ?6
                 where sku = ?1",
                params![
                    product.sku,
                    product.name,
                    product.price,
                    product.active,
                    Json(&product.tags),
                    Json(&product.inventory),
                ],
            )?;
            found(updated)
        })
        .await
    }

    async fn delete(&self, context: &Context, sku: &String) -> Handled<()> {
        let (sku, attempt) = (sku.clone(), Attempt::of(context));
        self.with(move |connection| {
            attempt.deleted(connection.execute("delete from products where sku = ?1", [sku])?)
        })
        .await
    }

    fn finds_by(&self, field: &str) -> bool {
        PRODUCT_COLUMNS.contains(&field)
    }

    async fn find(
        &self,
        _context: &Context,
        field: &str,
        value: &Value,
    ) -> Handled<Option<String>> {
        let column = one_of(PRODUCT_COLUMNS, field)?;
        let value = sql_value(value);
        self.with(move |connection| {
            let select = format!("select sku from products where {column} = ?1 limit 2");
            the_only(connection, &select, value)
        })
        .await
    }

    async fn count(&self, _context: &Context) -> Handled<u64> {
        self.with(|connection| count(connection, "select count(*) from products"))
            .await
    }

    async fn page(
        &self,
        _context: &Context,
        after: Option<&String>,
        limit: usize,
    ) -> Handled<Vec<Product>> {
        let after = after.cloned();
        self.with(move |connection| {
            let mut select = connection.prepare(
                "select * from products where ?1 is null or sku > ?1 order by sku limit ?2",
            )?;
            let products = select.query_map(params![after, limit as i64], product)?;
            Ok(products.collect::<Result<_, _>>()?)
        })
        .await
    }
}

impl Handler<Order> for Shop {
    type Id = u32;

    async fn create(&self, context: &Context, order: Order) -> Handled<u32> {
        check_order(&order)?;
        let attempt = Attempt::of(context);
        self.with(move |connection| {
            if let Some(id) = attempt.created(connection, "select id from orders")? {
                return Ok(id);
            }
            // Nobody deletes the product between the look and the insert.
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            products_exist(&transaction, &order)?;
            let inserted = transaction.execute(
                "insert into orders (reference, customer, paid, note, lines, created_by)
                 values (?1, ?2, ?3, ?4, ?5, ?6) on conflict (reference) do nothing",
                params![
                    order.reference,
                    order.customer,
                    order.paid,
                    order.note,
                    Json(&order.lines),
                    attempt.process_id,
                ],
            )?;
            if inserted == 0 {
                return Err(reference_taken());
            }
            let id = transaction.last_insert_rowid();
            transaction.commit()?;
            Ok(u32::try_from(id)?)
        })
        .await
    }

    async fn read(&self, _context: &Context, id: &u32) -> Handled<Option<Order>> {
        let id = *id;
        self.with(move |connection| {
            let select = "select * from orders where id = ?1";
            Ok(connection.query_row(select, [id], order).optional()?)
        })
        .await
    }

    async fn store(&self, _context: &Context, id: &u32, order: Order) -> Handled<()> {
        check_order(&order)?;
        let id = *id;
        self.with(move |connection| {
            let transaction =
                connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
            products_exist(&transaction, &order)?;
            let updated = transaction.execute(
                "update orders set reference = ?2, customer = ?3, paid = ?4, note = ?5, lines = ?6
                 where id = ?1",
                params![
                    id,
                    order.reference,
                    order.customer,
                    order.paid,
                    order.note,
                    Json(&order.lines),
                ],
            );
            match updated {
                Err(rusqlite::Error::SqliteFailure(error, _))
                    if error.code == ErrorCode::ConstraintViolation =>
                {
                    return Err(reference_taken());
                }
                updated => found(updated?)?,
            }
            Ok(transaction.commit()?)
        })
        .await
    }

    async fn delete(&self, context: &Context, id: &u32) -> Handled<()> {
        let (id, attempt) = (*id, Attempt::of(context));
        self.with(move |connection| {
            attempt.deleted(connection.execute("delete from orders where id = ?1", [id])?)
        })
        .await
    }

    fn finds_by(&self, field: &str) -> bool {
        ORDER_COLUMNS.contains(&field)
    }

    async fn find(&self, _context: &Context, field: &str, value: &Value) -> Handled<Option<u32>> {
        let column = one_of(ORDER_COLUMNS, field)?;
        let value = sql_value(value);
        self.with(move |connection| {
            let select = format!("select id from orders where {column} = ?1 limit 2");
            the_only(connection, &select, value)
        })
        .await
    }

    async fn count(&self, _context: &Context) -> Handled<u64> {
        self.with(|connection| count(connection, "select count(*) from orders"))
            .await
    }

    async fn page(
        &self,
        _context: &Context,
        after: Option<&u32>,
        limit: usize,
    ) -> Handled<Vec<Order>> {
        let after = after.copied();
        self.with(move |connection| {
            let mut select = connection
                .prepare("select * from orders where ?1 is null or id > ?1 order by id limit ?2")?;
            let orders = select.query_map(params![after, limit as i64], order)?;
            Ok(orders.collect::<Result<_, _>>()?)
        })
        .await
    }
}

/// Whose change it is, and whether an earlier attempt at it may have taken effect: the program may have
/// been killed after the shop's commit and before the connector's note of it.
struct Attempt {
    process_id: Option<String>,
    is_first: bool,
}

impl Attempt {
    fn of(context: &Context) -> Self {
        Self {
            process_id: context.process_id().map(|id| id.as_str().to_owned()),
            is_first: context.attempt() == 1,
        }
    }

    /// The row that an earlier attempt of the same process has made.
    fn created<I: FromSql>(&self, connection: &Connection, select: &str) -> Handled<Option<I>> {
        if self.is_first {
            return Ok(None);
        }
        let select = format!("{select} where created_by = ?1");
        let made = connection.query_row(&select, [&self.process_id], |row| row.get(0));
        Ok(made.optional()?)
    }

    /// Nothing to delete is as good as a success if an earlier attempt may have deleted it.
    fn deleted(&self, rows: usize) -> Handled<()> {
        if self.is_first { found(rows) } else { Ok(()) }
    }
}

/// Products and orders travel on different ways, so a product may be late. Then the order is not lost: the
/// connector keeps it, and tries again by itself.
fn products_exist(connection: &Connection, order: &Order) -> Handled<()> {
    for line in &order.lines {
        let select = "select exists (select 1 from products where sku = ?1)";
        if !connection.query_row(select, [&line.sku], |row| row.get(0))? {
            return Err(HandlerError::later(format!(
                "there is no product {:?} yet",
                line.sku
            )));
        }
    }
    Ok(())
}

/// What the layout cannot say.
fn check_product(product: &Product) -> Handled<()> {
    match product.price {
        Some(price) if price < 0.0 => Err(HandlerError::fault(
            treekey!(Product.price),
            "must not be negative",
        )),
        _ => Ok(()),
    }
}

fn check_order(order: &Order) -> Handled<()> {
    if order.lines.is_empty() {
        return Err(HandlerError::fault(
            treekey!(Order.lines),
            "an order has at least one line",
        ));
    }
    Ok(())
}

/// The id of the one record that was selected. A value that two records have names neither of them.
fn the_only<I: FromSql>(
    connection: &Connection,
    select: &str,
    value: rusqlite::types::Value,
) -> Handled<Option<I>> {
    let mut select = connection.prepare(select)?;
    let mut rows = select.query([value])?;
    let Some(first) = rows.next()? else {
        return Ok(None);
    };
    let id = first.get(0)?;
    match rows.next()? {
        None => Ok(Some(id)),
        Some(_) => Err(HandlerError::refused(
            "several records have this value, so it names none of them",
        )),
    }
}

fn reference_taken() -> HandlerError {
    HandlerError::fault(treekey!(Order.reference), "another order has it already")
}

fn found(rows: usize) -> Handled<()> {
    match rows {
        0 => Err(HandlerError::not_found()),
        _ => Ok(()),
    }
}

fn count(connection: &Connection, select: &str) -> Handled<u64> {
    let count: i64 = connection.query_row(select, [], |row| row.get(0))?;
    Ok(u64::try_from(count)?)
}

/// A column of this name. What came over the network never becomes SQL.
fn one_of(columns: &[&'static str], field: &str) -> Handled<&'static str> {
    let column = columns.iter().find(|column| **column == field);
    column.copied().ok_or_else(|| {
        HandlerError::refused(format!(
            "the shop cannot find records by {field:?}, but by {}",
            columns.join(", ")
        ))
    })
}

/// Null equals nothing in SQL, so nothing is found by it.
fn sql_value(value: &Value) -> rusqlite::types::Value {
    match value {
        Value::Bool(value) => i64::from(*value).into(),
        Value::Number(number) => match (number.as_i64(), number.as_f64()) {
            (Some(integer), _) => integer.into(),
            (None, real) => real.into(),
        },
        Value::String(text) => text.clone().into(),
        Value::Null | Value::Array(_) | Value::Object(_) => rusqlite::types::Value::Null,
    }
}

fn product(row: &Row<'_>) -> rusqlite::Result<Product> {
    let (Json(tags), Json(inventory)) = (row.get("tags")?, row.get("inventory")?);
    Ok(Product {
        sku: row.get("sku")?,
        name: row.get("name")?,
        price: row.get("price")?,
        active: row.get("active")?,
        tags,
        inventory,
        created_at: row.get("created_at")?,
    })
}

fn order(row: &Row<'_>) -> rusqlite::Result<Order> {
    let Json(lines) = row.get("lines")?;
    Ok(Order {
        id: row.get("id")?,
        reference: row.get("reference")?,
        customer: row.get("customer")?,
        paid: row.get("paid")?,
        note: row.get("note")?,
        lines,
    })
}

/// A list or a part, as JSON in a column.
struct Json<T>(T);

impl<T: Serialize> ToSql for Json<T> {
    fn to_sql(&self) -> rusqlite::Result<ToSqlOutput<'_>> {
        let json = serde_json::to_string(&self.0)
            .map_err(|error| rusqlite::Error::ToSqlConversionFailure(Box::new(error)))?;
        Ok(json.into())
    }
}

impl<T: DeserializeOwned> FromSql for Json<T> {
    fn column_result(value: ValueRef<'_>) -> FromSqlResult<Self> {
        let json = value.as_str()?;
        let value =
            serde_json::from_str(json).map_err(|error| FromSqlError::Other(error.into()))?;
        Ok(Self(value))
    }
}

#[cfg(test)]
mod tests {
    use std::time::SystemTime;

    use dsync::connector::{Fingerprint, Inbox as _, MemoryInbox};
    use dsync::wire::EntityRequest;
    use dsync::{AuthToken, Connector};

    use super::super::schema::{Inventory, Line};
    use super::*;

    fn shop() -> Shop {
        Shop::open(":memory:").unwrap()
    }

    fn context() -> Context {
        Context::new("t".parse().unwrap())
    }

    fn a_product(sku: &str) -> Product {
        Product {
            sku: sku.to_owned(),
            name: "nul \0, quote ', emoji 🙂".to_owned(),
            price: Some(0.1 + 0.2),
            active: true,
            tags: vec!["a\"b".to_owned(), String::new()],
            inventory: Inventory {
                qty: u32::MAX,
                min_qty: None,
            },
            created_at: None,
        }
    }

    fn an_order(skus: &[&str]) -> Order {
        Order {
            id: 0,
            reference: None,
            customer: "ann@example.org".to_owned(),
            paid: false,
            note: Some(String::new()),
            lines: skus
                .iter()
                .map(|sku| Line {
                    sku: (*sku).to_owned(),
                    qty: 1,
                    price: None,
                })
                .collect(),
        }
    }

    #[tokio::test]
    async fn a_product_comes_back_as_it_went_in() {
        let (shop, context) = (shop(), context());
        let sku = shop.create(&context, a_product("S-1")).await.unwrap();
        let read = Handler::<Product>::read(&shop, &context, &sku).await;
        let read = read.unwrap().unwrap();
        let created_at = read.created_at.clone();
        assert_eq!(
            created_at.as_deref().map(str::len),
            Some("YYYY-MM-DD HH:mm:ss".len())
        );
        assert_eq!(
            read,
            Product {
                created_at,
                ..a_product("S-1")
            }
        );
    }

    #[tokio::test]
    async fn what_is_refused_changes_nothing() {
        let (shop, context) = (shop(), context());
        shop.create(&context, a_product("S-1")).await.unwrap();
        shop.create(&context, an_order(&["S-1"])).await.unwrap();
        let before = shop.dump().unwrap();

        let free = Product {
            price: Some(-0.5),
            ..a_product("S-2")
        };
        let sku = "S-1".to_owned();
        assert!(shop.create(&context, a_product("S-1")).await.is_err());
        assert!(shop.create(&context, free).await.is_err());
        assert!(shop.store(&context, &sku, a_product("S-2")).await.is_err());
        assert!(shop.create(&context, an_order(&[])).await.is_err());
        let late = shop.create(&context, an_order(&["S-1", "S-9"])).await;
        assert_eq!(
            late.unwrap_err().to_string(),
            "there is no product \"S-9\" yet"
        );
        assert!(shop.store(&context, &9, an_order(&["S-1"])).await.is_err());
        assert!(shop.store(&context, &1, an_order(&["S-9"])).await.is_err());
        assert!(Handler::<Order>::delete(&shop, &context, &9).await.is_err());
        assert_eq!(shop.dump().unwrap(), before);
    }

    #[tokio::test]
    async fn a_value_that_two_records_have_names_neither() {
        let (shop, context) = (shop(), context());
        shop.create(&context, a_product("S-1")).await.unwrap();
        let name = Value::from(a_product("").name);
        let found = Handler::<Product>::find(&shop, &context, "name", &name).await;
        assert_eq!(found.unwrap().as_deref(), Some("S-1"));
        shop.create(&context, a_product("S-2")).await.unwrap();
        let found = Handler::<Product>::find(&shop, &context, "name", &name).await;
        assert!(found.is_err());
    }

    #[tokio::test]
    async fn a_field_that_is_no_column_is_never_sql() {
        let (shop, context) = (shop(), context());
        for field in ["tags", "created_by", "sku = sku or sku", ""] {
            let found = Handler::<Product>::find(&shop, &context, field, &Value::Null).await;
            assert!(found.is_err(), "{field:?}");
        }
        for field in ["sku", "name", "price", "active", "created_at"] {
            let found = Handler::<Product>::find(&shop, &context, field, &Value::Null).await;
            assert_eq!(found.unwrap(), None);
        }
    }

    #[tokio::test]
    async fn a_create_that_was_cut_off_after_the_commit_is_not_done_twice() {
        let shop = shop();
        shop.create(&context(), a_product("S-1")).await.unwrap();
        let body = serde_json::to_vec(&an_order(&["S-1"])).unwrap();
        let request = EntityRequest::create("p-1".parse().unwrap(), body);
        let fingerprint = Fingerprint::of(Order::layout().name(), &request);
        let url = "http://shop.example/entity/order".parse().unwrap();
        let http = || request.encode(&url, &AuthToken::new("key").unwrap());
        let connector = |inbox| {
            let builder = Connector::builder("key")
                .entity::<Product>(shop.clone())
                .entity::<Order>(shop.clone());
            builder.switched_on(true).inbox(inbox).build().unwrap()
        };

        let first = connector(MemoryInbox::new()).handle(http()).await;
        // What the connector knows if the program was killed right after the shop's commit.
        let cut_off = MemoryInbox::new();
        let (id, now) = (request.process_id(), SystemTime::now());
        cut_off.begin(id, fingerprint, 1, now).await.unwrap();
        let second = connector(cut_off).handle(http()).await;

        assert_eq!(
            (first.status(), second.status()),
            (201.try_into().unwrap(), first.status())
        );
        assert_eq!(first.body(), second.body());
        assert_eq!(Handler::<Order>::count(&shop, &context()).await.unwrap(), 1);
    }
}
