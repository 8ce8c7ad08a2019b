# The C library: libactorbridge for C users, and the archive that Go's native/lib links.
GOOS := $(shell $(GO) env GOOS 2>/dev/null)
GOARCH := $(shell $(GO) env GOARCH 2>/dev/null)
C_FLAGS := -Wall -Wextra -Werror -pedantic -Iffi/include
C_VERSION := $(shell sed -n 's/^version = "\(.*\)"/\1/p' Cargo.toml)
SHARED := $(if $(filter darwin,$(GOOS)),dylib,so)

# $(call archive,CRATE,LIBRARY,FILE): builds a crate's static library and puts it, stripped of debug lines, where a Go
# package links it. An equal file is left alone, so that Go does not link anew.
define archive
	@$(call first-build,$(TARGET_DIR)/lib$(2).a,$(1))
	@$(call cargo-build,$(1))
	@mkdir -p $(dir $(3)) target/tmp
	@strip -S -o target/tmp/$(notdir $(3)) $(TARGET_DIR)/lib$(2).a
	@cmp -s target/tmp/$(notdir $(3)) $(3) || cp target/tmp/$(notdir $(3)) $(3)
	@rm -f target/tmp/$(notdir $(3))
	@printf '//go:build cgo\n\npackage %s\n\n// %s is what the library beside it is now: Go looks at none that it links, and would not notice a new one.\nvar %s = "%s"\n' \
		$(notdir $(patsubst %/,%,$(dir $(3)))) $(subst _,,$(2))Sum $(subst _,,$(2))Sum "$$(sha256sum <$(3) | cut -d' ' -f1)" \
		>$(dir $(3))sum_$(basename $(notdir $(3))).go
endef

CHECKS += c-header
BUILDS += lib
TESTS += c-abi c-install $(if $(filter linux,$(GOOS)),c-process)
RUNS += c-hello c-rings

##@ Libraries
.PHONY: lib install c-header c-abi c-hello c-rings c-install c-process
lib: ## the archive that go-client/native/lib links
	$(call archive,actorbridge-lib,actorbridge_lib,go-client/native/lib/libactorbridge_$(GOOS)_$(GOARCH).a)

install: lib ## header, libraries and a pkg-config file for C, below PREFIX
	@ffi/install "$(PREFIX)" "$(TARGET_DIR)" $(SHARED) $(C_VERSION)

# The header alone, as every standard that C and C++ users compile with.
c-header:
	@for std in c99 c11; do gcc -std=$$std $(C_FLAGS) -fsyntax-only -x c ffi/include/actorbridge.h; done
	@g++ -std=c++17 $(C_FLAGS) -fsyntax-only -x c++ ffi/include/actorbridge.h

# What may not change within a major version: the library's symbols, and the layout of the structs.
c-abi: lib
	@mkdir -p target/c
	@gcc -std=c99 $(C_FLAGS) ffi/tests/c/layout.c -o target/c/layout
	@target/c/layout | diff ffi/tests/golden/layout.txt -
	@nm $(if $(filter darwin,$(GOOS)),-gU,-D --defined-only) "$(TARGET_DIR)/libactorbridge_lib.$(SHARED)" \
		| awk '{ sub(/^_/, "", $$3); print $$3 }' | sort | diff ffi/tests/golden/symbols.txt -

c-hello: ## a C program with a Rust actor in it
	@$(call cargo-build,hello-rust)
	@mkdir -p target/c
	@gcc -std=c99 $(C_FLAGS) examples/c/hello.c "$(TARGET_DIR)/libhello_rust.a" -lm -ldl -lpthread -o target/c/hello
	@target/c/hello | tee target/c/hello.said
	@diff target/c/hello.said - <<<"Hello Bob, you are guest number 2 of this Rust actor."

c-rings: ## the smallest client of the rings in shared memory, which fills them (Linux: its doorbell is watched by epoll)
	@$(call cargo-build,hello-rust)
	@mkdir -p target/c
	@gcc -std=c99 $(C_FLAGS) examples/c/rings.c "$(TARGET_DIR)/libhello_rust.a" -lm -ldl -lpthread -o target/c/rings
	@target/c/rings | tee target/c/rings.said
	@diff target/c/rings.said - <<<"Hello Bob, you are guest number 101 of this Rust actor."

c-install: lib ## `make install` into a folder of its own, and the C example built from there
	@ffi/tests/install "$(TARGET_DIR)"

# What else a process does: it forks while links open and close, and unloads the library. ROUNDS is how often, for each.
c-process: lib
	@mkdir -p target/c
	@gcc -std=c99 $(C_FLAGS) ffi/tests/c/fork.c "$(TARGET_DIR)/libactorbridge_lib.a" -lm -ldl -lpthread -o target/c/fork
	@gcc -std=c99 $(C_FLAGS) ffi/tests/c/reload.c -ldl -lpthread -o target/c/reload
	@target/c/fork $(or $(ROUNDS),100)
	@target/c/reload "$(TARGET_DIR)/libactorbridge_lib.$(SHARED)" $(or $(ROUNDS),100)
