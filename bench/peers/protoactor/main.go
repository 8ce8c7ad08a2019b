// Command protoactor is protoactor-go as the suites `link`, between two processes, and `actors`, in one, measure it: with its defaults.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"time"

	"github.com/asynkron/protoactor-go/actor"
	"github.com/asynkron/protoactor-go/remote"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

func main() {
	run := drive
	if len(os.Args) > 1 {
		run = map[string]func() error{"serve": serve, "actors": actors}[os.Args[1]]
	}
	if run == nil {
		fmt.Fprintf(os.Stderr, "%s: there is no %q: say serve, actors or nothing\n", os.Args[0], os.Args[1])
		os.Exit(2)
	}
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "protoactor:", err)
		os.Exit(1)
	}
}

// system is one that logs nothing.
func system() *actor.ActorSystem {
	quiet := func(*actor.ActorSystem) *slog.Logger { return slog.New(slog.NewTextHandler(io.Discard, nil)) }
	return actor.NewActorSystem(actor.WithLoggerFactory(quiet))
}

// start is a system that listens at a port of its own.
func start() *actor.ActorSystem {
	system := system()
	remote.NewRemote(system, remote.Configure("127.0.0.1", 0)).Start()
	return system
}

// serve is the other end: an actor that counts, and one that answers with what it gets.
func serve() error {
	system := start()
	taken, sum := uint64(0), uint64(0)
	sink := actor.PropsFromFunc(func(c actor.Context) {
		switch m := c.Message().(type) {
		case *wrapperspb.BytesValue:
			taken++
			sum += uint64(m.Value[0])
		case *wrapperspb.BoolValue:
			c.Respond(wrapperspb.UInt64(taken))
			taken = 0
		}
	})
	echo := actor.PropsFromFunc(func(c actor.Context) {
		if m, ok := c.Message().(*wrapperspb.BytesValue); ok {
			c.Respond(m)
		}
	})
	for name, props := range map[string]*actor.Props{"sink": sink, "echo": echo} {
		if _, err := system.Root.SpawnNamed(props, name); err != nil {
			return err
		}
	}
	return meter.Listening(system.Address())
}

func drive() error {
	var address string
	peer, err := meter.StartPeer(&address, os.Args[0], "serve")
	if err != nil {
		return err
	}
	defer peer.End()
	root := start().Root
	sink, echo := actor.NewPID(address, "sink"), actor.NewPID(address, "echo")
	there := &meter.Remote[*wrapperspb.BytesValue]{Message: wrapperspb.Bytes}
	back := root.Spawn(actor.PropsFromFunc(func(c actor.Context) {
		if m, ok := c.Message().(*wrapperspb.BytesValue); ok {
			there.Came(m.Value)
		}
	}))
	there.Tell = func(_ context.Context, m *wrapperspb.BytesValue) error {
		root.Send(sink, m)
		return nil
	}
	there.Taken = func(context.Context) (uint64, error) {
		answer, err := root.RequestFuture(sink, wrapperspb.Bool(true), time.Minute).Result()
		if err != nil {
			return 0, err
		}
		return answer.(*wrapperspb.UInt64Value).Value, nil
	}
	there.Ask = func(_ context.Context, m *wrapperspb.BytesValue) error {
		_, err := root.RequestFuture(echo, m, time.Minute).Result()
		return err
	}
	there.TellBack = func(_ context.Context, m *wrapperspb.BytesValue) error {
		root.RequestWithCustomSender(echo, m, back)
		return nil
	}
	return meter.Serve(context.Background(), os.Stdin, os.Stdout, peer.PID(), there.Cases())
}
