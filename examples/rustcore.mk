# The Go packages that carry the examples' Rust actors.
BUILDS += hello-rustcore handover-rustcore

##@ Libraries
.PHONY: hello-rustcore handover-rustcore
hello-rustcore: ## the Go package with the Rust actors of examples/hello
	$(call archive,hello-rust,hello_rust,examples/hello/rustcore/libhello_$(GOOS)_$(GOARCH).a)

handover-rustcore: ## the Go package with the Rust actors of the handover
	$(call archive,handover-rust,handover_rust,examples/handover/rustcore/libhandover_$(GOOS)_$(GOARCH).a)
