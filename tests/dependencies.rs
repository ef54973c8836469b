//! What the crates rest on.

use crate::support::cargo;

fn tree(arguments: &[&str]) -> Vec<String> {
    let mut all = vec!["tree", "-e", "normal", "--prefix", "none"];
    all.extend(arguments);
    cargo::ask(&all)
        .lines()
        .filter_map(|line| line.split(' ').next())
        .map(str::to_owned)
        .collect()
}

/// No sibling, no runtime, no HTTP library; the `http` types are fine.
#[test]
fn the_core_has_no_io() {
    let tree = tree(&["-p", "dsync-core"]);
    assert!(tree.contains(&"http".to_owned()));
    for package in &tree {
        let sibling = package.starts_with("dsync-") && package != "dsync-core";
        let io = [
            "tokio",
            "async-std",
            "smol",
            "mio",
            "hyper",
            "hyper-util",
            "reqwest",
            "ureq",
            "axum",
            "futures-executor",
        ]
        .contains(&package.as_str());
        assert!(!sibling && !io, "dsync-core rests on {package}");
    }
}

#[test]
fn without_the_client_no_http_library_is_built() {
    let tree = tree(&[
        "-p",
        "dsync-sdk",
        "--no-default-features",
        "--features",
        "derive",
    ]);
    assert!(tree.contains(&"dsync-derive".to_owned()));
    for library in ["reqwest", "hyper", "tokio", "rustls", "dsync-client"] {
        assert!(!tree.contains(&library.to_owned()), "{library} is built");
    }
}

/// Arrows go down only: client, outbox, connector and hub never import each other.
#[test]
fn siblings_do_not_import_each_other() {
    for (package, known) in [
        ("dsync-client", &["dsync-core"][..]),
        (
            "dsync-connector",
            &["dsync-core", "dsync-http", "dsync-sqlite"],
        ),
        ("dsync-hub", &["dsync-core", "dsync-http"]),
        ("dsync-outbox", &["dsync-core", "dsync-sqlite"]),
        ("dsync-http", &[]),
        ("dsync-sqlite", &[]),
    ] {
        for other in tree(&["-p", package, "--all-features"]) {
            let is_sibling = other.starts_with("dsync-") && other != package;
            assert!(
                !is_sibling || known.contains(&other.as_str()),
                "{package} rests on {other}"
            );
        }
    }
}
