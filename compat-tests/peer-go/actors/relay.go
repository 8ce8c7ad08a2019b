package actors

import (
	"context"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// through asks others on behalf of its asker. It answers an EchoRequest itself.
func through(ctx ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch message := message.(type) {
	case *testpb.EchoRequest:
		return m.Reply(&testpb.EchoReply{Text: message.Text, Data: message.Data, Language: "go"})
	case *testpb.AskThrough:
		reply, err := askThrough(ctx, message)
		if err != nil {
			return err
		}
		return m.Reply(reply)
	}
	return m.Unsupported()
}

func askThrough(ctx ab.Context, m *testpb.AskThrough) (*testpb.EchoReply, error) {
	var options []ab.AskOption
	if m.TimeoutMs > 0 {
		options = append(options, ab.Timeout(time.Duration(m.TimeoutMs)*time.Millisecond))
	}
	if len(m.Via) == 0 {
		target, err := ab.ParseRef(m.Target)
		if err != nil {
			return nil, err
		}
		return ab.Ask[*testpb.EchoReply](ctx, target, &testpb.EchoRequest{Text: m.Text}, options...)
	}
	next, err := ab.ParseRef(m.Via[0])
	if err != nil {
		return nil, err
	}
	m.Via = m.Via[1:]
	return ab.Ask[*testpb.EchoReply](ctx, next, m, options...)
}

// forward passes every message on to where it was told.
type forward struct{ target ab.Ref }

// Receive implements ab.Receiver.
func (f *forward) Receive(ctx ab.Context, m *ab.Message) error {
	var to testpb.ForwardTo
	if m.Type() == string(to.ProtoReflect().Descriptor().FullName()) {
		if err := m.Decode(&to); err != nil {
			return err
		}
		var err error
		f.target, err = ab.ParseRef(to.Target)
		return err
	}
	if f.target.IsZero() {
		return &ab.UserError{Code: "NO_TARGET", Message: "send a ForwardTo first"}
	}
	return m.Forward(ctx, f.target)
}

// parent spawns children of its own kind, and remembers when it stops.
type parent struct{ path string }

// PostStart implements ab.Starter.
func (p *parent) PostStart(ctx ab.Context) error {
	p.path = ctx.Self().Path()
	return nil
}

// Receive implements ab.Receiver.
func (p *parent) Receive(ctx ab.Context, m *ab.Message) error {
	var request testpb.SpawnChild
	if err := m.Decode(&request); err != nil {
		return err
	}
	child, err := ctx.Spawn(request.Name, func() ab.Receiver { return &parent{} })
	if err != nil {
		return err
	}
	return m.Reply(&testpb.Lines{Line: []string{child.String()}})
}

// PostStop implements ab.Stopper.
func (p *parent) PostStop(context.Context) error {
	noteStop(p.path)
	return nil
}

// watcher remembers what it is told about the actors that it watches.
type watcher struct{ seen []string }

// Receive implements ab.Receiver.
func (w *watcher) Receive(ctx ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch message := message.(type) {
	case *testpb.GetSeen:
		return m.Reply(&testpb.Lines{Line: w.seen})
	case *testpb.WatchOther:
		other, err := ab.ParseRef(message.Target)
		if err != nil {
			return err
		}
		if err := ctx.Watch(other); err != nil {
			return err
		}
		return m.Reply(&testpb.Lines{})
	case *pb.Terminated:
		w.seen = append(w.seen, ab.Code(message.Code).String()+" "+message.Actor)
		return nil
	}
	return m.Unsupported()
}
