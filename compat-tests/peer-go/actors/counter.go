package actors

import (
	"context"
	"runtime"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

const (
	digestStart  = 14_695_981_039_346_656_037
	digestFactor = 1_099_511_628_211
)

// counter counts and digests each Add; it panics and fails when it is told to.
type counter struct{ count *testpb.Count }

func newCounter() *counter {
	return &counter{&testpb.Count{Digest: digestStart, Language: "go"}}
}

// Receive implements ab.Receiver.
func (c *counter) Receive(_ ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch message := message.(type) {
	case *testpb.Add:
		c.count.Total += message.By
		c.count.Handled++
		c.count.Digest = c.count.Digest*digestFactor + message.N
		if m.IsAsk() {
			return m.Reply(c.count)
		}
		return nil
	case *testpb.GetCount:
		return m.Reply(c.count)
	case *testpb.PanicNow:
		if message.Text == "goexit" {
			runtime.Goexit()
		}
		panic("planned: " + message.Text)
	case *testpb.FailNow:
		return &ab.UserError{Code: message.Code, Message: message.Message}
	}
	return m.Unsupported()
}

// Snapshot implements ab.Snapshotter.
func (c *counter) Snapshot(context.Context) (proto.Message, error) { return c.count, nil }

// Restore implements ab.Snapshotter.
func (c *counter) Restore(_ context.Context, state proto.Message) error {
	count, ok := state.(*testpb.Count)
	if !ok {
		return &ab.UserError{Code: "NOT_A_COUNT", Message: "a counter's state is a Count"}
	}
	c.count = count
	c.count.Language = "go"
	return nil
}

// badRestore has a state to show, and refuses every state that it is given.
type badRestore struct{ *counter }

// Restore implements ab.Snapshotter.
func (badRestore) Restore(context.Context, proto.Message) error {
	return &ab.UserError{Code: "BAD_RESTORE", Message: "planned: this actor refuses every state"}
}
