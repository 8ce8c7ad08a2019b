# Figures beside those of what one would use instead.
RUNS += bench-smoke

BENCH := "$(TARGET_DIR)/bench"

##@ Longer
.PHONY: bench-actors bench-actors-programs bench-peers bench-programs bench-ffi bench-link-programs bench-link bench-codec-programs bench-codec bench-door bench-door-programs bench-smoke
bench-programs: cli
	@target/bin/actorbridge build --project bench/go/ffi --profile $(PROFILE)
	@cd bench/go/ffi && $(GO) build -o "$(TARGET_DIR)/bench-ffi" .

bench-ffi: ## the native door against a Go channel and cgo by hand; QUICK=1 for a short run
	@$(MAKE) PROFILE=release bench-programs
	@$(CARGO) run --quiet --release -p actorbridge-bench -- ffi $(if $(QUICK),--quick) \
		--json target/bench-ffi.json --html target/bench-ffi.html

# They are modules of their own, so that nobody else downloads what they are made of.
bench-peers:
	@for peer in protoactor hollywood; do (cd bench/peers/$$peer && $(GO) build -o "$(TARGET_DIR)/bench-$$peer" .); done

bench-link-programs: bench-peers
	@$(call cargo-build,actorbridge-bench-link)
	@cd bench/go/link && $(GO) build -o "$(TARGET_DIR)/bench-link" .

bench-link: ## the remote door against other actor systems and bare gRPC; QUICK=1 for a short run
	@$(MAKE) PROFILE=release bench-link-programs
	@$(CARGO) run --quiet --release -p actorbridge-bench -- link $(if $(QUICK),--quick) \
		--json target/bench-link.json --html target/bench-link.html

bench-actors-programs: bench-peers
	@$(call cargo-build,actorbridge-bench-actors)
	@cd bench/go/actors && $(GO) build -o "$(TARGET_DIR)/bench-actors-go" .

bench-actors: ## up to a million actors in Go and in Rust, against goroutines, tokio tasks and others; QUICK=1 for a short run
	@$(MAKE) PROFILE=release bench-actors-programs
	@$(CARGO) run --quiet --release -p actorbridge-bench -- actors $(if $(QUICK),--quick) \
		--json target/bench-actors.json --html target/bench-actors.html

# Java needs a JDK (17 or newer) and Maven; where they are missing, the program of an earlier build is not used either.
BENCH_JAVA := $(CURDIR)/target/bench-codec-java
BENCH_HAS_JAVA := $(and $(shell command -v java),$(shell command -v javac),$(shell command -v mvn))

bench-codec-programs: $(if $(BENCH_HAS_JAVA),$(BENCH_JAVA)/bench-codec-java.jar)
	@$(call cargo-build,actorbridge-bench-codec)
	@cd bench/codec/go && $(GO) build -o "$(TARGET_DIR)/bench-codec-go" .
	@$(if $(BENCH_HAS_JAVA),cp $< ,rm -f )"$(TARGET_DIR)/bench-codec-java.jar"

$(BENCH_JAVA)/bench-codec-java.jar: bench/codec/java/pom.xml bench/codec/proto/bench/codec/v1/codec.proto \
		$(wildcard bench/codec/java/src/main/java/actorbridge/bench/*.java)
	@$(call first-build,$@,what is measured in Java)
	@mvn --quiet --batch-mode -f bench/codec/java/pom.xml -Dout=$(BENCH_JAVA) package
	@touch $@

bench-codec: ## what protobuf, JSON and MessagePack cost in Rust, Go and Java; QUICK=1 for a short run
	@$(MAKE) PROFILE=release bench-codec-programs
	@$(CARGO) run --quiet --release -p actorbridge-bench --features png -- codec $(if $(QUICK),--quick) \
		--json target/bench-codec.json --html target/bench-codec.html --png target/bench-codec.png

bench-door: ## flights in protobuf, JSON and MessagePack through each door; QUICK=1 for a short run
	@$(MAKE) PROFILE=release bench-door-programs
	@$(CARGO) run --quiet --release -p actorbridge-bench -- door $(if $(QUICK),--quick) \
		--json target/bench-door.json --html target/bench-door.html

# Each door's, and what codecs cost alone.
bench-door-programs: bench-programs bench-codec-programs
	@$(call cargo-build,actorbridge-bench-link)
	@cd bench/go/link && $(GO) build -o "$(TARGET_DIR)/bench-link" .

# The figures of a debug build mean nothing; that each case runs does.
bench-smoke: bench-programs bench-link-programs bench-codec-programs bench-actors-programs
	@$(call cargo-build,actorbridge-bench)
	@$(BENCH) ffi --quick --rounds 1 --actors 1000 --program "$(TARGET_DIR)/bench-ffi"
	@$(BENCH) link --quick --rounds 1 --turn 20 --programs "$(TARGET_DIR)"
	@$(BENCH) codec --quick --rounds 1 --turn 1 --programs "$(TARGET_DIR)"
	@$(BENCH) door --quick --rounds 1 --turn 10 --programs "$(TARGET_DIR)"
	@$(BENCH) actors --quick --rounds 1 --turn 5 --actors 1000 --programs "$(TARGET_DIR)"
