# The behaviour cases over every door and pair of languages.
COMPAT_PEERS := target/compat
COMPAT := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/compat
BUILDS += compat-rustcore compat-programs
RUNS += compat

##@ Behaviour cases
.PHONY: compat compat-smoke compat-peers compat-programs compat-rustcore
COMPAT_PAIRS ?= memory native tcp tls unix
compat: compat-peers ## every case over COMPAT_PAIRS, doors or pairs (ARGS="--filter move")
	@for pair in $(COMPAT_PAIRS); do $(COMPAT) --peers $(COMPAT_PEERS) --pair $$pair $(ARGS); done

compat-smoke: compat-peers ## one ask over every door and pair
	@$(COMPAT) --peers $(COMPAT_PEERS) --filter "an ask is answered"

compat-peers: compat-programs compat-rustcore
	@cd compat-tests/peer-go && $(GO) build -o $(CURDIR)/$(COMPAT_PEERS)/compat-peer-go . && \
		CGO_ENABLED=0 $(GO) build -o $(CURDIR)/$(COMPAT_PEERS)/compat-peer-go-nocgo .
	@cd compat-tests/peer-native && $(GO) build -o $(CURDIR)/$(COMPAT_PEERS)/compat-peer-native .

# The runner, and the Rust peer, which peer-go's tests start as a sidecar.
compat-programs:
	@$(call cargo-build,compat-tests compat-peer)
	@mkdir -p $(COMPAT_PEERS)
	@ln -sf $(TARGET_DIR)/compat-peer-rust $(COMPAT_PEERS)/compat-peer-rust

# The Go package with the Rust test actors, for the program that has both nodes.
compat-rustcore:
	$(call archive,compat-native,compat_native,compat-tests/peer-native/rustcore/libcompat_$(GOOS)_$(GOARCH).a)

##@ Traces of the machines
.PHONY: traces
traces: ## record compat-tests/traces again, after a wanted change of a machine
	@TRACES=record $(CARGO) test --quiet --profile $(PROFILE) -p actorbridge --test traces -- the_traces_are_what_rust_records_today
	@cd go-client && TRACES=record $(GO) test -count=1 -run TestTheTracesAreWhatGoRecordsToday ./internal/machine
