module github.com/actorbridge/actorbridge/compat-tests/peer-go

go 1.26.0

require (
	github.com/actorbridge/actorbridge/go-client v0.0.0
	github.com/actorbridge/actorbridge/go-client/compress v0.0.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/klauspost/compress v1.20.1 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/grpc v1.85.0 // indirect
)

replace github.com/actorbridge/actorbridge/go-client => ../../go-client

replace github.com/actorbridge/actorbridge/go-client/compress => ../../go-client/compress
