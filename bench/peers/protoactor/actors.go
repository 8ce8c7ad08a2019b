package main

import (
	"context"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// What is told, and what is asked and comes back: within a process nobody encodes it.
type (
	note struct{ data [64]byte }
	echo struct{ data [64]byte }
)

// actors is the suite `actors`: inside one process.
func actors() error {
	root := system().Root
	here := &meter.Local[*actor.PID]{}
	props := actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *note:
			here.Took(m.data[:])
		case *echo:
			c.Respond(&echo{m.data})
		}
	})
	here.Spawn = func(int, int) (*actor.PID, error) { return root.Spawn(props), nil }
	here.Tell = func(_ context.Context, to *actor.PID, data []byte) error {
		root.Send(to, &note{[64]byte(data)})
		return nil
	}
	here.Ask = func(_ context.Context, to *actor.PID, data []byte) error {
		_, err := root.RequestFuture(to, &echo{[64]byte(data)}, time.Minute).Result()
		return err
	}
	return meter.Serve(context.Background(), os.Stdin, os.Stdout, 0, here.Cases())
}
