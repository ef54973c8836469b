//! Questions to cargo about this workspace.

use std::process::{Command, Output};

/// What cargo prints. It is asked without the network first; on a fresh machine the packages of
/// optional features are not there yet, and a second question fetches them.
pub(crate) fn ask(arguments: &[&str]) -> String {
    let mut output = run(arguments, &["--offline"]);
    if !output.status.success() {
        output = run(arguments, &[]);
    }
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8(output.stdout).unwrap()
}

fn run(arguments: &[&str], network: &[&str]) -> Output {
    Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--locked")
        .args(network)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap()
}
