package main

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/compat/peerpb"
)

// A keeper writes and restores snapshots by actors of a node.
type keeper struct {
	node *ab.Node
	// restored has the state that an actor was given last.
	restored chan proto.Message
}

// kept is an actor that has a state and shows it.
type kept struct {
	state    proto.Message
	restored chan<- proto.Message
}

// Receive implements ab.Receiver.
func (k *kept) Receive(ab.Context, *ab.Message) error { return nil }

// Snapshot implements ab.Snapshotter.
func (k *kept) Snapshot(context.Context) (proto.Message, error) { return k.state, nil }

// Restore implements ab.Snapshotter.
func (k *kept) Restore(_ context.Context, state proto.Message) error {
	k.restored <- state
	return nil
}

func startKeeper() (*keeper, error) {
	restored := make(chan proto.Message, 1) // one order at a time
	node, err := ab.Start(context.Background(), "compat", ab.WithLogger(slog.New(slog.DiscardHandler)),
		ab.Factory("keeper/*", func() ab.Receiver { return &kept{restored: restored} }))
	return &keeper{node, restored}, err
}

// limited is what one snapshot may take.
func limited() (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.Background(), 5*time.Second)
}

// write spawns an actor with this state, takes its snapshot, and stops it.
func (k *keeper) write(order *peerpb.WriteSnapshot) ([]byte, error) {
	state, err := made(order.Type, order.Fields)
	if err != nil {
		return nil, err
	}
	actor, err := k.node.Spawn(order.Path, func() ab.Receiver { return &kept{state: state} })
	if err != nil {
		return nil, err
	}
	ctx, cancel := limited()
	defer cancel()
	snapshot, err := k.node.Snapshot(ctx, actor)
	if err = errors.Join(err, k.node.Stop(ctx, actor, time.Second)); err != nil {
		return nil, err
	}
	bytes, _ := snapshot.Bytes()
	return bytes, nil
}

// read reads a snapshot, and restores an actor from it, which is given its state as this schema's message.
func (k *keeper) read(order *peerpb.ReadSnapshot) (*peerpb.Seen, error) {
	snapshot, err := ab.ReadSnapshot(order.Path, order.Snapshot)
	if err != nil {
		return nil, codeOf(err)
	}
	ctx, cancel := limited()
	defer cancel()
	actor, err := k.node.Restore(ctx, snapshot)
	if err != nil {
		return nil, codeOf(err)
	}
	state := <-k.restored
	if err := k.node.Stop(ctx, actor, time.Second); err != nil {
		return nil, err
	}
	again, _ := snapshot.Bytes()
	return &peerpb.Seen{PassedOn: again, Fields: show([]*peerpb.Field{
		text("actor", snapshot.Actor), number("epoch", snapshot.Epoch), number("seq", snapshot.Seq),
		text("type", snapshot.Type), number("version", uint64(snapshot.Version)),
	}, state.ProtoReflect(), "state.")}, nil
}

// codeOf is the code of a node's error.
func codeOf(err error) error {
	var refused *ab.Error
	if errors.As(err, &refused) {
		return refusal(strings.TrimPrefix(refused.Code.String(), "CODE_"))
	}
	return err
}
