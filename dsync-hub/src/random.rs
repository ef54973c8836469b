//! Names that nobody can guess.

use std::fmt::Write as _;

/// 128 random bits as 32 hex digits: a process id, or a generated API key.
pub(crate) fn hex_128() -> String {
    let mut bits = [0; 16];
    getrandom::fill(&mut bits).expect("the operating system has a source of random numbers");
    bits.iter()
        .fold(String::with_capacity(32), |mut text, byte| {
            write!(text, "{byte:02x}").expect("a String takes any text");
            text
        })
}
