// The path is below go-client's, so that the peer may use go-client/internal/wire: the Go node's own reader and writer of
// envelopes, which users do not see.
module github.com/actorbridge/actorbridge/go-client/compat

go 1.26.0

require (
	github.com/actorbridge/actorbridge/compat-tests/versions/go v0.0.0
	github.com/actorbridge/actorbridge/go-client v0.0.0
	google.golang.org/protobuf v1.36.12
)

replace github.com/actorbridge/actorbridge/compat-tests/versions/go => ../../versions/go

replace github.com/actorbridge/actorbridge/go-client => ../../../go-client

replace github.com/actorbridge/actorbridge/go-client/native => ../../../go-client/native

tool google.golang.org/protobuf/cmd/protoc-gen-go
