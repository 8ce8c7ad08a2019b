# The program `actorbridge`.
BUILDS += cli

##@ Start here
.PHONY: cli
cli: ## the program actorbridge: new projects, typed actors from .proto files
	@$(call first-build,$(TARGET_DIR)/actorbridge,the program actorbridge)
	@$(call cargo-build,actorbridge-cli)
	@mkdir -p target/bin && ln -sf "$(TARGET_DIR)/actorbridge" "$(TARGET_DIR)/protoc-gen-actorbridge-go" target/bin/

RUNS += look
.PHONY: look
look: cli compat-peers ## what inspect and tap show of nodes of both languages, each in a process of its own
	@cli/tests/look target/bin/actorbridge $(COMPAT_PEERS)
