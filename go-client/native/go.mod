module github.com/actorbridge/actorbridge/go-client/native

go 1.26.0

require (
	github.com/actorbridge/actorbridge/go-client v0.0.0
	google.golang.org/protobuf v1.36.12
)

replace github.com/actorbridge/actorbridge/go-client => ../
