# The smallest program with both languages.
BUILDS += hello-build
RUNS += hello

##@ Start here
.PHONY: hello hello-build
hello: hello-build ## the smallest program with a Go and a Rust actor, over each door
	@examples/hello/run "$(TARGET_DIR)"

hello-build: hello-rustcore
	@$(call cargo-build,hello-rust)
	@cd examples/hello && $(GO) build -o "$(TARGET_DIR)/hello" .
	@cd examples/hello && CGO_ENABLED=0 $(GO) build -o "$(TARGET_DIR)/hello-pure" .
	@cd examples/hello && $(GO) build -o "$(TARGET_DIR)/hello-secure" ./secure
