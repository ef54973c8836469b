//! The real input: what `cargo metadata` says about a workspace and every package it rests on.

use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use serde::Deserialize;

use crate::schema::{Dependency, Package};

/// Where the packages come from.
#[derive(Clone, Debug)]
pub(crate) enum Source {
    /// A manifest; cargo is asked about it.
    Manifest(PathBuf),
    /// What cargo said at another time.
    File(PathBuf),
}

impl Source {
    /// A folder or a `Cargo.toml` is a manifest, any other file what cargo said.
    pub(crate) fn from_argument(argument: &str) -> Result<Self, String> {
        let path = PathBuf::from(argument);
        if path.is_dir() {
            let manifest = path.join("Cargo.toml");
            return if manifest.is_file() {
                Ok(Self::Manifest(manifest))
            } else {
                Err("there is no Cargo.toml in this folder".to_owned())
            };
        }
        if !path.is_file() {
            return Err("there is no such file; give a Cargo.toml, a folder that has one, or a file with what `cargo metadata --format-version 1` printed".to_owned());
        }
        if path
            .extension()
            .is_some_and(|extension| extension == "toml")
        {
            Ok(Self::Manifest(path))
        } else {
            Ok(Self::File(path))
        }
    }

    /// The workspace that this example belongs to.
    pub(crate) fn this_workspace() -> Self {
        Self::Manifest(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
    }

    /// Reads the packages.
    pub(crate) fn read(&self) -> Result<Vec<Package>, Box<dyn Error>> {
        let json = match self {
            Self::Manifest(manifest) => ask_cargo(manifest)?,
            Self::File(file) => std::fs::read(file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
        };
        let metadata: Metadata = serde_json::from_slice(&json).map_err(|error| {
            let name = match self {
                Self::Manifest(manifest) => manifest.display(),
                Self::File(file) => file.display(),
            };
            format!("{name} is not what `cargo metadata --format-version 1` prints: {error}")
        })?;
        Ok(metadata.packages.into_iter().map(Package::from).collect())
    }
}

/// Asks without the network first. A package that no build on this machine has needed yet is not
/// there, so a second question may go to the registry. The lock file stays as it is.
fn ask_cargo(manifest: &Path) -> Result<Vec<u8>, Box<dyn Error>> {
    let mut output = cargo_metadata(manifest, &["--offline"])?;
    if !output.status.success() {
        eprintln!("some packages are not on this machine yet: asking the registry for them");
        output = cargo_metadata(manifest, &[])?;
    }
    if output.status.success() {
        return Ok(output.stdout);
    }
    let why = String::from_utf8_lossy(&output.stderr);
    let locked = manifest.with_file_name("Cargo.lock").is_file();
    let advice = if locked {
        ""
    } else {
        "\nThere is no Cargo.lock beside the manifest, and this program does not write one: run `cargo generate-lockfile` there first."
    };
    Err(format!("cargo metadata failed:\n{}{advice}", why.trim_end()).into())
}

fn cargo_metadata(manifest: &Path, network: &[&str]) -> Result<Output, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let mut command = Command::new(cargo);
    command
        .args(["metadata", "--format-version", "1", "--locked"])
        .args(network)
        .arg("--manifest-path")
        .arg(manifest);
    // Without it, the packages of every platform that Rust knows would be asked for.
    if let Some(host) = host() {
        command.args(["--filter-platform", &host]);
    }
    command
        .output()
        .map_err(|error| format!("cargo does not start: {error}"))
}

/// The platform of this machine, as the compiler names it.
fn host() -> Option<String> {
    let rustc = std::env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("-vV").output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?;
    text.lines()
        .find_map(|line| line.strip_prefix("host: "))
        .map(str::to_owned)
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<CargoPackage>,
}

#[derive(Deserialize)]
struct CargoPackage {
    id: String,
    name: String,
    version: String,
    description: Option<String>,
    homepage: Option<String>,
    repository: Option<String>,
    documentation: Option<String>,
    license: Option<String>,
    rust_version: Option<String>,
    #[serde(default)]
    authors: Vec<String>,
    #[serde(default)]
    keywords: Vec<String>,
    #[serde(default)]
    categories: Vec<String>,
    #[serde(default)]
    features: serde_json::Map<String, serde_json::Value>,
    #[serde(default)]
    dependencies: Vec<CargoDependency>,
}

#[derive(Deserialize)]
struct CargoDependency {
    name: String,
    req: String,
    kind: Option<String>,
    optional: bool,
    target: Option<String>,
    #[serde(default)]
    features: Vec<String>,
}

impl From<CargoPackage> for Package {
    fn from(package: CargoPackage) -> Self {
        let (authors, emails): (Vec<_>, Vec<_>) = package
            .authors
            .iter()
            .map(|author| name_and_email(author))
            .unzip();
        Self {
            id: package.id,
            name: package.name,
            version: package.version,
            description: package.description,
            homepage: package.homepage,
            repository: package.repository,
            documentation: package.documentation,
            license: package.license,
            rust_version: package.rust_version,
            authors,
            emails: emails.into_iter().flatten().collect(),
            keywords: package.keywords,
            categories: package.categories,
            features: package.features.len(),
            reviewed: false,
            dependencies: package
                .dependencies
                .into_iter()
                .map(Dependency::from)
                .collect(),
        }
    }
}

impl From<CargoDependency> for Dependency {
    fn from(dependency: CargoDependency) -> Self {
        Self {
            name: dependency.name,
            version_req: dependency.req,
            // cargo leaves the commonest kind out.
            kind: dependency.kind.unwrap_or_else(|| "normal".to_owned()),
            optional: dependency.optional,
            target: dependency.target,
            features: dependency.features,
        }
    }
}

/// `Ann Author <ann@example.org>` in its two parts.
fn name_and_email(author: &str) -> (String, Option<String>) {
    match author
        .strip_suffix('>')
        .and_then(|author| author.rsplit_once('<'))
    {
        Some((name, email)) => (name.trim().to_owned(), Some(email.to_owned())),
        None => (author.to_owned(), None),
    }
}

#[cfg(test)]
mod tests {
    use super::name_and_email;

    #[test]
    fn authors_with_and_without_an_address() {
        for (author, name, email) in [
            ("Ann <ann@example.org>", "Ann", Some("ann@example.org")),
            ("Jürgen Größe", "Jürgen Größe", None),
            ("<a@b>", "", Some("a@b")),
            ("a < b", "a < b", None),
            ("", "", None),
        ] {
            let email = email.map(str::to_owned);
            assert_eq!(name_and_email(author), (name.to_owned(), email));
        }
    }
}
