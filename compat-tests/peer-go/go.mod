module github.com/actorbridge/actorbridge/compat-tests/peer-go

go 1.26.0

require (
	github.com/actorbridge/actorbridge/go-client v0.0.0
	google.golang.org/protobuf v1.36.12
)

replace github.com/actorbridge/actorbridge/go-client => ../../go-client
