//! The Python SDK as a real peer.
//!
//! `DSYNC_TEST_PYTHON` names an interpreter that has `dsync-sdk` and `requests`; CI makes one.
//! Without it the tests that need it say so and pass; with it, a missing package is a failure.

use std::path::{Path, PathBuf};
use std::process::Command;

pub(crate) struct Python(PathBuf);

/// Nothing, and a word about it, where there is no such interpreter.
pub(crate) fn with_the_sdk() -> Option<Python> {
    let Some(interpreter) = std::env::var_os("DSYNC_TEST_PYTHON") else {
        #[expect(clippy::print_stderr, reason = "a skipped test says so")]
        {
            eprintln!(
                "skipped: DSYNC_TEST_PYTHON names no Python with dsync-sdk and requests; `make python` makes one"
            );
        }
        return None;
    };
    Some(Python(interpreter.into()))
}

impl Python {
    /// Runs a script of `tests/python` and gives what it printed.
    pub(crate) fn run(&self, script: &str, arguments: &[&str]) -> String {
        let script = Path::new(env!("CARGO_MANIFEST_DIR"))
            .join("python")
            .join(script);
        let output = Command::new(&self.0)
            .arg(&script)
            .args(arguments)
            .env("NO_PROXY", "*")
            .output()
            .unwrap_or_else(|error| panic!("{} does not start: {error}", self.0.display()));
        assert!(
            output.status.success(),
            "{} failed:\n{}",
            script.display(),
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8(output.stdout).unwrap()
    }
}
