# The behaviour cases over every door and pair of languages.
COMPAT_PEERS := target/compat
COMPAT := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/compat
RUNS += compat

##@ Behaviour cases
.PHONY: compat compat-smoke compat-peers
# The pairs over the native door want a program that hosts both nodes and takes the driver's orders; there is none yet.
COMPAT_PAIRS ?= memory tcp unix
compat: compat-peers ## every case over COMPAT_PAIRS, doors or pairs (ARGS="--filter move")
	@for pair in $(COMPAT_PAIRS); do $(COMPAT) --peers $(COMPAT_PEERS) --pair $$pair $(ARGS); done

compat-smoke: compat-peers ## one ask over every door and pair
	@$(COMPAT) --peers $(COMPAT_PEERS) --filter "an ask is answered"

compat-peers:
	@$(CARGO) build --quiet --profile $(PROFILE) -p compat-tests -p compat-peer
	@mkdir -p $(COMPAT_PEERS)
	@ln -sf $(TARGET_DIR)/compat-peer-rust $(COMPAT_PEERS)/compat-peer-rust
	@cd compat-tests/peer-go && $(GO) build -o $(CURDIR)/$(COMPAT_PEERS)/compat-peer-go .

##@ Traces of the machines
.PHONY: traces
traces: ## record compat-tests/traces again, after a wanted change of a machine
	@TRACES=record $(CARGO) test --quiet --profile $(PROFILE) -p actorbridge --test traces -- the_traces_are_what_rust_records_today
	@cd go-client && TRACES=record $(GO) test -count=1 -run TestTheTracesAreWhatGoRecordsToday ./internal/machine
