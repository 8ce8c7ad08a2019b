# Figures beside those of what one would use instead.
RUNS += bench-smoke

##@ Longer
.PHONY: bench-programs bench-ffi bench-smoke
bench-programs: cli
	@target/bin/actorbridge build --project bench/go/ffi --profile $(PROFILE)
	@cd bench/go/ffi && $(GO) build -o "$(TARGET_DIR)/bench-ffi" .

bench-ffi: ## the native door against a Go channel and cgo by hand; QUICK=1 for a short run
	@$(MAKE) PROFILE=release bench-programs
	@$(CARGO) run --quiet --release -p actorbridge-bench -- ffi $(if $(QUICK),--quick) --json target/bench-ffi.json

# The figures of a debug build mean nothing; that each case runs does.
bench-smoke: bench-programs
	@$(CARGO) run --quiet --profile $(PROFILE) -p actorbridge-bench -- ffi --quick --rounds 1 --actors 1000 --program "$(TARGET_DIR)/bench-ffi"
