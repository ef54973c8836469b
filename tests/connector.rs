//! The receiving half: what a connector answers, and what it leaves as it is.

mod echo;
mod fuzz;
mod hostile;
mod processes;
#[path = "../examples/02_receive/schema.rs"]
mod schema;
#[path = "../examples/02_receive/shop.rs"]
mod shop;
mod subject;
mod sync;
mod table;
mod updates;
