# The program `actorbridge`.
BUILDS += cli

##@ Start here
.PHONY: cli
cli: ## the program actorbridge: new projects, typed actors from .proto files
	@$(call first-build,$(TARGET_DIR)/actorbridge,the program actorbridge)
	@$(CARGO) build --quiet --profile $(PROFILE) -p actorbridge-cli
	@mkdir -p target/bin && ln -sf "$(TARGET_DIR)/actorbridge" "$(TARGET_DIR)/protoc-gen-actorbridge-go" target/bin/
