package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"

	benchv1 "github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1"
	"github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1/benchv1ab"
)

// ours is the native door: tells and asks from Go to Rust, and tells from Rust to Go.
func ours(ctx context.Context, node *ab.Node) ([]benchCase, error) {
	o := &bridge{
		counter: benchv1ab.CounterAt(node, "ab:///counter"),
		echoer:  benchv1ab.EchoerAt(node, "ab:///echoer"),
		source:  benchv1ab.SourceAt(node, "ab:///source"),
	}
	var err error
	if o.sink, err = benchv1ab.SpawnCounter(node, "sink", func() benchv1ab.Counter { return new(counter) }); err != nil {
		return nil, err
	}
	if _, err := o.counter.Read(ctx, &benchv1.Reading{}); err != nil { // it is there
		return nil, err
	}
	small, large := make([]byte, 64), make([]byte, 1024)
	return []benchCase{
		{"tell_single", o.tellSingle},
		{"tell_to_go_single", o.tellToGo},
		{"ask_inline_64", func(ctx context.Context, n int) error { return o.askInline(ctx, n, small) }},
		{"ask_inline_1024", func(ctx context.Context, n int) error { return o.askInline(ctx, n, large) }},
		{"ask_inline_typed", func(ctx context.Context, n int) error { return o.askInline(ctx, n, small) }},
		{"ask_async_seq", func(ctx context.Context, n int) error { return o.ask(ctx, n, small) }},
		{"ask_async_c64", func(ctx context.Context, n int) error { return o.askAtOnce(ctx, n, 64, small) }},
	}, nil
}

type bridge struct {
	counter, sink benchv1ab.CounterRef
	echoer        benchv1ab.EchoerRef
	source        benchv1ab.SourceRef
}

// taken waits until a counter has handled n more than before.
func taken(ctx context.Context, at benchv1ab.CounterRef, n int, send func() error) error {
	before, err := at.Read(ctx, &benchv1.Reading{}, ab.Timeout(time.Minute))
	if err != nil {
		return err
	}
	if err := send(); err != nil {
		return err
	}
	for {
		now, err := at.Read(ctx, &benchv1.Reading{}, ab.Timeout(time.Minute))
		if err != nil {
			return err
		}
		switch came := now.Notes - before.Notes; {
		case came == uint64(n):
			return nil
		case came > uint64(n):
			return fmt.Errorf("%d came of %d", came, n)
		}
	}
}

// tellToGo has an actor in Rust tell.
func (o *bridge) tellToGo(ctx context.Context, n int) error {
	return taken(ctx, o.sink, n, func() error {
		_, err := o.source.Tell(ctx, &benchv1.Order{Notes: uint64(n), Bytes: size}, ab.Timeout(time.Minute))
		return err
	})
}

func (o *bridge) tellSingle(ctx context.Context, n int) error {
	return taken(ctx, o.counter, n, func() error {
		note := &benchv1.Note{Data: make([]byte, size)}
		for i := range n {
			note.Data[0] = byte(i)
			if err := o.counter.Take(ctx, note); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *bridge) ask(ctx context.Context, n int, data []byte) error {
	for range n {
		if _, err := o.echoer.Echo(ctx, &benchv1.Payload{Data: data}); err != nil {
			return err
		}
	}
	return nil
}

func (o *bridge) askInline(ctx context.Context, n int, data []byte) error {
	for range n {
		if _, err := o.echoer.EchoInline(ctx, &benchv1.InlinePayload{Data: data}); err != nil {
			return err
		}
	}
	return nil
}

// askAtOnce has so many goroutines ask.
func (o *bridge) askAtOnce(ctx context.Context, n, many int, data []byte) error {
	var all sync.WaitGroup
	failed := make(chan error, many)
	for i := range many {
		all.Go(func() {
			if err := o.ask(ctx, (n+i)/many, data); err != nil {
				failed <- err
			}
		})
	}
	all.Wait()
	select {
	case err := <-failed:
		return err
	default:
		return nil
	}
}

// counter is a counter in Go.
type counter struct{ benchv1.Taken }

func (c *counter) Take(_ ab.Context, note *benchv1.Note) error {
	c.Notes++
	c.Sum += sum(note.Data)
	return nil
}

func (c *counter) Read(ab.Context, *benchv1.Reading) (*benchv1.Taken, error) {
	return &benchv1.Taken{Notes: c.Notes, Sum: c.Sum}, nil
}
