.PHONY: golden
golden: ## make the golden bytes of compat-tests/golden again
	@ACTORBRIDGE_WRITE_GOLDEN=1 $(CARGO) test --quiet --profile $(PROFILE) -p actorbridge-proto --test golden
	@ACTORBRIDGE_WRITE_GOLDEN=1 $(CARGO) test --quiet --profile $(PROFILE) -p actorbridge --lib snapshot
