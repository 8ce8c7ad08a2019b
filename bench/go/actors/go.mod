module github.com/actorbridge/actorbridge/bench/go/actors

go 1.26.0

require (
	github.com/actorbridge/actorbridge/bench/go/meter v0.0.0
	github.com/actorbridge/actorbridge/go-client v0.0.0
)

require (
	golang.org/x/sys v0.48.0 // indirect
	google.golang.org/protobuf v1.36.12 // indirect
)

replace github.com/actorbridge/actorbridge/bench/go/meter => ../meter

replace github.com/actorbridge/actorbridge/go-client => ../../../go-client
