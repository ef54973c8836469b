//! A schema that nobody here wrote: the types of the crate `cargo_metadata`, mirrored field by field
//! with their serde attributes, against what cargo really says about this workspace.

use std::collections::BTreeMap;
use std::path::PathBuf;

use dsync::prelude::*;
use dsync::testing::assert_layout_matches;
use serde::{Deserialize, Deserializer, Serialize};

use crate::support::cargo;

fn is_null(value: &serde_json::Value) -> bool {
    value.is_null()
}

fn yes() -> bool {
    true
}

fn null_is_normal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<DependencyKind, D::Error> {
    Option::deserialize(deserializer).map(Option::unwrap_or_default)
}

fn lenient<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Version>, D::Error> {
    Option::deserialize(deserializer)
}

#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
struct Metadata {
    packages: Vec<Package>,
    workspace_members: Vec<PackageId>,
    #[serde(default, skip_serializing_if = "WorkspaceDefaultMembers::is_missing")]
    workspace_default_members: WorkspaceDefaultMembers,
    resolve: Option<Resolve>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
    build_directory: Option<PathBuf>,
    #[serde(rename = "metadata", default, skip_serializing_if = "is_null")]
    workspace_metadata: serde_json::Value,
    version: usize,
}

#[derive(Clone, Default, Serialize, Deserialize, FieldValue)]
#[serde(transparent)]
struct WorkspaceDefaultMembers(Option<Vec<PackageId>>);

impl WorkspaceDefaultMembers {
    fn is_missing(&self) -> bool {
        self.0.is_none()
    }
}

#[derive(Clone, Serialize, Deserialize, FieldValue)]
#[serde(transparent)]
struct PackageId {
    repr: String,
}

#[derive(Clone, Serialize, Deserialize, FieldValue)]
#[serde(transparent)]
struct Source {
    repr: String,
}

#[derive(Clone, Serialize, Deserialize, FieldValue)]
struct Version(String);

#[derive(Clone, Serialize, Deserialize, DsyncObject)]
struct Resolve {
    nodes: Vec<Node>,
    root: Option<PackageId>,
}

#[derive(Clone, Serialize, Deserialize, DsyncObject)]
struct Node {
    id: PackageId,
    #[serde(default)]
    deps: Vec<NodeDep>,
    dependencies: Vec<PackageId>,
    #[serde(default)]
    features: Vec<String>,
}

#[derive(Clone, Serialize, Deserialize, DsyncObject)]
struct NodeDep {
    name: String,
    pkg: PackageId,
    #[serde(default)]
    dep_kinds: Vec<DepKindInfo>,
}

#[derive(Clone, Serialize, Deserialize, DsyncObject)]
struct DepKindInfo {
    #[serde(deserialize_with = "null_is_normal")]
    kind: DependencyKind,
    target: Option<String>,
}

#[derive(Clone, Default, Serialize, Deserialize, FieldValue)]
enum DependencyKind {
    #[serde(rename = "normal")]
    #[default]
    Normal,
    #[serde(rename = "dev")]
    Development,
    #[serde(rename = "build")]
    Build,
    #[doc(hidden)]
    #[serde(other)]
    Unknown,
}

#[derive(Clone, Serialize, Deserialize, DsyncEntity)]
struct Package {
    name: String,
    version: Version,
    #[serde(default)]
    authors: Vec<String>,
    #[dsync(primary_key)]
    id: PackageId,
    source: Option<Source>,
    description: Option<String>,
    dependencies: Vec<Dependency>,
    license: Option<String>,
    license_file: Option<PathBuf>,
    targets: Vec<Target>,
    features: BTreeMap<String, Vec<String>>,
    manifest_path: PathBuf,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
    readme: Option<PathBuf>,
    repository: Option<String>,
    homepage: Option<String>,
    documentation: Option<String>,
    #[serde(default)]
    edition: Edition,
    #[serde(default, skip_serializing_if = "is_null")]
    metadata: serde_json::Value,
    links: Option<String>,
    publish: Option<Vec<String>>,
    default_run: Option<String>,
    #[serde(default)]
    #[serde(deserialize_with = "lenient")]
    rust_version: Option<Version>,
}

#[derive(Clone, Serialize, Deserialize, DsyncObject)]
struct Dependency {
    name: String,
    source: Option<Source>,
    req: String,
    #[serde(deserialize_with = "null_is_normal")]
    kind: DependencyKind,
    optional: bool,
    uses_default_features: bool,
    features: Vec<String>,
    target: Option<String>,
    rename: Option<String>,
    registry: Option<String>,
    path: Option<PathBuf>,
}

#[derive(Clone, Serialize, Deserialize, DsyncObject)]
struct Target {
    name: String,
    kind: Vec<TargetKind>,
    #[serde(default)]
    crate_types: Vec<TargetKind>,
    #[serde(default)]
    #[serde(rename = "required-features")]
    required_features: Vec<String>,
    src_path: PathBuf,
    #[serde(default)]
    edition: Edition,
    #[serde(default = "yes")]
    doctest: bool,
    #[serde(default = "yes")]
    test: bool,
    #[serde(default = "yes")]
    doc: bool,
}

/// A variant with data has no field type of its own; what serde writes is a text all the same.
#[derive(Clone, Serialize, Deserialize, FieldValue)]
#[dsync(type = "text")]
enum TargetKind {
    #[serde(rename = "bin")]
    Bin,
    #[serde(rename = "lib")]
    Lib,
    #[serde(rename = "proc-macro")]
    ProcMacro,
    #[serde(untagged)]
    Unknown(String),
}

#[derive(Clone, Default, Serialize, Deserialize, FieldValue)]
enum Edition {
    #[serde(rename = "2015")]
    #[default]
    E2015,
    #[serde(rename = "2018")]
    E2018,
    #[serde(rename = "2021")]
    E2021,
    #[serde(rename = "2024")]
    E2024,
}

fn real() -> Metadata {
    let json = cargo::ask(&["metadata", "--format-version", "1"]);
    serde_json::from_str(&json).unwrap()
}

/// A package that has everything, because no real one does.
fn full(mut package: Package) -> Package {
    let text = || Some("x".to_owned());
    package.source = Some(Source {
        repr: String::new(),
    });
    package.description = text();
    package.license = text();
    package.license_file = Some(PathBuf::from("LICENSE"));
    package.readme = Some(PathBuf::from("README"));
    package.repository = text();
    package.homepage = text();
    package.documentation = text();
    package.links = text();
    package.default_run = text();
    package.metadata = serde_json::json!({"a": 1});
    package.publish = Some(vec![String::new()]);
    package.rust_version = Some(Version("1".to_owned()));
    package.dependencies = vec![Dependency {
        name: String::new(),
        source: package.source.clone(),
        req: String::new(),
        kind: DependencyKind::Unknown,
        optional: false,
        uses_default_features: false,
        features: vec![String::new()],
        target: text(),
        rename: text(),
        registry: text(),
        path: Some(PathBuf::new()),
    }];
    package
}

#[test]
fn every_real_package_fits_the_layout() {
    let metadata = real();
    assert!(metadata.packages.len() > 100);
    for package in &metadata.packages {
        let record = serde_json::to_value(package).unwrap();
        let valid = Package::layout().validate(&record).unwrap();
        assert_eq!(valid.unknown_keys(), [] as [&str; 0]);
    }
    let full = full(metadata.packages[0].clone());
    assert_layout_matches(metadata.packages.iter().cloned().chain([full]));
}

#[test]
fn the_whole_of_it_fits_its_layout() {
    let metadata = real();
    let with_everything = Metadata {
        packages: vec![full(metadata.packages[0].clone())],
        resolve: Some(Resolve {
            nodes: vec![Node {
                id: metadata.packages[0].id.clone(),
                deps: vec![NodeDep {
                    name: String::new(),
                    pkg: metadata.packages[0].id.clone(),
                    dep_kinds: vec![DepKindInfo {
                        kind: DependencyKind::Normal,
                        target: Some("cfg(unix)".to_owned()),
                    }],
                }],
                dependencies: Vec::new(),
                features: Vec::new(),
            }],
            root: Some(metadata.packages[0].id.clone()),
        }),
        build_directory: Some(PathBuf::new()),
        workspace_metadata: serde_json::json!([1]),
        ..metadata.clone()
    };
    assert_layout_matches([metadata, with_everything]);
    assert_eq!(
        treekey!(Metadata.resolve.nodes.deps.dep_kinds.target),
        "metadata.resolve.nodes.deps.dep_kinds.target"
    );
}
