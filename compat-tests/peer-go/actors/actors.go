// Package actors has the actors that cases send to. Each is the same as the one of its name in
// compat-tests/peer-rust/src/actors.
//
//   - counter.go: state that moves. echo.go: actors that answer, or do not.
//   - gate.go: handlers that wait until they are let go. relay.go: actors that ask, forward, spawn and watch.
//   - ticker.go: one that answers by events.
package actors

import (
	"strings"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// Install gives a node every test actor's factory. Only nodes named there-… have one for only-there/*.
func Install(node string) []ab.Option {
	options := []ab.Option{
		ab.Factory("counter/*", func() ab.Receiver { return newCounter() }),
		ab.Factory("bad-restore/*", func() ab.Receiver { return badRestore{newCounter()} }),
		ab.Factory("echo/*", func() ab.Receiver { return ab.ReceiverFunc(echo) }),
		ab.Factory("silent/*", func() ab.Receiver { return ab.ReceiverFunc(silent) }),
		ab.Factory("mirror/*", func() ab.Receiver { return &mirror{} }),
		ab.Factory("raw/*", func() ab.Receiver { return &rawEcho{} }),
		ab.Factory("hold/*", func() ab.Receiver { return hold{newCounter()} }),
		ab.Factory("ticker/*", func() ab.Receiver { return ticker{newCounter()} }),
		ab.Factory("gate", func() ab.Receiver { return ab.ReceiverFunc(gate) }),
		ab.Factory("through/*", func() ab.Receiver { return ab.ReceiverFunc(through) }),
		ab.Factory("forward/*", func() ab.Receiver { return &forward{} }),
		ab.Factory("parent/*", func() ab.Receiver { return &parent{} }),
		ab.Factory("watcher/*", func() ab.Receiver { return &watcher{} }),
	}
	if strings.HasPrefix(node, "there") {
		options = append(options, ab.Factory("only-there/*", func() ab.Receiver { return newCounter() }))
	}
	return options
}
