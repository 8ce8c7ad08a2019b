package main

import (
	"context"
	"errors"
	"time"

	"github.com/actorbridge/actorbridge/go-client/native"
	"github.com/actorbridge/actorbridge/go-client/remote"

	"github.com/actorbridge/actorbridge/examples/handover/outcome"
	_ "github.com/actorbridge/actorbridge/examples/handover/rustcore" // links the Rust actor
)

// openers make the run over each door: they differ in where the Rust node is, and in nothing that the stream sees.
var openers = map[string]func(ctx context.Context, args *arguments, rows uint64) (*outcome.Run, error){
	"native": overNative,
	"remote": overRemote,
}

// steps has the carriers go to Rust after half, and come back after three quarters.
func steps(rows uint64) []step {
	return []step{{row: rows / 2, to: rustNode}, {row: rows - rows/4, to: goNode}}
}

// overNative runs with the Rust node in this process.
func overNative(ctx context.Context, args *arguments, rows uint64) (*outcome.Run, error) {
	s := &stream{path: args.file, rows: rows, door: native.Door(native.Name(rustNode)), steps: steps(rows)}
	return s.run(ctx, "native")
}

// obituaryTime is how long a failed run waits for the news that the Rust process is dead: that says more than its link.
const obituaryTime = time.Second

// overRemote runs with the Rust node in a process of its own.
func overRemote(ctx context.Context, args *arguments, rows uint64) (*outcome.Run, error) {
	child, err := startChild(ctx, args.rust)
	if err != nil {
		return nil, err
	}
	running, dead := context.WithCancelCause(ctx)
	defer dead(nil)
	go func() {
		<-child.ended
		dead(child.obituary())
	}()
	s := &stream{path: args.file, rows: rows, door: remote.Door(child.address), steps: steps(rows)}
	run, err := s.run(running, "remote")
	if err != nil && child.endsWithin(obituaryTime) {
		return nil, child.obituary()
	}
	return run, errors.Join(err, child.end(endTime))
}
