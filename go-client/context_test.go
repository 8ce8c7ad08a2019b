package actorbridge_test

import (
	"bytes"
	"context"
	"errors"
	"os"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// spawnFunc spawns an actor of a function, or fails.
func spawnFunc(t testing.TB, node *ab.Node, path string, receive ab.ReceiverFunc) ab.Ref {
	t.Helper()
	ref, err := node.Spawn(path, func() ab.Receiver { return receive })
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestATimerSendsItsMessageOnceUnlessItIsCancelledOrReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		node := start(t, "a")
		probe := abtest.NewProbe(t, node, "probe")
		to := spawnFunc(t, node, "clock", func(ctx ab.Context, m *ab.Message) error {
			var add testpb.Add
			if err := m.Decode(&add); err != nil {
				return err
			}
			if !m.IsAsk() {
				return ctx.Tell(probe.Ref(), &add)
			}
			err := errors.Join(
				ctx.Timer("replaced", time.Minute, &testpb.Add{By: 1}),
				ctx.Timer("cancelled", time.Minute, &testpb.Add{By: 2}),
				ctx.Timer("replaced", time.Hour, &testpb.Add{By: 3}))
			ctx.CancelTimer("cancelled")
			return errors.Join(err, m.Reply(&testpb.Held{}))
		})
		if _, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Add{}); err != nil {
			t.Fatal(err)
		}
		probe.ExpectNoneFor(59 * time.Minute)
		time.Sleep(time.Minute)
		if add := abtest.Expect[*testpb.Add](t, probe); add.By != 3 {
			t.Errorf("timer %d rings, which was replaced or cancelled", add.By)
		}
		probe.ExpectNoneFor(24 * time.Hour)
	})
}

func TestTheAnswerToARequestComesAsAMessageWithItsNote(t *testing.T) {
	node := start(t, "a")
	other := spawn(t, node, "other")
	nobody := refOf(t, node, "ab:///nobody")
	answers := make(chan *ab.Message, 3)
	to := spawnFunc(t, node, "asker", func(ctx ab.Context, m *ab.Message) error {
		if m.Kind() != actorbridgev1.Kind_KIND_TELL {
			answers <- m
			return nil
		}
		return errors.Join(
			ctx.Request(other, &testpb.EchoRequest{Text: "hi"}, long, []byte("one")),
			ctx.Request(nobody, &testpb.EchoRequest{Text: "hi"}, long, []byte("two")))
	})
	if err := node.Tell(t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	for range 2 {
		m := receive(t, "an answer", answers)
		if bytes.Equal(m.Note(), []byte("two")) {
			if err := m.Failure(); !errors.Is(err, ab.ErrNoSuchActor) {
				t.Errorf("the second request ended with %v", err)
			}
			continue
		}
		var reply testpb.EchoReply
		if err := m.Decode(&reply); err != nil || string(m.Note()) != "one" || reply.Text != "hi" || m.Failure() != nil {
			t.Errorf("the first request got %v, %q, %v", &reply, m.Note(), err)
		}
	}
}

func TestAnActorThatWatchesIsToldOfTheEnd(t *testing.T) {
	node := start(t, "a")
	other := spawn(t, node, "other")
	probe := abtest.NewProbe(t, node, "probe")
	to := spawnFunc(t, node, "watcher", func(ctx ab.Context, m *ab.Message) error {
		if m.IsAsk() {
			if err := ctx.Watch(other); err != nil {
				return err
			}
			return m.Reply(&testpb.Held{})
		}
		var end actorbridgev1.Terminated
		if err := m.Decode(&end); err != nil {
			return err
		}
		return ctx.Tell(probe.Ref(), &end)
	})
	if _, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	if err := node.Stop(t.Context(), other, long); err != nil {
		t.Fatal(err)
	}
	if end := abtest.Expect[*actorbridgev1.Terminated](t, probe); end.Actor != other.String() || ab.Code(end.Code) != ab.CodeStopped {
		t.Errorf("it is told %v", end)
	}
}

func TestAForwardedMessageKeepsItsBytesAndTheLastActorAnswers(t *testing.T) {
	node := start(t, "a")
	mirror := spawnFunc(t, node, "mirror", func(_ ab.Context, m *ab.Message) error {
		return m.Reply(&testpb.EchoReply{Text: m.Type(), Data: m.Payload()})
	})
	to := spawnFunc(t, node, "forward", func(ctx ab.Context, m *ab.Message) error { return m.Forward(ctx, mirror) })
	request := &testpb.EchoRequest{Text: "a"}
	request.ProtoReflect().SetUnknown([]byte{0x9a, 0x06, 0x03, 'x', 'y', 'z'})
	want, err := proto.Marshal(request)
	if err != nil {
		t.Fatal(err)
	}
	reply, err := ab.Ask[*testpb.EchoReply](t.Context(), to, request)
	if err != nil || !bytes.Equal(reply.Data, want) || reply.Text != "actorbridge.test.v1.EchoRequest" {
		t.Errorf("it answers %v, %v", reply, err)
	}
}

func TestStartingAndEndingNodesLeavesNothingBehind(t *testing.T) {
	files := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			return 0 // not Linux: goroutines alone are counted
		}
		return len(entries)
	}
	goroutines, open := runtime.NumGoroutine(), files()
	for range 200 {
		node, err := ab.Start(t.Context(), "short", ab.WithLogger(quiet))
		if err != nil {
			t.Fatal(err)
		}
		tellMany(t, node, spawn(t, node, "worker"), 1, 3)
		if err := node.Shutdown(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the end of all goroutines", func() bool { return runtime.NumGoroutine() <= goroutines })
	if now := files(); now > open {
		t.Errorf("%d file descriptors are left of %d", now, open)
	}
}

func TestAShutdownNamesWhatItHadToAbandon(t *testing.T) {
	node, err := ab.Start(t.Context(), "stuck", ab.WithLogger(quiet))
	if err != nil {
		t.Fatal(err)
	}
	entered, gate := make(chan struct{}), make(chan struct{})
	defer close(gate)
	to := spawnFunc(t, node, "deaf", func(ab.Context, *ab.Message) error {
		close(entered)
		<-gate
		return nil
	})
	if err := node.Tell(t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	receive(t, "the handler's begin", entered)
	ctx, cancel := deadline(t, 100*time.Millisecond)
	defer cancel()
	if err := node.Shutdown(ctx); !errors.Is(err, ab.ErrHandlerTimeout) || !bytes.Contains([]byte(err.Error()), []byte("deaf")) {
		t.Errorf("it says %v", err)
	}
}

// Whole milliseconds are told, and each side has a clock of its own.
func TestAnAskWhoseHandlersTimeEndsFirstEndsAsItsAskersWould(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "b")
		time.Sleep(time.Millisecond - time.Microsecond)
		a := start(t, "a", ab.WithLink(abtest.Door(b)))
		busy := spawnFunc(t, b, "busy", func(_ ab.Context, m *ab.Message) error {
			time.Sleep(2 * time.Microsecond) // over the next millisecond of its node
			return nil
		})
		to := refOf(t, a, busy.String())
		must(t, a.Tell(t.Context(), to, &testpb.Add{}))
		_, err := ab.Ask[*testpb.EchoReply](t.Context(), to, &testpb.EchoRequest{}, ab.Timeout(2900*time.Microsecond))
		if !errors.Is(err, ab.ErrExpired) || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it ends with %v", err)
		}
	})
}
