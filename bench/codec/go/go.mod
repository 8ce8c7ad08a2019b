// The path is below go-client's, so that the program may use go-client/internal/wire: the Go node's own writer of envelopes, which
// users do not see.
module github.com/actorbridge/actorbridge/go-client/benchcodec

go 1.26.0

require (
	github.com/actorbridge/actorbridge/bench/go/meter v0.0.0
	github.com/actorbridge/actorbridge/go-client v0.0.0
	github.com/vmihailenco/msgpack/v5 v5.4.1
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/vmihailenco/tagparser/v2 v2.0.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
)

replace github.com/actorbridge/actorbridge/bench/go/meter => ../../go/meter

replace github.com/actorbridge/actorbridge/go-client => ../../../go-client

tool google.golang.org/protobuf/cmd/protoc-gen-go
