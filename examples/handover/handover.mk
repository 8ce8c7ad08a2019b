# The handover (rustcore.mk makes its Go package with the Rust actor): an actor moves from Go to Rust and back while a file's rows stream to it.
DATA ?= examples/handover/data/flights-2013-01.csv.gz
HANDOVER := $(TARGET_DIR)/handover
HANDOVER_RUST := $(TARGET_DIR)/handover-rust

BUILDS += handover-build
RUNS += demo demo-check

##@ Start here
.PHONY: demo demo-check handover-build
demo: export FILE := $(DATA)
demo: handover-build ## an actor moves from Go to Rust and back in the middle of a stream (DATA=file.csv.gz; ARGS=--malformed names what is skipped)
	@"$(HANDOVER)" --rust "$(HANDOVER_RUST)" $(ARGS) -- "$$FILE"

##@ Tests, one by one
demo-check: handover-build ## the demo with other months, with files that it refuses, and with ends in the middle
	@cd examples/handover && $(GO) build -o "$(TARGET_DIR)/checkdemo" ./checkdemo
	@"$(TARGET_DIR)/checkdemo" "$(HANDOVER)" "$(HANDOVER_RUST)"

handover-build: handover-rustcore
	@$(call cargo-build,handover-rust)
	@cd examples/handover && $(GO) build -o "$(HANDOVER)" .
