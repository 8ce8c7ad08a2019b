module github.com/actorbridge/actorbridge/bench/go/ffi

go 1.26.0

require (
	github.com/actorbridge/actorbridge/bench/go/meter v0.0.0
	github.com/actorbridge/actorbridge/go-client v0.0.0
	github.com/actorbridge/actorbridge/go-client/benchcodec v0.0.0
	github.com/actorbridge/actorbridge/go-client/native v0.0.0
	github.com/tetratelabs/wazero v1.12.0
	google.golang.org/protobuf v1.36.12
)

require golang.org/x/sys v0.48.0 // indirect

replace github.com/actorbridge/actorbridge/bench/go/meter => ../meter

replace github.com/actorbridge/actorbridge/go-client/benchcodec => ../../codec/go

replace github.com/actorbridge/actorbridge/go-client => ../../../go-client

replace github.com/actorbridge/actorbridge/go-client/native => ../../../go-client/native

tool google.golang.org/protobuf/cmd/protoc-gen-go
