# Two commands matter: `make demo` and `make test`. The rooms own their rules (*/*.mk) and add their steps to `make test`:
#
#   CHECKS += name   fast, needs no built library     BUILDS += name   makes what the tests need
#   TESTS  += name   tests                            RUNS   += name   whole programs: demo, examples, documents
#
# A step is a target, or two beside each other, as A+B; scripts/steps runs them in this order, and counts the tests in their output.
SHELL := /bin/bash
.SHELLFLAGS := -euo pipefail -c
.DEFAULT_GOAL := help
MAKEFLAGS += --no-print-directory

# One cargo profile for tests, libraries and the demo, so that dependencies are compiled once. `make lib PROFILE=release`
# makes the small, fast archives.
PROFILE ?= ci
CARGO ?= cargo
GO ?= go
PREFIX ?= /usr/local
CARGO_DENY := 0.20.2
CARGO_FUZZ := 0.13.2
# Where cargo puts the profile's files; `dev` is the one whose folder has another name.
TARGET_DIR := $(CURDIR)/target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))
export PROFILE TARGET_DIR
# A go.work in a folder above the clone is not ours.
export GOWORK := off

# Each folder with a go.mod is a module of its own; testdata, and what is made below target/, is not ours to build.
GO_MODULES := $(filter-out target/% %/testdata,$(patsubst %/go.mod,%,$(wildcard */go.mod */*/go.mod */*/*/go.mod)))

# $(call cargo-build,PACKAGE...) builds packages of ours by themselves, or with WORKSPACE=1 everything, once: a package by itself
# has dependencies with fewer features than all together, and cargo compiles those once more. `make test` sets it. What
# `actorbridge build` and the tutorial's project compile is by itself all the same.
# On a terminal cargo shows how far it is.
QUIET := $(shell [ -t 2 ] || echo --quiet)
cargo-build = $(CARGO) build $(QUIET) --profile $(PROFILE) $(if $(WORKSPACE),--workspace --all-targets,$(addprefix -p ,$(1)))

CHECKS := tools scripts-test tree-check fmt-check clippy rustdoc go-vet deny
# Checks by a program that is built first.
CODE_CHECKS := stale-check breaking-check
BUILDS :=
# Go's tests wait for something most of the time; what AddressSanitizer is in is compiled meanwhile.
TESTS := test-rust test-go+asan-smoke test-go-pure test-abdebug soak-smoke
RUNS :=

# $(call first-build,FILE,WHAT) says that a build takes a while, where the file that it makes is not there yet.
first-build = [ -e "$(1)" ] || echo "building $(2): about 2 minutes where nothing is built yet, seconds later" >&2

# `make help` shows the targets in this order: the examples before the tools.
include $(sort $(wildcard */*/*.mk)) $(sort $(wildcard */*.mk))

##@ Start here
.PHONY: help tools can-build test
tools: ## what this machine lacks, a sentence for each tool
	@CARGO="$(CARGO)" GO="$(GO)" scripts/tools

# What builds says which tool is missing, instead of what a shell says of it.
$(BUILDS) $(subst +, ,$(TESTS)) $(RUNS): can-build
can-build:
	@CARGO="$(CARGO)" GO="$(GO)" scripts/tools --build

##@ Everyday
# The lines of a section may be in several files.
help: ## what can be made (default)
	@awk 'BEGIN { FS = ":.*## " } \
		/^##@ / { section = substr($$0, 5); if (!(section in lines)) { order[++n] = section; lines[section] = "" } } \
		/^[a-z-]+:.*## / { lines[section] = lines[section] sprintf("  make %-14s %s\n", $$1, $$2) } \
		END { for (i = 1; i <= n; i++) printf "\n%s\n%s", order[i], lines[order[i]] }' $(MAKEFILE_LIST)

test: ## everything: checks, tests in both languages, C, examples, demo, documents
	@WORKSPACE=1 scripts/steps $(CHECKS) rust-build $(CODE_CHECKS) $(BUILDS) $(TESTS) $(RUNS) docs-run

##@ Sources
.PHONY: generate lint fmt scripts-test tree-check fmt-check codegen stale-check breaking-check clippy rustdoc rust-build go-vet deny
CODEGEN := "$(TARGET_DIR)/actorbridge-codegen"
codegen:
	@$(call cargo-build,actorbridge-codegen)

generate: codegen ## make every generated file again (ACCEPT_BREAKING=1 accepts a break of the schema)
	@$(CODEGEN) generate $(if $(ACCEPT_BREAKING),--accept-breaking)

lint: $(CHECKS) $(CODE_CHECKS) ## every check that `make test` runs before the tests

fmt: ## format Rust and Go
	@$(CARGO) fmt --all
	@gofmt -w $(GO_MODULES)

fmt-check:
	@$(CARGO) fmt --all --check
	@files=$$(gofmt -l $(GO_MODULES)); \
	if [ -n "$$files" ]; then echo "gofmt would change, run \`make fmt\`:"; echo "$$files"; exit 1; fi

stale-check: codegen
	@$(CODEGEN) generate --check

breaking-check: codegen
	@$(CODEGEN) check-breaking

clippy:
	@$(CARGO) clippy --quiet --profile $(PROFILE) --workspace --all-targets -- -D warnings

rust-build:
	@$(CARGO) build --quiet --profile $(PROFILE) --workspace --all-targets

# Public documentation without dead links.
rustdoc:
	@RUSTDOCFLAGS="-D warnings" $(CARGO) doc --quiet --profile $(PROFILE) --no-deps --workspace

go-vet:
	@for module in $(GO_MODULES); do (cd $$module && echo "go vet: $$module" && $(GO) vet ./...); done

# Licences, sources and banned crates.
deny: $(if $(shell command -v cargo-deny),,target/tools/bin/cargo-deny)
	@PATH="$(CURDIR)/target/tools/bin:$$PATH" $(CARGO) deny --log-level error check bans licenses sources

target/tools/bin/cargo-deny:
	@CARGO="$(CARGO)" scripts/cargo-tool cargo-deny $(CARGO_DENY)

tree-check:
	@scripts/tree

scripts-test:
	@scripts/test

##@ Tests, one by one
.PHONY: test-rust test-go test-go-pure test-abdebug docs-run
# Most tests wait for something most of the time, so that more of them than there are cores run at once.
test-rust: ## cargo test
	@RUST_TEST_THREADS=$${RUST_TEST_THREADS:-6} $(CARGO) test --profile $(PROFILE) --workspace

# go-vet is a step of its own; of what is built another way, go test would vet everything anew, also what others wrote.
test-go: ## go test -race in every module
	@for module in $(GO_MODULES); do (cd $$module && $(GO) test -race -vet=off -parallel 8 -v ./...); done

test-go-pure: ## every module also builds without cgo
	@for module in $(GO_MODULES); do (cd $$module && echo "CGO_ENABLED=0 go build: $$module" && CGO_ENABLED=0 $(GO) build -o /dev/null ./...); done

test-abdebug: ## the rings again, with what the feature and build tag abdebug checks
	@$(CARGO) test --quiet --profile $(PROFILE) $(if $(WORKSPACE),--workspace,-p actorbridge-ffi) \
		--features actorbridge-ffi/abdebug --test ring --test descriptor --test envelopes --test link --test lane --test inline
	@cd go-client/native && $(GO) test -tags abdebug .

docs-run: ## run every command of the documents, compare their listings
	@scripts/docs

##@ Longer
.PHONY: bench soak soak-smoke asan-smoke fuzz miri clean
bench: ## Go benchmarks of every module
	@for module in $(GO_MODULES); do (cd $$module && $(GO) test -run '^$$' -bench . ./...); done

soak: $(BUILDS) ## hurts the native door, and links, for DURATION (default 1h), half of it with AddressSanitizer; HALF=plain or asan for one
	@GO_MODULES="$(GO_MODULES)" GO="$(GO)" CARGO="$(CARGO)" scripts/soak $(or $(DURATION),1h) $(HALF)

# A slice of it for `make test`: what bounds memory is looked at without the race detector, which has much of its own.
soak-smoke: compat-rustcore
	@cd compat-tests/peer-native && GOGC=1 GOEXPERIMENT=cgocheck2 $(GO) test -vet=off -count 1 -v -run 'Everything|Flood' .

# The part of it with AddressSanitizer that takes 10 seconds, and what it is compiled of: a nightly Rust compiles all that once more.
asan-smoke: ## a slice of the soak's half with AddressSanitizer
	@GO_MODULES="$(GO_MODULES)" GO="$(GO)" CARGO="$(CARGO)" scripts/soak 10s smoke

fuzz: $(if $(shell command -v cargo-fuzz),,target/tools/bin/cargo-fuzz) ## every fuzz target, FUZZTIME seconds each (default 60); FUZZ=name for some
	@PATH="$(CURDIR)/target/tools/bin:$$PATH" scripts/fuzz $(GO_MODULES)

miri: ## the rings, handles and descriptors of the C library under Miri, where a nightly Rust has it
	@if $(CARGO) +nightly miri --version >/dev/null 2>&1; then \
		$(CARGO) +nightly miri test -p actorbridge-ffi --test ring --test handles --test descriptor; \
	else echo 'Miri is not installed (`rustup component add --toolchain nightly miri`): nothing ran'; fi

target/tools/bin/cargo-fuzz:
	@CARGO="$(CARGO)" scripts/cargo-tool cargo-fuzz $(CARGO_FUZZ)

clean: ## remove what was built
	@rm -rf target
