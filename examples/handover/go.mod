module github.com/actorbridge/actorbridge/examples/handover

go 1.26.0

require google.golang.org/protobuf v1.36.12

require (
	github.com/actorbridge/actorbridge/go-client v0.0.0
	github.com/actorbridge/actorbridge/go-client/native v0.0.0
)

replace github.com/actorbridge/actorbridge/go-client => ../../go-client

replace github.com/actorbridge/actorbridge/go-client/native => ../../go-client/native
