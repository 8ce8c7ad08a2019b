##@ Sources
.PHONY: golden
golden: ## make the golden bytes of compat-tests/golden again, and the generated code of cli/gen/tests/golden
	@ACTORBRIDGE_WRITE_GOLDEN=1 $(CARGO) test --quiet --profile $(PROFILE) -p actorbridge-proto --test golden
	@ACTORBRIDGE_WRITE_GOLDEN=1 $(CARGO) test --quiet --profile $(PROFILE) -p actorbridge --lib snapshot
	@ACTORBRIDGE_WRITE_GOLDEN=1 $(CARGO) test --quiet --profile $(PROFILE) -p actorbridge-gen --test gen golden
