#!/usr/bin/env bash
# The README's program in a project of its own, with the README's dependencies: both as they stand there.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$PWD

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# The first block of a language in the README.
block() { awk -v fence="\`\`\`$1" '$0 == fence {on = 1; next} $0 == "```" && on {exit} on' README.md; }

mkdir -p "$scratch/app/src"
printf '[package]\nname = "readme"\nedition = "2024"\n[workspace]\n' >"$scratch/app/Cargo.toml"
block toml | sed "s|\.\./dsync-rust|$root|" >>"$scratch/app/Cargo.toml"
block rust >"$scratch/app/src/main.rs"
# The same versions and profile, so that little is compiled that was not before.
cp Cargo.lock "$scratch/app/"
sed -n '/^\[profile/,/^$/p' Cargo.toml >>"$scratch/app/Cargo.toml"
CARGO_TARGET_DIR="$root/target" cargo run --quiet --manifest-path "$scratch/app/Cargo.toml" | tee "$scratch/out"
grep -q "accepted as process Some" "$scratch/out"
grep -q "product.tags must be a list" "$scratch/out"
