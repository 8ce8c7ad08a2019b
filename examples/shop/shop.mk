# Typed actors: a cart in Go, a pricer in Rust, from one schema.
BUILDS += shop-build
RUNS += shop

##@ Start here
.PHONY: shop shop-build
shop: shop-build ## typed actors from one schema, over every door
	@examples/shop/run "$(TARGET_DIR)"

shop-build: cli
	@target/bin/actorbridge build --project examples/shop --profile $(PROFILE)
	@$(call cargo-build,shop-rust)
	@cd examples/shop && $(GO) build -o "$(TARGET_DIR)/shop" . && CGO_ENABLED=0 $(GO) build -o "$(TARGET_DIR)/shop-pure" .
