# The C library: libactorbridge for C users, and the archive that Go's native/lib links.
GOOS := $(shell $(GO) env GOOS)
GOARCH := $(shell $(GO) env GOARCH)

# $(call archive,CRATE,LIBRARY,FILE): builds a crate's static library and puts it, stripped of debug lines, where a Go
# package links it. An equal file is left alone, so that Go does not link anew.
define archive
	@$(CARGO) build --quiet --profile $(PROFILE) -p $(1)
	@mkdir -p $(dir $(3)) target/tmp
	@strip -S -o target/tmp/$(notdir $(3)) $(TARGET_DIR)/lib$(2).a
	@cmp -s target/tmp/$(notdir $(3)) $(3) || cp target/tmp/$(notdir $(3)) $(3)
	@rm -f target/tmp/$(notdir $(3))
endef

BUILDS += lib

##@ Libraries
.PHONY: lib
lib: ## the archive that go-client/native/lib links
	$(call archive,actorbridge-lib,actorbridge_lib,go-client/native/lib/libactorbridge_$(GOOS)_$(GOARCH).a)
