//! What a derive costs whoever builds a program with it: CPU seconds of the leaf crate's build.

mod source;

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clap::Args;
use wait4::Wait4 as _;

use crate::figures::{Series, print_ratio};
use source::{VARIANTS, Variant};

/// CPU seconds to build a crate of 300 structs with 12 fields, by derive.
///
/// Generates one crate for each derive: the same structs, of texts, numbers, bools, options, lists
/// and other structs, each field with a doc comment. Builds their dependencies, and then, in turn,
/// each of these crates alone, without incremental compilation, in the dev profile. CPU seconds are
/// those of cargo and all its children.
///
/// `derive.serde` compares `DsyncEntity` with serde's `Serialize` and `Deserialize` together, the
/// structs themselves included in both. `derive.scale` is what three times as many structs cost.
#[derive(Args)]
pub(crate) struct Options {
    /// How often each crate is built.
    #[arg(long, default_value_t = 5)]
    runs: usize,

    /// Only the crates whose name contains this, such as `dsync` or `serde`.
    #[arg(long)]
    only: Option<String>,

    /// Where the crates are written and built; kept, so that dependencies are built once.
    #[arg(long)]
    folder: Option<PathBuf>,
}

pub(crate) fn run(options: &Options) -> Result<(), Box<dyn Error>> {
    let folder = match &options.folder {
        Some(folder) => folder.clone(),
        None => std::env::temp_dir().join("dsync-bench-derive"),
    };
    let variants: Vec<&Variant> = VARIANTS
        .iter()
        .filter(|variant| {
            let only = options.only.as_deref().unwrap_or_default();
            variant.is_base() || variant.krate.contains(only)
        })
        .collect();

    println!("writing {} crates to {}", variants.len(), folder.display());
    write(&folder, &variants)?;
    println!("building their dependencies, and each of them once");
    for variant in &variants {
        build(&folder, variant, false)?;
    }

    let mut series: Vec<_> = variants.iter().map(|it| Series::new(it.name)).collect();
    for run in 1..=options.runs {
        println!("run {run} of {}", options.runs);
        for (variant, series) in variants.iter().zip(&mut series) {
            touch(&folder, variant)?;
            series.values.push(build(&folder, variant, true)?);
        }
    }
    print(&variants, &series);
    Ok(())
}

fn write(folder: &Path, variants: &[&Variant]) -> Result<(), Box<dyn Error>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let members: Vec<_> = variants.iter().map(|variant| variant.krate).collect();
    fs::create_dir_all(folder)?;
    fs::write(
        folder.join("Cargo.toml"),
        format!("[workspace]\nresolver = \"3\"\nmembers = {members:?}\n"),
    )?;
    // The versions that this workspace builds with; cargo adds those of the peers.
    fs::copy(root.join("Cargo.lock"), folder.join("Cargo.lock"))?;
    for variant in variants {
        let krate = folder.join(variant.krate);
        fs::create_dir_all(krate.join("src"))?;
        fs::write(krate.join("Cargo.toml"), variant.manifest(&root))?;
        fs::write(krate.join("src/lib.rs"), variant.source())?;
    }
    Ok(())
}

/// Makes cargo build the crate again.
fn touch(folder: &Path, variant: &Variant) -> Result<(), Box<dyn Error>> {
    let source = folder.join(variant.krate).join("src/lib.rs");
    let file = fs::File::options().write(true).open(source)?;
    Ok(file.set_modified(std::time::SystemTime::now())?)
}

/// Builds one crate; gives the CPU seconds of cargo and its children.
fn build(folder: &Path, variant: &Variant, offline: bool) -> Result<f64, Box<dyn Error>> {
    let child = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "--quiet", "--package", variant.krate])
        .current_dir(folder)
        .env("CARGO_INCREMENTAL", "0")
        .env("CARGO_NET_OFFLINE", offline.to_string())
        .env("CARGO_TARGET_DIR", folder.join("target"))
        .stdin(Stdio::null())
        .spawn();
    let done = child?.wait4()?;
    if !done.status.success() {
        return Err(format!(
            "cargo could not build {} in {}",
            variant.krate,
            folder.display()
        )
        .into());
    }
    Ok((done.rusage.utime + done.rusage.stime).as_secs_f64())
}

fn print(variants: &[&Variant], series: &[Series]) {
    let of = |name: &str| series.iter().find(|series| series.name == name);
    let (Some(nothing), Some(base)) = (of(source::NOTHING), of(source::NO_DERIVE)) else {
        return;
    };
    println!(
        "\n{:<28} {:>7} {:>15} {:>14} {:>16}",
        "CPU seconds of the leaf", "median", "spread", "minus nothing", "minus no derive"
    );
    for (variant, series) in variants.iter().zip(series) {
        let (low, high) = series.spread();
        let median = series.median();
        print!(
            "{:<28} {median:>7.2} {:>15}",
            variant.name,
            format!("{low:.2} to {high:.2}")
        );
        print!(" {:>14.2}", median - nothing.median());
        // The structs themselves are three times as many there.
        if variant.structs == source::STRUCTS {
            print!(" {:>16.2}", median - base.median());
        }
        println!();
    }
    println!();
    let (entity, large) = (of(source::ENTITY), of(source::ENTITY_THRICE));
    if let (Some(entity), Some(serde)) = (entity, of(source::SERDE_BOTH)) {
        let alone = (entity.median() - base.median()) / (serde.median() - base.median());
        println!("derive.serde without the structs themselves: {alone:.3}");
        print_ratio("derive.serde", entity.ratio_to(serde));
    }
    if let (Some(entity), Some(large)) = (entity, large) {
        print_ratio("derive.scale", large.ratio_to(entity));
    }
}
