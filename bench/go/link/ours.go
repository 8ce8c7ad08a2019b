package main

import (
	"context"
	"encoding/binary"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"

	benchv1 "github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1"
	"github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1/benchv1ab"
	"github.com/actorbridge/actorbridge/bench/go/meter"
)

const (
	// batch is how many messages are told at once, where they are.
	batch = 64
	// pause is between two batches, where each is to leave alone.
	pause = 200 * time.Microsecond
	// mailbox is that of the actors here; those in Rust have the same.
	mailbox = 8192
	// patience is how long an ask may take that counts, or that has others tell.
	patience = time.Minute
)

// The raw messages of both sides.
var (
	rawNote  = ab.NewRawType("bench.v1.RawNote")
	rawEcho  = ab.NewRawType("bench.v1.RawEcho")
	rawOrder = ab.NewRawType("bench.v1.RawOrder")
)

// bridge is a node and the actors at the other end of its link.
type bridge struct {
	node                        *ab.Node
	raw, source, bouncer, stuck ab.Ref
	counter                     benchv1ab.CounterRef
	// told is how many the raw counter has counted so far.
	told uint64
	meter.Remote[[]byte]
}

func newBridge(node *ab.Node, raw string) *bridge {
	b := &bridge{
		node: node, raw: node.RefAt(raw), source: node.RefAt("ab:///source"), bouncer: node.RefAt("ab:///bouncer"),
		stuck: node.RefAt("ab:///stuck"), counter: benchv1ab.CounterAt(node, "ab:///counter"),
	}
	b.Message = func(data []byte) []byte { return data }
	b.Tell = func(ctx context.Context, m []byte) error { return node.TellRaw(ctx, b.raw, rawNote, m) }
	b.Taken = func(ctx context.Context) (uint64, error) { return b.taken(ctx, b.raw, &b.told) }
	b.Ask = func(ctx context.Context, m []byte) error {
		_, err := node.AskRaw(ctx, b.raw, rawEcho, m)
		return err
	}
	b.TellBack = func(ctx context.Context, m []byte) error { return node.TellRaw(ctx, b.bouncer, rawEcho, m) }
	return b
}

// taken is how many a counter has counted since it was asked last.
func (b *bridge) taken(ctx context.Context, counter ab.Ref, before *uint64) (uint64, error) {
	now, err := ab.Ask[*benchv1.Taken](ctx, counter, &benchv1.Reading{}, ab.Timeout(patience))
	if err != nil {
		return 0, err
	}
	came := now.Notes - *before
	*before = now.Notes
	return came, nil
}

// cases are those of every actor system, with ours told at once where that is possible, and those that are compared with them.
func (b *bridge) cases() ([]meter.Case, error) {
	to := &sink{told: make(chan uint64, 1)}
	if _, err := b.node.Spawn("sink", func() ab.Receiver { return to }, ab.Mailbox(mailbox)); err != nil {
		return nil, err
	}
	back := func() ab.Receiver {
		return ab.ReceiverFunc(func(_ ab.Context, m *ab.Message) error {
			data, err := m.Raw(rawEcho)
			if err == nil {
				b.Came(data)
			}
			return err
		})
	}
	if _, err := b.node.Spawn("back", back, ab.Mailbox(mailbox)); err != nil {
		return nil, err
	}
	cases := b.Cases()
	for i := range cases {
		switch cases[i].Name {
		case "tell_64", "tell_1024":
			cases[i].Name += "_single"
		}
	}
	return append(cases,
		meter.Case{Name: "tell_64", Run: b.batches(64, 0)},
		meter.Case{Name: "tell_1024", Run: b.batches(1024, 0)},
		meter.Case{Name: "tell_64_typed", Run: b.typed},
		meter.Case{Name: "tell_64_to_go", Run: b.toGo(to, 64, 0)},
		meter.Case{Name: "tell_1024_to_go", Run: b.toGo(to, 1024, 0)},
		meter.Case{Name: "batches_64_to_go", Run: b.toGo(to, 64, pause)},
	), nil
}

// batches tells so many at once.
func (b *bridge) batches(size int, pause time.Duration) func(context.Context, int) error {
	message := make([]byte, size)
	messages := make([][]byte, batch)
	for i := range messages {
		messages[i] = message
	}
	return func(ctx context.Context, n int) error {
		return meter.Counted(ctx, n, b.Taken, func() error {
			for left := n; left > 0; left -= batch {
				if _, err := b.node.TellRawAll(ctx, b.raw, rawNote, messages[:min(left, batch)]); err != nil {
					return err
				}
				if pause > 0 {
					time.Sleep(pause)
				}
			}
			return nil
		})
	}
}

// typed tells protobuf messages by a typed reference, one by one.
func (b *bridge) typed(ctx context.Context, n int) error {
	var told uint64
	note := &benchv1.Note{Data: make([]byte, 64)}
	taken := func(ctx context.Context) (uint64, error) { return b.taken(ctx, b.counter.Ref(), &told) }
	return meter.Counted(ctx, n, taken, func() error {
		for range n {
			if err := b.counter.Take(ctx, note); err != nil {
				return err
			}
		}
		return nil
	})
}

// toGo has the actor in Rust tell, a batch at once, and waits until all have been handled.
func (b *bridge) toGo(to *sink, size int, pause time.Duration) func(context.Context, int) error {
	return func(ctx context.Context, n int) error {
		var order []byte
		for _, number := range []int{n, size, batch, int(pause.Microseconds())} {
			order = binary.LittleEndian.AppendUint64(order, uint64(number))
		}
		// It tells as many as were ordered before it answers, and none of them later.
		to.want.Store(uint64(n))
		if _, err := b.node.AskRaw(ctx, b.source, rawOrder, order, ab.Timeout(patience)); err != nil {
			return err
		}
		select {
		case <-to.told:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// block has the stream to another actor over the same link wait for ever.
func (b *bridge) block(ctx context.Context) {
	go func() {
		for b.node.TellRaw(ctx, b.stuck, rawNote, []byte{1}) == nil {
		}
	}()
}
