//! For the tests of programs that have layouts or send records.
//!
//! - [`assert_layout_matches`]: the layout is what serde writes;
//! - [`ScriptedTransport`]: a platform that answers from a script, in the place of HTTP;
//! - [`FakeClock`]: lets a minute pass in no time.

mod clock;
mod layout;
mod script;

pub use clock::FakeClock;
pub use layout::assert_layout_matches;
pub use script::{Reply, ScriptedTransport};
