# Two commands for a newcomer: `make run` and `make test`. Both install what the machine lacks.

SHELL := /bin/bash
.DEFAULT_GOAL := help
# Where cargo builds. Set it outside the checkout and fresh clones reuse what was built before.
CARGO_TARGET_DIR ?= target
export CARGO_TARGET_DIR
DATA ?= data
NEXTEST := $(shell command -v cargo-nextest 2>/dev/null)

.PHONY: help run test check build release packages-run packages-test packages-bench crash simulate bench bench-mailboxes bench-queue fuzz docs

help: ## this list
	@grep -hE '^[a-z-]+:.*## ' $(MAKEFILE_LIST) | sed -E 's/:.*## /\t/' | expand -t 12

run: packages-run build ## build, make a demonstration in $(DATA) and start it; Ctrl-C stops it
	@exec $(CARGO_TARGET_DIR)/debug/congvan serve --demo --data $(DATA)

build:
	cargo build --locked -p server

release: packages-run ## the optimised program: target/release/congvan
	cargo build --locked --release -p server

test: packages-test ## format, lints, unit and story tests on SQLite and PostgreSQL, tidy
	cargo fmt --all --check
	cargo clippy --locked --workspace --all-targets -- -D warnings
	cargo build --locked -p server
	cargo test --locked --workspace --doc --quiet
	CONGVAN_PYHANKO=$$(scripts/test-tools $(abspath $(CARGO_TARGET_DIR))/test-tools) \
	    scripts/with-postgres $(if $(NEXTEST),cargo nextest run --locked --workspace,cargo test --locked --workspace --lib --bins --tests)

check: ## the quick half of the tests: lints and unit tests of what changed
	cargo clippy --workspace --all-targets -- -D warnings
	CONGVAN_PYHANKO=$$(scripts/test-tools $(abspath $(CARGO_TARGET_DIR))/test-tools) \
	    scripts/with-postgres $(if $(NEXTEST),cargo nextest run --workspace --exclude tests,cargo test --workspace --exclude tests)

crash: packages-test build ## kill the server a hundred times under load and count what it promised (CONGVAN_KILLS=n)
	CONGVAN_KILLS=$${CONGVAN_KILLS:-100} CONGVAN_PG_FSYNC=on \
	    scripts/with-postgres cargo test --locked -p tests --test stories -- --nocapture crash

simulate: packages-test ## exchange and mail under faults, by seeds, held against models (CONGVAN_SEEDS=n, CONGVAN_SEED=s tells one again)
	CONGVAN_SEEDS=$${CONGVAN_SEEDS:-100} \
	    scripts/with-postgres cargo test --locked -p registry --test it -- --nocapture simulation::
	CONGVAN_SEEDS=$${CONGVAN_SEEDS:-100} \
	    scripts/with-postgres cargo test --locked -p smtp --test conversations -- --nocapture simulation::

bench: packages-bench release ## measure acceptance of mail and packages on both engines
	CONGVAN_PG_FSYNC=on scripts/with-postgres cargo run --locked --release -p bench -- all

bench-mailboxes: packages-bench release ## measure mailboxes of 1,000 and 100,000 messages beside Dovecot and Cyrus (BENCH="--idle 10000 …")
	CONGVAN_CYRUS=$$(scripts/bench-tools /var/tmp/congvan-bench-tools) CONGVAN_PG_FSYNC=on \
	    scripts/with-postgres cargo run --locked --release -p bench -- mailboxes $(BENCH)

bench-queue: packages-bench release ## measure with a million mails for a dead destination in the queue (QUEUED=n)
	CONGVAN_PG_FSYNC=on \
	    scripts/with-postgres cargo run --locked --release -p bench -- mail --queued $${QUEUED:-1000000}

fuzz: ## fuzz every parser for a minute each (FUZZ_SECONDS=n)
	fuzz/run

docs: build ## rewrite the documents that are generated from the program
	$(CARGO_TARGET_DIR)/debug/congvan config print --config /nonexistent > docs/congvan.example.toml
	$(CARGO_TARGET_DIR)/debug/congvan openapi > docs/openapi.json
	CONGVAN_WRITE_DOCS=1 cargo test --locked --quiet -p web --test codes
	CONGVAN_WRITE_DOCS=1 cargo test --locked --quiet -p tests --test tidy r63

packages-run:
	@scripts/install-packages run
packages-test:
	@scripts/install-packages test
packages-bench:
	@scripts/install-packages bench
