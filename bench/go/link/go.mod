module github.com/actorbridge/actorbridge/bench/go/link

go 1.26.0

require (
	github.com/actorbridge/actorbridge/bench/go/ffi v0.0.0
	github.com/actorbridge/actorbridge/bench/go/meter v0.0.0
	github.com/actorbridge/actorbridge/go-client v0.0.0
	github.com/actorbridge/actorbridge/go-client/benchcodec v0.0.0
	google.golang.org/grpc v1.85.0
)

require (
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/actorbridge/actorbridge/bench/go/ffi => ../ffi

replace github.com/actorbridge/actorbridge/bench/go/meter => ../meter

replace github.com/actorbridge/actorbridge/go-client/benchcodec => ../../codec/go

replace github.com/actorbridge/actorbridge/go-client => ../../../go-client

replace github.com/actorbridge/actorbridge/go-client/native => ../../../go-client/native
