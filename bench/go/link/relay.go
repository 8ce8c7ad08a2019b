package main

import (
	"context"
	"log/slog"
	"os"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/remote"

	benchv1 "github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1"
	"github.com/actorbridge/actorbridge/bench/go/meter"
)

const (
	// far, as the program's argument before a relay's address, makes it the receiver behind that relay.
	far     = "far"
	farNode = "bench-go-far"
	hub     = "bench-relay"
)

// rawCounter counts raw notes, as the one in Rust does.
type rawCounter struct{ taken benchv1.Taken }

// Receive implements ab.Receiver.
func (c *rawCounter) Receive(_ ab.Context, m *ab.Message) error {
	data, err := m.Raw(rawNote)
	if err != nil {
		return m.Reply(&c.taken)
	}
	c.taken.Notes++
	c.taken.Sum += uint64(data[0])
	return nil
}

// runFar is the receiving process in Go: it listens, for who is linked with it, and is linked with a relay.
func runFar(ctx context.Context, relay string) error {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	node, err := ab.Start(ctx, farNode, ab.WithAcceptedRelay(hub), ab.WithLink(remote.Door(relay)), ab.WithLogger(logger))
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_ = node.Shutdown(ctx)
	}()
	for _, path := range []string{"raw-direct", "raw-relayed"} {
		if _, err := node.Spawn(path, func() ab.Receiver { return new(rawCounter) }, ab.Mailbox(mailbox)); err != nil {
			return err
		}
	}
	server, err := remote.Listen(node, "tcp://127.0.0.1:0")
	if err != nil {
		return err
	}
	defer server.Close()
	return meter.Listening(where{Node: []string{server.Addr()}})
}

// relayed are the cases of a receiver in Go that is linked with, and of the same behind a relay in Rust.
func (n *nodes) relayed(ctx context.Context, rust string) ([]meter.Case, []*meter.Peer, error) {
	var relay, receiver where
	hubPeer, err := meter.StartPeer(&relay, rust, "--relay")
	if err != nil {
		return nil, nil, err
	}
	peers := []*meter.Peer{hubPeer}
	program, err := os.Executable()
	if err != nil {
		return nil, peers, err
	}
	farPeer, err := meter.StartPeer(&receiver, program, far, relay.Node[0])
	if err != nil {
		return nil, peers, err
	}
	peers = append(peers, farPeer)
	direct, err := n.start(ctx, "-direct", remote.Door(receiver.Node[0]))
	if err != nil {
		return nil, peers, err
	}
	behind, err := n.start(ctx, "-relayed", remote.Door(relay.Node[0]), ab.WithRoute(farNode, hub))
	if err != nil {
		return nil, peers, err
	}
	return []meter.Case{
		{Name: "direct_1024", Run: direct.batches(1024, 0)},
		{Name: "relay_1024", Run: behind.batches(1024, 0)},
	}, peers, nil
}
