package actorbridge_test

import (
	"context"
	"errors"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

func TestALoopActorIsSentAndAskedLikeAnyOther(t *testing.T) {
	node := start(t, "a")
	ended := make(chan struct{})
	to, err := node.SpawnLoop("reader", func(_ ab.Context, in *ab.Inbox) error {
		defer close(ended)
		count := &testpb.Count{Digest: digestStart}
		for m := range in.All() {
			switch x, err := m.Open(); x := x.(type) {
			case *testpb.Add:
				count.Handled++
				count.Digest = count.Digest*digestFactor + x.N
			case *testpb.GetCount:
				_ = m.Reply(count)
			default:
				_ = m.Fail(errors.Join(err, m.Unsupported()))
			}
		}
		return nil
	}, ab.Mailbox(4))
	if err != nil {
		t.Fatal(err)
	}
	tellMany(t, node, to, 1, 1000)
	expect(t, to, 1000)
	if _, err := ab.Ask[*testpb.Count](t.Context(), to, &testpb.Release{}); !errors.Is(err, ab.ErrUnsupportedType) {
		t.Errorf("a type that it does not handle is %v", err)
	}
	if err := node.Stop(t.Context(), to, long); err != nil {
		t.Fatal(err)
	}
	receive(t, "the loop's end", ended)
}

func TestALoopThatReturnsHasStoppedAndItsErrorIsTold(t *testing.T) {
	node := start(t, "a")
	to, err := node.SpawnLoop("reader", func(_ ab.Context, in *ab.Inbox) error {
		if _, err := in.Next(context.Background()); err != nil {
			return err
		}
		return errors.New("the file ends too early")
	})
	if err != nil {
		t.Fatal(err)
	}
	told, err := node.Watch(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	tellMany(t, node, to, 1, 1)
	if end := receive(t, "the word to its watcher", told); end.Code != ab.CodeHandlerError || end.Detail != "the file ends too early" {
		t.Errorf("its watcher is told %+v", end)
	}
}

func TestALoopThatPanicsIsRunAnewWithItsMailbox(t *testing.T) {
	for _, text := range []string{"boom", "goexit"} {
		t.Run(text, func(t *testing.T) {
			node := start(t, "a")
			to, err := node.SpawnLoop("loop", func(ctx ab.Context, in *ab.Inbox) error {
				w := newWorker()
				for m := range in.All() {
					if err := w.Receive(ctx, m); err != nil {
						return err
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			if err := node.Tell(t.Context(), to, &testpb.PanicNow{Text: text}); err != nil {
				t.Fatal(err)
			}
			tellMany(t, node, to, 1, 10)
			expect(t, to, 10)
		})
	}
}

func TestAnAskThatALoopLeavesIsAnsweredForUnlessItTookTheDuty(t *testing.T) {
	node := start(t, "a")
	taken := make(chan struct{})
	to, err := node.SpawnLoop("lazy", func(_ ab.Context, in *ab.Inbox) error {
		var later *ab.Responder
		for m := range in.All() {
			switch m.Type() {
			case "actorbridge.test.v1.Hold":
				later, _ = m.Responder()
				close(taken)
			case "actorbridge.test.v1.Release":
				_ = later.Reply(&testpb.Held{})
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		_, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}, ab.Timeout(long))
		held <- err
	}()
	receive(t, "the duty", taken)
	_, err = ab.Ask[*testpb.Count](t.Context(), to, &testpb.GetCount{}, ab.Timeout(long))
	if !errors.Is(err, ab.ErrHandlerError) {
		t.Errorf("an ask that the loop left is %v", err)
	}
	if err := node.Tell(t.Context(), to, &testpb.Release{}); err != nil {
		t.Fatal(err)
	}
	if err := receive(t, "the later answer", held); err != nil {
		t.Errorf("the answer that came later is %v", err)
	}
}

func TestChildrenStopBeforeTheirParentAndTheirPanicsAreToldToIt(t *testing.T) {
	node := start(t, "a")
	ends := make(chan string, 3)
	probe := abtest.NewProbe(t, node, "probe")
	to, err := node.Spawn("parent", func() ab.Receiver { return &parent{ends: ends, notices: probe.Ref()} })
	if err != nil {
		t.Fatal(err)
	}
	for _, name := range []string{"first", "second"} {
		if _, err := ab.Ask[*testpb.Lines](t.Context(), to, &testpb.SpawnChild{Name: name}); err != nil {
			t.Fatal(err)
		}
	}
	first := refOf(t, node, "ab:///parent/first")
	if err := node.Tell(t.Context(), first, &testpb.PanicNow{Text: "boom"}); err != nil {
		t.Fatal(err)
	}
	n := abtest.Expect[*actorbridgev1.ActorPanic](t, probe)
	if n.Actor != "ab:///parent/first" || n.Reason != "boom" || n.Stack == "" || n.Restarts != 1 {
		t.Errorf("the parent is told %v", n)
	}
	// An answer says that one has started: who is stopped before that has no stop hook to run.
	for _, child := range []ab.Ref{first, node.RefAt("ab:///parent/second")} {
		if _, err := ab.Ask[*testpb.Count](t.Context(), child, &testpb.GetCount{}); !errors.Is(err, ab.ErrUnsupportedType) {
			t.Errorf("%s answers %v", child, err)
		}
	}
	if err := node.Stop(t.Context(), to, long); err != nil {
		t.Fatal(err)
	}
	var order []string
	for range 3 {
		order = append(order, receive(t, "the end of one of three", ends))
	}
	if order[0] == "parent" || order[1] == "parent" || order[2] != "parent" {
		t.Errorf("they ended as %v", order)
	}
}

// parent spawns children of its own kind, and says when it has stopped; it passes on the notices of their panics.
type parent struct {
	ends    chan string
	notices ab.Ref
	path    string
}

func (p *parent) PostStart(ctx ab.Context) error {
	p.path = ctx.Self().Path()
	return nil
}

func (p *parent) PostStop(context.Context) error {
	p.ends <- p.path
	return nil
}

func (p *parent) Receive(ctx ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch x := message.(type) {
	case *testpb.SpawnChild:
		child, err := ctx.Spawn(x.Name, func() ab.Receiver { return &parent{ends: p.ends} })
		if err != nil {
			return err
		}
		return m.Reply(&testpb.Lines{Line: []string{child.String()}})
	case *testpb.PanicNow:
		panic(x.Text)
	case *actorbridgev1.ActorPanic:
		return ctx.Tell(p.notices, x)
	}
	return m.Unsupported()
}
