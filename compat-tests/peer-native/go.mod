module github.com/actorbridge/actorbridge/compat-tests/peer-native

go 1.26.0

require (
	github.com/actorbridge/actorbridge/compat-tests/peer-go v0.0.0
	github.com/actorbridge/actorbridge/go-client v0.0.0
	github.com/actorbridge/actorbridge/go-client/native v0.0.0
	github.com/actorbridge/actorbridge/go-client/prom v0.0.0
	github.com/prometheus/client_golang v1.25.0
	github.com/prometheus/client_model v0.6.3
	github.com/prometheus/common v0.72.0
	google.golang.org/protobuf v1.36.12
)

require (
	github.com/actorbridge/actorbridge/go-client/compress v0.0.0 // indirect
	github.com/beorn7/perks v1.0.1 // indirect
	github.com/cespare/xxhash/v2 v2.3.0 // indirect
	github.com/klauspost/compress v1.20.1 // indirect
	github.com/munnerz/goautoneg v0.0.0-20191010083416-a7dc8b61c822 // indirect
	github.com/pierrec/lz4/v4 v4.1.33 // indirect
	github.com/prometheus/procfs v0.22.0 // indirect
	go.uber.org/goleak v1.3.0 // indirect
	golang.org/x/net v0.60.0 // indirect
	golang.org/x/sys v0.48.0 // indirect
	golang.org/x/text v0.42.0 // indirect
	google.golang.org/genproto/googleapis/rpc v0.0.0-20260817212433-ac3dfec99bb1 // indirect
	google.golang.org/grpc v1.85.0 // indirect
)

replace github.com/actorbridge/actorbridge/compat-tests/peer-go => ../peer-go

replace github.com/actorbridge/actorbridge/go-client => ../../go-client

replace github.com/actorbridge/actorbridge/go-client/compress => ../../go-client/compress

replace github.com/actorbridge/actorbridge/go-client/native => ../../go-client/native

replace github.com/actorbridge/actorbridge/go-client/prom => ../../go-client/prom
