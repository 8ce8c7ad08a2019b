# Protobuf's conformance suite and both nodes' codecs. Its runner comes from PyPI, and needs g++ where glibc is older than 2.38.
CONFORMANCE := $(CURDIR)/target/compat/conformance
RUNS += $(if $(shell python3 -c 'import pip; print("yes")' 2>/dev/null),conformance)

##@ Compat matrix
.PHONY: conformance conformance-programs
conformance: conformance-programs $(CONFORMANCE)/suite.binpb ## protobuf's conformance suite on the codecs of both nodes
	@cd compat-tests/conformance && python=$(CONFORMANCE)/python && \
	run() { work=$(CONFORMANCE)/$$1; shift; PYTHONPATH=$$python python3 runner.py $$work "$$@"; } && \
	run rust expected/rust.txt $(TARGET_DIR)/compat-conformance-rust typed && \
	run rust-msgpack expected/rust-msgpack.txt $(TARGET_DIR)/compat-conformance-rust msgpack && \
	run go expected/go.txt $(CONFORMANCE)/compat-conformance-go -descriptors $(CONFORMANCE)/suite.binpb && \
	run go-msgpack expected/go.txt $(CONFORMANCE)/compat-conformance-go -descriptors $(CONFORMANCE)/suite.binpb -way msgpack

conformance-programs:
	@$(call cargo-build,compat-conformance-rust)
	@cd compat-tests/matrix/go && $(GO) build -o $(CONFORMANCE)/compat-conformance-go ./conformance

# The runner, and what it and the Go program say to each other.
$(CONFORMANCE)/suite.binpb: compat-tests/conformance/requirements.txt
	@rm -rf $(CONFORMANCE)/python && mkdir -p $(CONFORMANCE)
	@python3 -m pip install --quiet --root-user-action ignore --disable-pip-version-check --target $(CONFORMANCE)/python -r $<
	@protos=$(CONFORMANCE)/python/protoc/include && PYTHONPATH=$(CONFORMANCE)/python $(CONFORMANCE)/python/bin/protoc -I $$protos \
		-I $$protos/conformance/messages --include_imports --descriptor_set_out=$@ conformance/conformance.proto \
		test_messages_proto3.proto
