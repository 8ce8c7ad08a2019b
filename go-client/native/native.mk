# The native door's tests run in `test-go`; these need a program without cgo.
TESTS += native-pure

##@ Tests, one by one
.PHONY: native-pure
native-pure: ## the native door in a program without cgo
	@cd go-client/native && CGO_ENABLED=0 $(GO) test -v ./...
