package actorbridge_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/emptypb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb/testpbab"
)

// tally is an actor as users write it.
type tally struct {
	total int64
	log   chan string
}

func (c *tally) Add(_ ab.Context, req *testpb.Add) (*testpb.Count, error) {
	switch {
	case req.By < 0:
		return nil, &ab.UserError{Code: "NEGATIVE", Message: "only up"}
	case req.By == 0:
		return nil, nil
	}
	c.total += req.By
	return &testpb.Count{Total: c.total}, nil
}

func (c *tally) Release(_ ab.Context, m *testpb.Release) error {
	c.log <- "release " + m.Key
	return nil
}

func (c *tally) PostStart(ab.Context) error { c.log <- "start"; return nil }

func (c *tally) PostStop(context.Context) error { c.log <- "stop"; return nil }

func (c *tally) Snapshot(context.Context) (*testpb.Count, error) {
	return &testpb.Count{Total: c.total}, nil
}

func (c *tally) Restore(_ context.Context, state *testpb.Count) error {
	c.total = state.Total
	return nil
}

func newTally(log chan string) func() testpbab.Counter {
	return func() testpbab.Counter { return &tally{log: log} }
}

func TestATypedActorAnswersItsAsksAndGetsItsTellsOverALink(t *testing.T) {
	log := make(chan string, 8)
	here, there := start(t, "here"), start(t, "there")
	if _, err := here.Dial(t.Context(), abtest.Door(there)); err != nil {
		t.Fatal(err)
	}
	if _, err := testpbab.SpawnCounter(there, "counter", newTally(log)); err != nil {
		t.Fatal(err)
	}
	counter := testpbab.CounterAt(here, "ab:///counter")
	if count, err := counter.Add(t.Context(), &testpb.Add{By: 3}); err != nil || count.Total != 3 {
		t.Errorf("Add answers %v, %v", count, err)
	}
	if _, err := counter.Add(t.Context(), &testpb.Add{By: -1}, ab.Timeout(long)); !errors.Is(err, &ab.UserError{Code: "NEGATIVE"}) {
		t.Errorf("the actor's own error is %v", err)
	}
	_, err := counter.Add(t.Context(), &testpb.Add{})
	if !errors.Is(err, ab.ErrHandlerError) || !strings.Contains(err.Error(), "returned neither a reply nor an error") {
		t.Errorf("neither a reply nor an error is %v", err)
	}
	if err := counter.Release(t.Context(), &testpb.Release{Key: "k"}); err != nil {
		t.Fatal(err)
	}
	if _, err := ab.Ask[*emptypb.Empty](t.Context(), counter.Ref(), &testpb.Release{Key: "asked"}); err != nil {
		t.Errorf("an ask to a method without reply is %v", err)
	}
	if err := ab.Tell(t.Context(), counter.Ref(), &testpb.Add{By: 1}); err != nil {
		t.Fatal(err)
	}
	if count, err := counter.Add(t.Context(), &testpb.Add{By: 1}); err != nil || count.Total != 5 {
		t.Errorf("after a tell whose reply nobody wants it answers %v, %v", count, err)
	}
	if _, err := ab.Ask[*emptypb.Empty](t.Context(), counter.Ref(), &testpb.Hold{}); !errors.Is(err, ab.ErrUnsupportedType) {
		t.Errorf("a message of another protocol is %v", err)
	}
	for _, want := range []string{"start", "release k", "release asked"} {
		if got := receive(t, want, log); got != want {
			t.Errorf("the actor saw %q, want %q", got, want)
		}
	}
}

func TestTheHooksOfAWrappedActorAreFound(t *testing.T) {
	log := make(chan string, 8)
	node := start(t, "a", ab.Factory("counters/*", testpbab.CounterReceiver(newTally(log))))
	counter, err := testpbab.SpawnCounter(node, "counters/1", newTally(log))
	if err != nil {
		t.Fatal(err)
	}
	if _, err := counter.Add(t.Context(), &testpb.Add{By: 3}); err != nil {
		t.Fatal(err)
	}
	snapshot, err := node.Snapshot(t.Context(), counter.Ref())
	if err != nil {
		t.Fatal(err)
	}
	if err := node.Stop(t.Context(), counter.Ref(), long); err != nil {
		t.Fatal(err)
	}
	again, err := node.Restore(t.Context(), snapshot)
	if err != nil {
		t.Fatal(err)
	}
	if count, err := testpbab.CounterOf(again).Add(t.Context(), &testpb.Add{By: 1}); err != nil || count.Total != 4 {
		t.Errorf("with its state it answers %v, %v", count, err)
	}
	for _, want := range []string{"start", "stop", "start"} {
		if got := receive(t, want, log); got != want {
			t.Errorf("the actor saw %q, want %q", got, want)
		}
	}
}

// selfish gives itself for ever.
type selfish struct{ ab.ReceiverFunc }

func (s selfish) Unwrap() any { return s }

func TestAnActorThatUnwrapsToItselfHasNoHooks(t *testing.T) {
	node := start(t, "a")
	to, err := node.Spawn("selfish", func() ab.Receiver {
		return selfish{func(_ ab.Context, m *ab.Message) error { return m.Reply(&testpb.Held{}) }}
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}); err != nil {
		t.Error(err)
	}
	if _, err := node.Snapshot(t.Context(), to); !errors.Is(err, ab.ErrInvalidArgument) {
		t.Errorf("its snapshot is %v", err)
	}
}

func TestAnInvalidAddressShowsAtTheFirstUseWithItsReason(t *testing.T) {
	node := start(t, "a")
	worker := spawn(t, node, "worker")
	told := make(chan error, 1)
	for _, address := range []string{"worker", "", "ab:///a b", "ab://", strings.Repeat("x", 2000)} {
		to := testpbab.CounterAt(node, address)
		_, reason := ab.ParseRef(address)
		check := func(use string, err error) {
			t.Helper()
			if !errors.Is(err, ab.ErrInvalidArgument) || err.Error() != reason.Error() {
				t.Errorf("%s of %q is %v\nwant %v", use, address, err, reason)
			}
		}
		_, err := to.Add(t.Context(), &testpb.Add{By: 1})
		check("Ask", err)
		check("Tell", to.Release(t.Context(), &testpb.Release{}))
		check("TryTell", node.TryTell(to.Ref(), &testpb.Release{}))
		check("Stop", node.Stop(t.Context(), to.Ref(), long))
		_, err = node.Snapshot(t.Context(), to.Ref())
		check("Snapshot", err)
		_, err = node.Watch(t.Context(), to.Ref())
		check("Watch", err)
		_, err = node.Spawn("teller", func() ab.Receiver {
			return ab.ReceiverFunc(func(ctx ab.Context, m *ab.Message) error {
				told <- to.Release(ctx, &testpb.Release{})
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		if err := testpbab.CounterAt(node, "ab:///teller").Release(t.Context(), &testpb.Release{}); err != nil {
			t.Fatal(err)
		}
		check("a handler's tell", receive(t, "the handler's tell", told))
		if err := node.Stop(t.Context(), node.RefAt("ab:///teller"), long); err != nil {
			t.Fatal(err)
		}
	}
	expect(t, worker, 0)
}

// notes is an actor of a protocol that wants reliable delivery.
type notes struct{}

func (notes) Release(ab.Context, *testpb.Release) error { return nil }

func newNotes() testpbab.Log { return notes{} }

const notReliable = "actorbridge.test.v1.Log declares delivery AT_LEAST_ONCE, and this version of actorbridge delivers " +
	"at most once; remove the option from its methods"

func TestAProtocolThatWantsReliableDeliveryIsNotSpawnedUntilThereIsSome(t *testing.T) {
	node := start(t, "a")
	to, err := testpbab.SpawnLog(node, "log", newNotes)
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodeUnavailable || fault.Effect != ab.EffectNone || fault.Target != "log" {
		t.Fatalf("it is spawned: %v, %v", to, err)
	}
	if !strings.Contains(err.Error(), notReliable) {
		t.Errorf("%q does not say %q", err, notReliable)
	}
	if err := testpbab.LogAt(node, "ab:///log").Release(t.Context(), &testpb.Release{}); !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("telling it is %v", err)
	}
}

func TestAnActorThatWantsReliableDeliveryEndsBeforeItsFirstMessageIfAFactoryMakesIt(t *testing.T) {
	log := &lines{}
	logger := slog.New(slog.NewTextHandler(log, nil))
	node := start(t, "a", ab.WithLogger(logger), ab.Factory("log", testpbab.LogReceiver(newNotes)))
	eventually(t, "the sentence in the node's log", func() bool { return log.has(notReliable) })
	eventually(t, "its end", func() bool {
		err := testpbab.LogAt(node, "ab:///log").Release(t.Context(), &testpb.Release{})
		return errors.Is(err, ab.ErrStopped)
	})
}

func TestAnActorTellsAndSpawnsWithItsContextAsOutsideCodeDoesWithANode(t *testing.T) {
	log := make(chan string, 8)
	node := start(t, "a")
	parent, err := node.Spawn("parent", func() ab.Receiver {
		return ab.ReceiverFunc(func(ctx ab.Context, m *ab.Message) error {
			child, err := testpbab.SpawnCounter(ctx, "child", newTally(log))
			if err != nil {
				return err
			}
			if err := child.Release(ctx, &testpb.Release{Key: "from " + ctx.Self().Path()}); err != nil {
				return err
			}
			_, err = child.Add(ctx, &testpb.Add{By: 1})
			return ab.Answer(m, &testpb.Held{}, err)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ab.Ask[*testpb.Held](t.Context(), parent, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"start", "release from parent"} {
		if got := receive(t, want, log); got != want {
			t.Errorf("the child saw %q, want %q", got, want)
		}
	}
	zero, err := ab.ParseRef("ab:///parent")
	if err != nil {
		t.Fatal(err)
	}
	if err := ab.Tell(t.Context(), zero, &testpb.Hold{}); !errors.Is(err, ab.ErrInvalidArgument) {
		t.Errorf("a Ref without node is told: %v", err)
	}
}
