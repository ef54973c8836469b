#!/usr/bin/env bash
# Runs every example as a program and looks at what it prints and how it exits.
set -euo pipefail
cd "$(dirname "$0")/.."

scratch=$(mktemp -d)
program=
trap '[ -z "$program" ] || kill "$program" 2>/dev/null || true; rm -rf "$scratch"' EXIT

cargo build --examples -p dsync-examples
built="${CARGO_TARGET_DIR:-target}/debug/examples"
unset DSYNC_AUTH_TOKEN RUST_LOG

# expect CODE TEXT -- ARGUMENTS: of $example the exit code, and a text in what is printed.
expect() {
    local code=$1 text=$2
    shift 3
    local got=0
    timeout 120 "$built/$example" "$@" >"$scratch/out" 2>&1 </dev/null || got=$?
    if [ "$got" != "$code" ] || ! grep -qF -- "$text" "$scratch/out"; then
        echo "$example $*: exit code $got instead of $code, or no \"$text\" in:"
        cat "$scratch/out"
        exit 1
    fi
    echo "$example $*: exit code $code, as it should"
}

# 01_catalogue. The main job, on this workspace: over a hundred packages, and no progress bar in a pipe.
example=catalogue
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

# 02_receive.
example=receive
make --silent python
export DSYNC_AUTH_TOKEN=a-key-that-nobody-may-see
.venv/bin/python tests/python/platform.py "$built/receive"

expect 0 "The API key comes from the environment variable DSYNC_AUTH_TOKEN" -- --help
if grep -q "$DSYNC_AUTH_TOKEN" "$scratch/out"; then echo "the API key in the help"; exit 1; fi
expect 2 "--database <FILE>" --
expect 2 "unexpected argument '--frobnicate'" -- --frobnicate
expect 2 "invalid socket address syntax" -- --database "$scratch/shop.db" --listen nowhere
expect 2 "it must be at least 1" -- --database "$scratch/shop.db" --page-size 0
expect 2 "--realtime-url <URL>" -- --database "$scratch/shop.db" --send-all
DSYNC_AUTH_TOKEN='' expect 2 "set the environment variable DSYNC_AUTH_TOKEN" -- --database "$scratch/shop.db"
(
    unset DSYNC_AUTH_TOKEN
    expect 2 "set the environment variable DSYNC_AUTH_TOKEN" -- --database "$scratch/shop.db"
)
expect 1 "the folder $scratch/no/such/folder does not exist" -- --database "$scratch/no/such/folder/shop.db"
expect 1 "cannot be opened" -- --database "$scratch"
echo 'no database, but long enough to be looked at as one: the header of a file has a hundred bytes.....' >"$scratch/text"
expect 1 "cannot be opened" -- --database "$scratch/text"
expect 1 "http" -- --database "$scratch/shop.db" --listen 127.0.0.1:0 --realtime-url ftp://platform.example

# A port in use; then both signals, each a clean end.
for signal in INT TERM; do
    mkfifo "$scratch/said-$signal"
    "$built/receive" --database "$scratch/shop.db" --listen 127.0.0.1:0 >"$scratch/said-$signal" 2>"$scratch/log" &
    program=$!
    read -r -t 30 line <"$scratch/said-$signal"
    expect 1 "cannot listen at" -- --database "$scratch/other.db" --listen "${line#listening at http://}"
    kill -"$signal" "$program"
    got=0
    wait "$program" || got=$?
    program=
    if [ "$got" != 0 ] || ! grep -qx stopped "$scratch/log"; then
        echo "receive after SIG$signal: exit code $got, or not \"stopped\" in:"
        cat "$scratch/log"
        exit 1
    fi
    echo "receive after SIG$signal: exit code 0, as it should"
done
unset DSYNC_AUTH_TOKEN

# 03_two_systems.
example=two_systems
good="What the warehouse has equals what the shop sent, byte for byte, and no change came back."
expect 0 "$good" --
if grep -q $'\r' "$scratch/out"; then echo "a progress bar in a pipe"; exit 1; fi
# 200 creates, 67 updates, 20 deletes.
grep -qE '^\| changes that the shop heard were complete +\| 287 ' "$scratch/out"
grep -qE '^\| echoes that the warehouse.s client held back \| 287 ' "$scratch/out"
expect 0 "$good" -- 0
expect 0 "$good" -- 1
expect 0 "$good" -- 7
expect 0 "Exits with 0 if both sides are equal" -- --help
expect 2 "is not in 0..=1000000" -- 1000001
expect 2 "invalid digit" -- many
expect 2 "unexpected argument" -- -1
"$built/two_systems" 3 | head -n 1 >"$scratch/out"
# Ctrl-C on the way.
"$built/two_systems" 1000000 >"$scratch/out" 2>&1 &
program=$!
sleep 1
kill -INT "$program"
got=0
wait "$program" || got=$?
program=
if [ "$got" != 130 ] || ! grep -q '^stopped' "$scratch/out"; then
    echo "two_systems after SIGINT: exit code $got, or not \"stopped\" in:"
    cat "$scratch/out"
    exit 1
fi
echo "two_systems after SIGINT: exit code 130, as it should"

# 04_outbox.
example=outbox
good="What the hub holds equals the shop's own tables, byte for byte, after"
expect 0 "$good 10 kills." --
if grep -q $'\r' "$scratch/out"; then echo "a progress bar in a pipe"; exit 1; fi
grep -qE '^\| dead letters +\| 0 ' "$scratch/out"
grep -qE '^\| lives of the shop without a network +\| 3 ' "$scratch/out"
expect 0 "| orders taken" -- --orders 60 --kills 4 --seed 7
expect 0 "(again: --orders 60 --kills 4 --seed 7)" -- --orders 60 --kills 4 --seed 7
expect 0 "$good" -- --orders 0
expect 0 "$good" -- --orders 1
expect 0 "$good 0 kills." -- --kills 0
expect 0 "$good" -- --orders 30 --kills 1
expect 0 "Exits with 0 if both are equal in the end" -- --help
if grep -qi 'command\|DATABASE' "$scratch/out"; then echo "the hidden subcommand in the help"; exit 1; fi
expect 2 "is not in 0..=1000000" -- --orders 1000001
expect 2 "is not in 0..=10000" -- --kills 10001
expect 2 "invalid digit" -- --seed seven
expect 2 "unexpected argument '--frobnicate'" -- --frobnicate
expect 2 "unrecognized subcommand" -- 300
"$built/outbox" --orders 20 --kills 2 | head -n 1 >"$scratch/out"
grep -q '^20 orders, 2 kills, seed ' "$scratch/out"
# Ctrl-C on the way: the shop is gone with it, and so is its file.
mkdir "$scratch/temporary"
TMPDIR="$scratch/temporary" "$built/outbox" --orders 1000000 --kills 3 >"$scratch/out" 2>&1 &
program=$!
sleep 1
kill -INT "$program"
got=0
wait "$program" || got=$?
program=
if [ "$got" != 130 ] || ! grep -q '^stopped' "$scratch/out" || [ -n "$(ls -A "$scratch/temporary")" ]; then
    echo "outbox after SIGINT: exit code $got, not \"stopped\" in, or a file left by:"
    cat "$scratch/out"
    exit 1
fi
echo "outbox after SIGINT: exit code 130, as it should"
