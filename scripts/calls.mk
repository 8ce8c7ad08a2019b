# The calls of docs/CALLS.md, by the tools that it names.
GRPCURL := v1.9.4
BUF := v1.75.0

##@ Longer
.PHONY: calls
calls: compat-programs target/tools/bin/grpcurl target/tools/bin/buf ## run every call of docs/CALLS.md, by grpcurl and buf, against a Go and a Rust node
	@cd compat-tests/peer-go && CGO_ENABLED=0 $(GO) build -o $(CURDIR)/$(COMPAT_PEERS)/compat-peer-go-nocgo .
	@rm -rf target/calls && mkdir -p target/calls
	@cd examples/hello && $(GO) run ./certs $(CURDIR)/target/calls hello-go hello-rust
	@scripts/calls $(COMPAT_PEERS)/compat-peer-go-nocgo $(COMPAT_PEERS)/compat-peer-rust target/calls

target/tools/bin/grpcurl:
	@GO="$(GO)" scripts/go-tool github.com/fullstorydev/grpcurl/cmd/grpcurl $(GRPCURL)

target/tools/bin/buf:
	@GO="$(GO)" scripts/go-tool github.com/bufbuild/buf/cmd/buf $(BUF)
