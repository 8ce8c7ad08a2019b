# The compat matrix: what each peer writes, each peer reads. Java needs a JDK (17 or newer) and Maven, Python its venv module;
# where they are missing, that peer is left out, and the run says so.
MATRIX := $(CURDIR)/target/compat/matrix
MATRIX_RUN = $(COMPAT) run --out $(MATRIX) $(MATRIX_WITHOUT) $(ARGS)
MATRIX_HAS_JAVA := $(and $(shell command -v java),$(shell command -v javac),$(shell command -v mvn))
MATRIX_HAS_PYTHON := $(shell python3 -c 'import ensurepip, venv; print("yes")' 2>/dev/null)
MATRIX_WITHOUT := $(if $(MATRIX_HAS_JAVA),,--without java) $(if $(MATRIX_HAS_PYTHON),,--without python)
MATRIX_PROTO := $(wildcard proto/actorbridge/v1/*.proto compat-tests/versions/*/proto/versions/v1/*.proto \
	compat-tests/matrix/proto/actorbridge/compat/v1/*.proto compat-tests/proto/actorbridge/test/v1/codecs.proto)
BUILDS += matrix-peers
RUNS += matrix-smoke

##@ Compat matrix
.PHONY: matrix matrix-smoke matrix-peers matrix-go matrix-c matrix-golden
matrix: matrix-peers versions-build ## what each peer writes, each peer reads (ARGS="--html matrix.html --json matrix.json")
	@$(MATRIX_RUN)

matrix-smoke: matrix-peers ## its smoke slice, and the planned mistakes of each peer, which it must see
	@$(MATRIX_RUN) --smoke
	@$(COMPAT) mutants --out $(MATRIX) $(MATRIX_WITHOUT)

matrix-golden: matrix-peers ## the golden bytes of each peer anew, after a wanted change of its writer
	@$(COMPAT) golden --out $(MATRIX)

matrix-peers: compat-peers matrix-go matrix-c $(if $(MATRIX_HAS_PYTHON),$(MATRIX)/python/made) \
		$(if $(MATRIX_HAS_JAVA),$(MATRIX)/java/compat-matrix-java.jar)
	@$(call cargo-build,compat-tests compat-matrix-rust)
	@ln -sf $(TARGET_DIR)/compat-matrix-rust $(MATRIX)/compat-matrix-rust
	@ln -sfn $(TARGET_DIR) $(MATRIX)/versions

matrix-go:
	@cd compat-tests/matrix/go && for version in v1 v2; do \
		$(GO) vet -tags $$version ./... && \
		$(GO) build -tags $$version -o $(MATRIX)/compat-matrix-go-$$version . && \
		CGO_ENABLED=0 $(GO) build -tags $$version -o $(MATRIX)/compat-matrix-go-nocgo-$$version .; done

matrix-c: lib
	@mkdir -p $(MATRIX)
	@gcc -std=c99 -O1 $(C_FLAGS) compat-tests/matrix/c/peer.c "$(TARGET_DIR)/libactorbridge_lib.a" -lm -ldl -lpthread \
		-o $(MATRIX)/compat-matrix-c

$(MATRIX)/python/made: compat-tests/matrix/python/requirements.txt $(MATRIX_PROTO)
	@rm -rf $(MATRIX)/python && mkdir -p $(MATRIX)/python
	@python3 -m venv $(MATRIX)/python/venv
	@$(MATRIX)/python/venv/bin/pip install --quiet --disable-pip-version-check -r compat-tests/matrix/python/requirements.txt
	@for version in v1 v2; do \
		mkdir -p $(MATRIX)/python/generated/$$version && \
		$(MATRIX)/python/venv/bin/python -m grpc_tools.protoc -I proto -I compat-tests/versions/$$version/proto \
			-I compat-tests/matrix/proto -I compat-tests/proto --python_out $(MATRIX)/python/generated/$$version \
			$(filter-out compat-tests/versions/%,$(MATRIX_PROTO)) compat-tests/versions/$$version/proto/versions/v1/desk.proto; done
	@touch $@

$(MATRIX)/java/compat-matrix-java.jar: compat-tests/matrix/java/pom.xml $(MATRIX_PROTO) \
		$(wildcard compat-tests/matrix/java/src/main/java/actorbridge/compat/*.java)
	@$(call first-build,$@,the Java peer)
	@mvn --quiet --batch-mode -f compat-tests/matrix/java/pom.xml -Dout=$(MATRIX)/java package
	@touch $@
