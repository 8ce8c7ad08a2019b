package actorbridge_test

import (
	"context"
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

func TestTellsAreHandledInTheOrderOfTheSendsAndAsksAreAnswered(t *testing.T) {
	node := start(t, "a")
	to := spawn(t, node, "counter", ab.Mailbox(8))
	tellMany(t, node, to, 1, 1000)
	expect(t, to, 1000)
}

func TestAPanicRestartsOnlyTheFailedActorAndItsAddressSurvives(t *testing.T) {
	for _, text := range []string{"boom", "goexit"} {
		t.Run(text, func(t *testing.T) {
			node := start(t, "a")
			to := spawn(t, node, "worker", ab.Supervise(ab.OneForOne(1, time.Minute)))
			other := spawn(t, node, "other")
			tellMany(t, node, other, 1, 5)
			told, err := node.Watch(t.Context(), to)
			if err != nil {
				t.Fatal(err)
			}
			_, err = ab.Ask[*testpb.EchoReply](t.Context(), to, &testpb.PanicNow{Text: text})
			var fault *ab.Error
			if !errors.As(err, &fault) || fault.Code != ab.CodePanicked || fault.Effect != ab.EffectMaybe ||
				!strings.Contains(strings.ToLower(fault.Detail), text) && !strings.Contains(fault.Detail, "Goexit") {
				t.Fatalf("the asker is told %v", err)
			}
			reply, err := ab.Ask[*testpb.EchoReply](t.Context(), to, &testpb.EchoRequest{Text: "hi"})
			if err != nil || reply.Text != "hi" {
				t.Fatalf("after its restart it answers %v, %v", reply, err)
			}
			expect(t, other, 5)
			if _, err := ab.Ask[*testpb.EchoReply](t.Context(), to, &testpb.PanicNow{Text: text}); !errors.Is(err, ab.ErrPanicked) {
				t.Fatalf("the second panic is %v", err)
			}
			receive(t, "the actor's end", node.Done(to))
			if end := receive(t, "the word to its watcher", told); end.Code != ab.CodePanicked {
				t.Errorf("the watcher is told %+v", end)
			}
		})
	}
}

func TestTheMailboxSurvivesAPanicInOrder(t *testing.T) {
	node := start(t, "a")
	to := spawn(t, node, "worker")
	if err := node.Tell(t.Context(), to, &testpb.PanicNow{Text: "boom"}); err != nil {
		t.Fatal(err)
	}
	tellMany(t, node, to, 1, 100)
	expect(t, to, 100)
	if n := node.DeadLetterCounts()["PANICKED"]; n != 1 {
		t.Errorf("%d dead letters say PANICKED, want 1", n)
	}
}

func TestEachWayThatAnAskFailsHasItsCode(t *testing.T) {
	node := start(t, "a")
	to, holding := spawnHolding(t, node, "worker")
	sentinel := &ab.UserError{Code: "UNKNOWN_SKU"}
	_, err := ab.Ask[*testpb.EchoReply](t.Context(), refOf(t, node, "ab:///nobody"), &testpb.GetCount{})
	var fault *ab.Error
	if !errors.Is(err, ab.ErrNoSuchActor) || !errors.As(err, &fault) || fault.Effect != ab.EffectNone {
		t.Errorf("an ask to nobody fails with %v", err)
	}
	_, err = ab.Ask[*testpb.EchoReply](t.Context(), to, &testpb.FailNow{Code: "UNKNOWN_SKU", Message: "A1"})
	if !errors.Is(err, ab.ErrHandlerError) || !errors.Is(err, sentinel) || !strings.Contains(err.Error(), "A1") {
		t.Errorf("a handler's own error is %v", err)
	}
	if _, err = ab.Ask[*testpb.EchoReply](t.Context(), to, &testpb.Release{}); !errors.Is(err, ab.ErrUnsupportedType) {
		t.Errorf("a type that nobody handles is %v", err)
	}
	gate := make(chan struct{})
	slow := spawnFunc(t, node, "slow", func(_ ab.Context, m *ab.Message) error {
		<-gate
		return m.Reply(&testpb.Held{})
	})
	// One that ends before its handler has begun has another code: then it gets more time.
	for within := 50 * time.Millisecond; within < long; within *= 2 {
		_, err = ab.Ask[*testpb.Held](t.Context(), slow, &testpb.Hold{}, ab.Timeout(within))
		if !errors.Is(err, ab.ErrExpired) {
			break
		}
	}
	close(gate)
	if !errors.Is(err, ab.ErrOutcomeUnknown) || !errors.Is(err, context.DeadlineExceeded) {
		t.Errorf("an ask without an answer in time is %v", err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	given := make(chan error, 1)
	go func() {
		_, err := ab.Ask[*testpb.Held](ctx, to, &testpb.Hold{}, ab.Timeout(long))
		given <- err
	}()
	receive(t, "the hold", holding)
	cancel()
	if err := receive(t, "the end of the ask", given); !errors.Is(err, context.Canceled) {
		t.Errorf("an ask that was given up is %v", err)
	}
	eventually(t, "the late reply", func() bool { return node.DeadLetterCounts()["LATE_REPLY"] == 2 })
}

func TestAnAskThatIsGivenUpInTheMailboxIsNeverHandled(t *testing.T) {
	node := start(t, "a")
	to := spawn(t, node, "worker")
	hold, release := context.WithCancel(t.Context())
	held := make(chan struct{})
	go func() {
		defer close(held)
		_, _ = ab.Ask[*testpb.Held](hold, to, &testpb.Hold{}, ab.Timeout(long))
	}()
	eventually(t, "the hold", func() bool { return depth(t, node, "worker") == 1 })
	_, err := ab.Ask[*testpb.Count](t.Context(), to, &testpb.Add{By: 1, N: 1}, ab.Timeout(20*time.Millisecond))
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodeExpired || fault.Effect != ab.EffectNone {
		t.Errorf("it is %v, want EXPIRED without effect", err)
	}
	release()
	receive(t, "the end of the ask that held it", held)
	expect(t, to, 0)
}

// depth is how many messages an actor holds.
func depth(t testing.TB, node *ab.Node, path string) uint32 {
	t.Helper()
	system := refOf(t, node, "ab://"+node.Name()+"/system")
	list, err := ab.Ask[*actorbridgev1.ListReply](t.Context(), system, &actorbridgev1.ListRequest{Prefix: path})
	if err != nil || len(list.Actors) == 0 {
		t.Fatalf("%s is not listed: %v", path, err)
	}
	return list.Actors[0].Depth
}

func TestAnAskCycleIsRefusedAtOnce(t *testing.T) {
	node := start(t, "a")
	to := spawn(t, node, "worker")
	_, err := ab.Ask[*testpb.EchoReply](t.Context(), to, &testpb.AskThrough{Target: to.String(), Text: "x"})
	if !errors.Is(err, &ab.UserError{Code: "DEADLOCK"}) {
		t.Errorf("an actor that asks itself gets %v", err)
	}
}

func TestAFullMailboxGivesTheMessageBackAndAStopSaysWhatWasLeft(t *testing.T) {
	node := start(t, "a")
	to, holding := spawnHolding(t, node, "worker", ab.Mailbox(2))
	for range 2 {
		if err := node.Tell(t.Context(), to, &testpb.Hold{}); err != nil {
			t.Fatal(err)
		}
	}
	receive(t, "the first hold", holding)
	err := node.TryTell(to, &testpb.Add{By: 7})
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodeMailboxFull || fault.Message.(*testpb.Add).By != 7 {
		t.Fatalf("TryTell to a full mailbox is %v", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if err := node.Tell(ctx, to, &testpb.Add{}); !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ab.ErrExpired) {
		t.Errorf("Tell beyond its context is %v", err)
	}
	if err := node.Stop(t.Context(), to, 20*time.Millisecond); err != nil {
		t.Errorf("its context ends the handler, but Stop says %v", err)
	}
	if n := node.DeadLetterCounts()["STOPPED"]; n != 1 {
		t.Errorf("%d messages were left, want 1", n)
	}
	expect(t, spawn(t, node, "worker"), 0)
	if err := node.Stop(t.Context(), to, long); err != nil {
		t.Fatal(err)
	}
	if err := node.Tell(t.Context(), to, &testpb.Add{}); !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("a stopped actor is told: %v", err)
	}
}

func TestNeverTwoMessagesAtOnceInOneActor(t *testing.T) {
	node := start(t, "a")
	var inside, handled int // guarded by nothing: the race detector watches
	to, err := node.Spawn("alone", func() ab.Receiver {
		return ab.ReceiverFunc(func(ab.Context, *ab.Message) error {
			inside++
			defer func() { inside-- }()
			if inside != 1 {
				t.Error("two messages at once")
			}
			handled++
			return nil
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	var senders sync.WaitGroup
	for range 8 {
		senders.Go(func() { tellMany(t, node, to, 1, 500) })
	}
	senders.Wait()
	if err := node.Stop(t.Context(), to, long); err != nil {
		t.Fatal(err)
	}
	if lost := len(node.DeadLetters()); handled+lost != 4000 {
		t.Errorf("%d handled and %d dead letters, want 4000 together", handled, lost)
	}
}

func TestWhatAHandlerTellsLeavesInOrderWithoutBlockingIt(t *testing.T) {
	node := start(t, "a")
	to := spawn(t, node, "counter", ab.Mailbox(4))
	source, err := node.Spawn("source", func() ab.Receiver {
		return ab.ReceiverFunc(func(ctx ab.Context, m *ab.Message) error {
			for n := uint64(1); n <= 1024; n++ {
				if err := ctx.Tell(to, &testpb.Add{By: 1, N: n}); err != nil {
					return err
				}
			}
			if err := ctx.Tell(to, &testpb.Add{}); !errors.Is(err, ab.ErrMailboxFull) {
				t.Errorf("a full outbox says %v", err)
			}
			return m.Reply(&testpb.Held{})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ab.Ask[*testpb.Held](t.Context(), source, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the last message", func() bool { return counts(t, to).Handled == 1024 })
	expect(t, to, 1024)
}

func TestAContextIsOfNoUseOnceItsHandlerHasReturned(t *testing.T) {
	node := start(t, "a")
	kept := make(chan ab.Context, 1)
	to, err := node.Spawn("leaky", func() ab.Receiver {
		return ab.ReceiverFunc(func(ctx ab.Context, m *ab.Message) error {
			kept <- ctx
			return m.Reply(&testpb.Held{})
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	ctx := receive(t, "the context", kept)
	receive(t, "the context's end", ctx.Done())
	if err := ctx.Tell(to, &testpb.Hold{}); !errors.Is(err, ab.ErrInvalidArgument) {
		t.Errorf("Tell says %v", err)
	}
}

func TestAnErrorNamesWhatHappenedToWhatAndWhatToDo(t *testing.T) {
	node := start(t, "a")
	err := node.Tell(t.Context(), refOf(t, node, "ab:///nobody"), &testpb.Hold{})
	want := "ab:///nobody: no actor has this address (NO_SUCH_ACTOR); check the address, spawn the actor, or link the node that hosts it"
	if err == nil || err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestAnAddressIsValidOrRefusedWithAReason(t *testing.T) {
	for _, good := range []string{"ab:///a", "ab://node/a/b", "ab:///orders/42", "ab://n-1/system", "ab:///größe"} {
		if ref, err := ab.ParseRef(good); err != nil || ref.String() != good {
			t.Errorf("%s is refused: %v", good, err)
		}
	}
	for _, bad := range []string{
		"", "ab:/a", "ab://", "ab:///", "ab:///a//b", "ab:///a/", "ab:///a b", "ab://n ode/a", "http://x/y", "ab:///\xff",
		"ab:///" + strings.Repeat("x", 1024),
	} {
		if _, err := ab.ParseRef(bad); !errors.Is(err, ab.ErrInvalidArgument) {
			t.Errorf("%q is not refused: %v", bad, err)
		}
	}
	if ref, err := ab.ParseRef("ab://n/x/y"); err != nil || ref.Host() != "n" || ref.Path() != "x/y" {
		t.Errorf("it is taken apart as %q and %q", ref.Host(), ref.Path())
	}
}
