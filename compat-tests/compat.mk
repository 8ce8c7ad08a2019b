# The behaviour cases over every door and pair of languages.
COMPAT_PEERS := target/compat
COMPAT := target/$(if $(filter dev,$(PROFILE)),debug,$(PROFILE))/compat

##@ Behaviour cases
.PHONY: compat compat-smoke compat-peers
compat: compat-peers ## every case over every door and pair of languages (ARGS="--filter move --pair tcp")
	@$(COMPAT) --peers $(COMPAT_PEERS) $(ARGS)

compat-smoke: compat-peers ## one ask over every door and pair
	@$(COMPAT) --peers $(COMPAT_PEERS) --filter "an ask is answered"

compat-peers:
	@$(CARGO) build --quiet --profile $(PROFILE) -p compat-tests -p compat-peer
	@mkdir -p $(COMPAT_PEERS)
	@ln -sf $(TARGET_DIR)/compat-peer-rust $(COMPAT_PEERS)/compat-peer-rust
