# One trace through actors of both languages.
BUILDS += trace-rustcore trace-build
RUNS += trace

##@ Start here
.PHONY: trace trace-build trace-rustcore
trace: trace-build ## a trace through Go, Rust and Go again, as an OTLP receiver sees it
	@examples/trace/run "$(TARGET_DIR)"

trace-build: trace-rustcore
	@$(call cargo-build,trace-rust)
	@cd examples/trace && $(GO) build -o "$(TARGET_DIR)/trace" .
	@cd examples/trace && $(GO) build -o "$(TARGET_DIR)/trace-receiver" ./receiver

##@ Libraries
trace-rustcore: ## the Go package with the Rust actors of examples/trace
	$(call archive,trace-rust,trace_rust,examples/trace/rustcore/libtrace_$(GOOS)_$(GOARCH).a)
