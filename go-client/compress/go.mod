module github.com/actorbridge/actorbridge/go-client/compress

go 1.26.0

require (
	github.com/actorbridge/actorbridge/go-client v0.0.0
	github.com/klauspost/compress v1.20.1
	github.com/pierrec/lz4/v4 v4.1.33
)

require (
	go.uber.org/goleak v1.3.0 // indirect
	google.golang.org/protobuf v1.36.12
)

replace github.com/actorbridge/actorbridge/go-client => ../
