package main

import (
	"context"
	"fmt"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"

	benchv1 "github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1"
	"github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1/benchv1ab"
	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// ours is the native door: tells and asks from Go to Rust, and tells from Rust to Go.
func ours(ctx context.Context, node *ab.Node) ([]meter.Case, error) {
	o := &bridge{
		node: node, raw: node.RefAt("ab:///raw"),
		counter: benchv1ab.CounterAt(node, "ab:///counter"),
		echoer:  benchv1ab.EchoerAt(node, "ab:///echoer"),
		source:  benchv1ab.SourceAt(node, "ab:///source"),
	}
	var err error
	if o.sink, err = benchv1ab.SpawnCounter(node, "sink", func() benchv1ab.Counter { return new(counter) }); err != nil {
		return nil, err
	}
	if o.rawSink, err = node.Spawn("raw-sink", func() ab.Receiver { return new(rawCounter) }); err != nil {
		return nil, err
	}
	if _, err := o.counter.Read(ctx, &benchv1.Reading{}); err != nil { // it is there
		return nil, err
	}
	small, large := make([]byte, size), make([]byte, 1024)
	return []meter.Case{
		meter.Of("tell_batch64", o.tellBatch),
		meter.Of("tell_single", o.tellSingle),
		meter.Of("tell_typed_single", o.tellTyped),
		meter.Of("tell_to_go", func(ctx context.Context, n int) error { return o.tellToGo(ctx, n, true, batch) }),
		meter.Of("tell_to_go_single", func(ctx context.Context, n int) error { return o.tellToGo(ctx, n, true, 0) }),
		meter.Of("tell_to_go_typed_single", func(ctx context.Context, n int) error { return o.tellToGo(ctx, n, false, 0) }),
		meter.Of("ask_inline_64", func(ctx context.Context, n int) error { return o.askInline(ctx, n, small) }),
		meter.Of("ask_inline_1024", func(ctx context.Context, n int) error { return o.askInline(ctx, n, large) }),
		meter.Of("ask_inline_typed", func(ctx context.Context, n int) error { return o.askInlineTyped(ctx, n, small) }),
		meter.Of("ask_async_seq", func(ctx context.Context, n int) error { return o.ask(ctx, n, small) }),
		meter.Of("ask_async_c64", func(ctx context.Context, n int) error {
			return meter.AtOnce(64, n, func(n int) error { return o.ask(ctx, n, small) })
		}),
	}, nil
}

// The raw messages of both sides.
var (
	rawNote       = ab.NewRawType("bench.v1.RawNote")
	rawEcho       = ab.NewRawType("bench.v1.RawEcho")
	rawEchoInline = ab.NewRawType("bench.v1.RawEchoInline")
)

type bridge struct {
	node          *ab.Node
	raw, rawSink  ab.Ref
	counter, sink benchv1ab.CounterRef
	echoer        benchv1ab.EchoerRef
	source        benchv1ab.SourceRef
}

// taken waits until a counter has handled n more than before.
func (o *bridge) taken(ctx context.Context, at ab.Ref, n int, send func() error) error {
	before, err := ab.Ask[*benchv1.Taken](ctx, at, &benchv1.Reading{}, ab.Timeout(time.Minute))
	if err != nil {
		return err
	}
	if err := send(); err != nil {
		return err
	}
	for {
		now, err := ab.Ask[*benchv1.Taken](ctx, at, &benchv1.Reading{}, ab.Timeout(time.Minute))
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

// batch is how many messages go at once where they go in batches.
const batch = 64

// tellToGo has an actor in Rust tell, so many messages at once, or one at a time.
func (o *bridge) tellToGo(ctx context.Context, n int, raw bool, atOnce uint32) error {
	sink := o.rawSink
	if !raw {
		sink = o.sink.Ref()
	}
	return o.taken(ctx, sink, n, func() error {
		_, err := o.source.Tell(ctx, &benchv1.Order{Notes: uint64(n), Bytes: size, Raw: raw, AtOnce: atOnce}, ab.Timeout(time.Minute))
		return err
	})
}

func (o *bridge) tellBatch(ctx context.Context, n int) error {
	return o.taken(ctx, o.raw, n, func() error {
		message := make([]byte, size)
		messages := make([][]byte, batch)
		for i := range messages {
			messages[i] = message
		}
		for left := n; left > 0; left -= batch {
			message[0] = byte(left)
			if _, err := o.node.TellRawAll(ctx, o.raw, rawNote, messages[:min(left, batch)]); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *bridge) tellSingle(ctx context.Context, n int) error {
	return o.taken(ctx, o.raw, n, func() error {
		message := make([]byte, size)
		for i := range n {
			message[0] = byte(i)
			if err := o.node.TellRaw(ctx, o.raw, rawNote, message); err != nil {
				return err
			}
		}
		return nil
	})
}

func (o *bridge) tellTyped(ctx context.Context, n int) error {
	return o.taken(ctx, o.counter.Ref(), n, func() error {
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
		if _, err := o.node.AskRaw(ctx, o.raw, rawEcho, data); err != nil {
			return err
		}
	}
	return nil
}

func (o *bridge) askInline(ctx context.Context, n int, data []byte) error {
	for range n {
		if _, err := o.node.AskRawInline(ctx, o.raw, rawEchoInline, data); err != nil {
			return err
		}
	}
	return nil
}

func (o *bridge) askInlineTyped(ctx context.Context, n int, data []byte) error {
	for range n {
		if _, err := o.echoer.EchoInline(ctx, &benchv1.InlinePayload{Data: data}); err != nil {
			return err
		}
	}
	return nil
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

// rawCounter is a counter of raw messages in Go.
type rawCounter struct{ benchv1.Taken }

func (c *rawCounter) Receive(_ ab.Context, m *ab.Message) error {
	if m.Type() != rawNote.Name() {
		return m.Reply(&benchv1.Taken{Notes: c.Notes, Sum: c.Sum})
	}
	data, err := m.Raw(rawNote)
	c.Notes++
	c.Sum += sum(data)
	return err
}
