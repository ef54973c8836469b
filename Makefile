# The recipes that people and CI share. `make` alone lists them.

# A Python with the SDK to test against. The folder is not in the repository.
VENV := .venv
PYTHON := $(VENV)/bin/python

.DEFAULT_GOAL := help

.PHONY: help
help: ## list the recipes
	@grep -hE '^[a-z-]+:.*##' $(MAKEFILE_LIST) | sed -E 's/^([a-z-]+):.*## (.*)/make \1\t\2/' | expand -t 22

.PHONY: test
test: ## what the README says
	cargo test

.PHONY: fmt
fmt: ## is everything formatted?
	cargo fmt --all --check

.PHONY: clippy
clippy: ## lints, all features
	cargo clippy --workspace --all-targets --all-features -- -D warnings

.PHONY: doc
doc: ## the documentation builds without a warning
	RUSTDOCFLAGS="-D warnings" cargo doc --workspace --all-features --no-deps

.PHONY: features
features: ## the builds without default features
	cargo check -p dsync-sdk --no-default-features
	cargo check -p dsync-sdk --no-default-features --features derive
	cargo check -p dsync-sdk --no-default-features --features client
	cargo check -p dsync-sdk --no-default-features --features derive,connector
	cargo check -p dsync-sdk --no-default-features --features outbox
	cargo check -p dsync-connector --no-default-features
	cargo check -p dsync-client --no-default-features
	cargo check -p dsync-client --no-default-features --features rustls-ring
	cargo check -p dsync-hub --no-default-features
	cargo test -p dsync-sdk --no-default-features --features derive --lib
	cargo test -p dsync-tests --features foreign-types types
	cargo test -p dsync-core -p dsync-sdk --all-features --doc
	cargo test -p dsync-hub --all-features

.PHONY: crash
crash: ## programs that are killed, and whose power is cut; DSYNC_CRASH_KILLS=1000 and DSYNC_CRASH_SEED are heeded
	cargo run -q -p dsync-crash-tests -- cuts
	cargo run -q -p dsync-crash-tests -- kills

.PHONY: examples
examples: ## the examples as whole programs
	bash .ci/examples.sh

.PHONY: readme
readme: ## the README's program in a project of its own
	bash .ci/readme.sh

$(PYTHON):
	python3 -m venv $(VENV)
	$(VENV)/bin/pip --quiet --disable-pip-version-check install dsync-sdk==0.1.2 requests

.PHONY: python
python: $(PYTHON) ## a Python with the official SDK, in .venv

.PHONY: test-python
test-python: $(PYTHON) ## the tests that need that Python
	DSYNC_TEST_PYTHON="$(CURDIR)/$(PYTHON)" cargo test -p dsync-tests python

.PHONY: deny
deny: ## licences, bans and sources of the dependencies, where cargo-deny is installed
	@if command -v cargo-deny >/dev/null; then cargo deny --all-features check licenses bans sources; \
	else echo "skipped: cargo-deny is not installed (cargo install cargo-deny --locked)"; fi

.PHONY: bench
bench: ## ratios against named peers; takes minutes, wants a quiet machine
	cargo run --release -p dsync-bench -- derive
	cargo run --release -p dsync-bench -- layout
	cargo run --release -p dsync-bench -- client
	cargo run --release -p dsync-bench -- connector
	cargo run --release -p dsync-bench -- outbox

.PHONY: bless
bless: ## write the expected compile errors and golden files anew
	TRYBUILD=overwrite cargo test -p dsync-tests compile_errors
	$(MAKE) python
	$(PYTHON) tests/python/layout.py > tests/golden/python_sdk_layout.json

.PHONY: ci
ci: test fmt clippy doc features crash examples readme test-python deny ## all of it
