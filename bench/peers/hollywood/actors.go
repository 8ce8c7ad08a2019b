package main

import (
	"context"
	"os"
	"strconv"
	"time"

	"github.com/anthdm/hollywood/actor"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// What is told, and what is asked and comes back: within a process nobody encodes it.
type (
	note struct{ data [64]byte }
	echo struct{ data [64]byte }
)

// actors is the suite `actors`: inside one process.
func actors() error {
	engine, err := actor.NewEngine(actor.NewEngineConfig())
	if err != nil {
		return err
	}
	here := &meter.Local[*actor.PID]{}
	receive := func(c *actor.Context) {
		switch m := c.Message().(type) {
		case *note:
			here.Took(m.data[:])
		case *echo:
			c.Respond(&echo{m.data})
		}
	}
	here.Spawn = func(i, _ int) (*actor.PID, error) {
		return engine.SpawnFunc(receive, "bench", actor.WithID(strconv.Itoa(i))), nil
	}
	here.Tell = func(_ context.Context, to *actor.PID, data []byte) error {
		engine.Send(to, &note{[64]byte(data)})
		return nil
	}
	here.Ask = func(_ context.Context, to *actor.PID, data []byte) error {
		_, err := engine.Request(to, &echo{[64]byte(data)}, time.Minute).Result()
		return err
	}
	return meter.Serve(context.Background(), os.Stdin, os.Stdout, 0, here.Cases())
}
