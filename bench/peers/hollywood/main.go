// Command hollywood is Hollywood as the suites `link`, between two processes, and `actors`, in one, measure it.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"time"

	"github.com/anthdm/hollywood/actor"
	"github.com/anthdm/hollywood/remote"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// bufferSize is what its reader holds: with its default, 4 MiB, a stream of messages of 1 KiB stalls.
const bufferSize = 64 << 20

func main() {
	run := drive
	if len(os.Args) > 1 {
		run = map[string]func() error{"serve": serve, "actors": actors}[os.Args[1]]
	}
	if run == nil {
		fmt.Fprintf(os.Stderr, "%s: there is no %q: say serve, actors or nothing\n", os.Args[0], os.Args[1])
		os.Exit(2)
	}
	slog.SetDefault(slog.New(slog.NewTextHandler(io.Discard, nil)))
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "hollywood:", err)
		os.Exit(1)
	}
}

// start is an engine that listens at a port of its own.
func start() (*actor.Engine, error) {
	// Its remote does not say which port the system chose.
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	address := free.Addr().String()
	if err := free.Close(); err != nil {
		return nil, err
	}
	door := remote.New(address, remote.NewConfig().WithBufferSize(bufferSize))
	return actor.NewEngine(actor.NewEngineConfig().WithRemote(door))
}

// serve is the other end: an actor that counts, and one that answers with what it gets.
func serve() error {
	engine, err := start()
	if err != nil {
		return err
	}
	taken, sum := uint64(0), uint64(0)
	sink := engine.SpawnFunc(func(c *actor.Context) {
		switch m := c.Message().(type) {
		case *wrapperspb.BytesValue:
			taken++
			sum += uint64(m.Value[0])
		case *wrapperspb.BoolValue:
			c.Respond(wrapperspb.UInt64(taken))
			taken = 0
		}
	}, "sink", actor.WithID("1"))
	echo := engine.SpawnFunc(func(c *actor.Context) {
		if m, ok := c.Message().(*wrapperspb.BytesValue); ok {
			c.Respond(m)
		}
	}, "echo", actor.WithID("1"))
	return meter.Listening([]*actor.PID{sink, echo})
}

func drive() error {
	var actors []*actor.PID
	peer, err := meter.StartPeer(&actors, os.Args[0], "serve")
	if err != nil {
		return err
	}
	defer peer.End()
	engine, err := start()
	if err != nil {
		return err
	}
	sink, echo := actors[0], actors[1]
	there := &meter.Remote[*wrapperspb.BytesValue]{Message: wrapperspb.Bytes}
	back := engine.SpawnFunc(func(c *actor.Context) {
		if m, ok := c.Message().(*wrapperspb.BytesValue); ok {
			there.Came(m.Value)
		}
	}, "back")
	there.Tell = func(_ context.Context, m *wrapperspb.BytesValue) error {
		engine.Send(sink, m)
		return nil
	}
	there.Taken = func(context.Context) (uint64, error) {
		answer, err := engine.Request(sink, wrapperspb.Bool(true), time.Minute).Result()
		if err != nil {
			return 0, err
		}
		return answer.(*wrapperspb.UInt64Value).Value, nil
	}
	there.Ask = func(_ context.Context, m *wrapperspb.BytesValue) error {
		_, err := engine.Request(echo, m, time.Minute).Result()
		return err
	}
	there.TellBack = func(_ context.Context, m *wrapperspb.BytesValue) error {
		engine.SendWithSender(echo, m, back)
		return nil
	}
	return meter.Serve(context.Background(), os.Stdin, os.Stdout, peer.PID(), there.Cases())
}
