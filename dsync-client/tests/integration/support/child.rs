//! Tests that need another environment run themselves again in a process that has it.

use std::env;
use std::process::Command;

const MARK: &str = "DSYNC_TEST_IS_CHILD";

/// Whether this process is the one with the environment.
pub(crate) fn is_child() -> bool {
    env::var_os(MARK).is_some()
}

/// Runs the test of this name in a process with these variables. Its failure becomes this test's.
pub(crate) fn in_child(test: &str, variables: &[(&str, &str)]) {
    let output = Command::new(env::current_exe().unwrap())
        .args([test, "--exact", "--nocapture"])
        .env_remove("NO_PROXY")
        .env_remove("no_proxy")
        .env_remove("DSYNC_AUTH_TOKEN")
        .env_remove("DSYNC_REALTIME_URL")
        .env(MARK, "1")
        .envs(variables.iter().copied())
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{text}");
    assert!(
        text.contains("1 passed"),
        "no test has the name {test}: {text}"
    );
}
