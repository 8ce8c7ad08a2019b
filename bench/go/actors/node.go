package main

import (
	"context"
	"log/slog"
	"os"
	"strconv"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// The messages: one is told, and one comes back.
var (
	note = ab.NewRawType("bench.v1.RawNote")
	echo = ab.NewRawType("bench.v1.RawEcho")
)

// node is actors of a node that has no link.
func node(ctx context.Context) ([]meter.Case, error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	node, err := ab.Start(ctx, "bench-go", ab.WithLogger(logger))
	if err != nil {
		return nil, err
	}
	here := &meter.Local[ab.Ref]{}
	// One for all actors, since it has no state.
	receiver := ab.ReceiverFunc(func(_ ab.Context, m *ab.Message) error {
		if m.Type() == note.Name() {
			data, err := m.Raw(note)
			here.Took(data)
			return err
		}
		data, err := m.Raw(echo)
		if err != nil {
			return err
		}
		return m.ReplyRaw(echo, data)
	})
	here.Spawn = func(i, _ int) (ab.Ref, error) {
		return node.Spawn("bench/"+strconv.Itoa(i), func() ab.Receiver { return receiver })
	}
	here.Tell = func(ctx context.Context, to ab.Ref, data []byte) error { return node.TellRaw(ctx, to, note, data) }
	here.TellAll = func(ctx context.Context, to ab.Ref, data [][]byte) error {
		_, err := node.TellRawAll(ctx, to, note, data)
		return err
	}
	here.Ask = func(ctx context.Context, to ab.Ref, data []byte) error {
		_, err := node.AskRaw(ctx, to, echo, data, ab.Timeout(time.Minute))
		return err
	}
	return here.Cases(), nil
}
