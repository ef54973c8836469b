#!/usr/bin/env bash
# Runs every example as a program and looks at what it prints and how it exits.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

cargo build --examples -p dsync-examples
catalogue() { cargo run --quiet --example catalogue -- "$@"; }

# expect CODE TEXT -- ARGUMENTS: the exit code, and a text in what is printed.
expect() {
    local code=$1 text=$2
    shift 3
    local got=0
    catalogue "$@" >"$scratch/out" 2>&1 </dev/null || got=$?
    if [ "$got" != "$code" ] || ! grep -qF -- "$text" "$scratch/out"; then
        echo "catalogue $*: exit code $got instead of $code, or no \"$text\" in:"
        cat "$scratch/out"
        exit 1
    fi
    echo "catalogue $*: exit code $code, as it should"
}

# The main job, on this workspace: over a hundred packages, and no progress bar in a pipe.
cargo run --quiet --example catalogue
expect 0 "What the hub holds equals what was sent, byte for byte." --
expect 0 "package.dependencies.versionReq" --
if grep -q $'\r' "$scratch/out"; then echo "a progress bar in a pipe"; exit 1; fi
packages=$(grep -oE '^[0-9]+ packages' "$scratch/out" | cut -d' ' -f1)
if [ "$packages" -lt 100 ]; then echo "only $packages packages"; exit 1; fi

expect 0 "equals what was sent" -- Cargo.toml
expect 0 "equals what was sent" -- .
cat >"$scratch/metadata.json" <<'JSON'
{"packages": [{"id": "ein/päckchen 🙂#1.0", "name": "päckchen", "version": "1.0",
 "description": "\"quoted\" \\ and\nbroken", "authors": ["Jürgen <j@example.org>", "nobody"],
 "dependencies": [{"name": "a", "req": "^1", "kind": null, "optional": false, "target": null}]}]}
JSON
expect 0 "1 package travelled" -- "$scratch/metadata.json"
echo '{"packages": []}' >"$scratch/empty.json"
expect 0 "0 packages travelled" -- "$scratch/empty.json"

expect 2 "there is no such file" -- "$scratch/nowhere"
expect 2 "there is no Cargo.toml in this folder" -- "$scratch"
expect 2 "unexpected argument '--frobnicate'" -- --frobnicate
expect 0 "Exits with 0 if both are equal" -- --help
echo 'no json' >"$scratch/broken.json"
expect 1 "broken.json is not what \`cargo metadata --format-version 1\` prints" -- "$scratch/broken.json"
# Another project, with and without a lock file.
mkdir -p "$scratch/other/src"
printf '[package]\nname = "other"\nedition = "2024"\n[workspace]\n' >"$scratch/other/Cargo.toml"
echo 'fn main() {}' >"$scratch/other/src/main.rs"
expect 1 "run \`cargo generate-lockfile\` there first" -- "$scratch/other"
cargo generate-lockfile --quiet --offline --manifest-path "$scratch/other/Cargo.toml"
expect 0 "1 package travelled" -- "$scratch/other"
# Whoever reads one line only.
cargo run --quiet --example catalogue | head -n 1 >"$scratch/out"
# A record that cannot be sent: its id has a line break.
echo '{"packages": [{"id": "a\r\nb", "name": "n", "version": "1"}]}' >"$scratch/id.json"
expect 1 "control character" -- "$scratch/id.json"
