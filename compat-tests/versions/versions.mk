# Two versions of a schema at work: writers and readers of each, in each language, over each door.
VERSIONS_GO := go1-rust1 go1-rust2 go2-rust1 go2-rust2
BUILDS += versions-build
TESTS += versions

##@ Versions
.PHONY: versions versions-build
versions: versions-build ## writers and readers of two versions of a schema, in each language, over each door
	@cd compat-tests/versions/go && $(GO) vet -tags v2 ./...
	@sockets=$$(mktemp -d) && trap 'rm -rf "$$sockets"' EXIT && "$(TARGET_DIR)/versions" --programs "$(TARGET_DIR)" \
		--expected compat-tests/versions/expected.txt --sockets "$$sockets"

versions-build:
	@$(call cargo-build,versions-rust)
	$(call archive,versions-rust1,versions_rust1,compat-tests/versions/go/rustcore/librust1.a)
	$(call archive,versions-rust2,versions_rust2,compat-tests/versions/go/rustcore/librust2.a)
	@cd compat-tests/versions/go && for pair in $(VERSIONS_GO); do \
		version=$${pair%-*}; $(GO) build -tags "v$${version#go},$${pair#*-}" -o "$(TARGET_DIR)/versions-$$pair" .; done
