package actorbridge_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

func TestTheLogSaysInWhichFileAnActorPanicked(t *testing.T) {
	for _, text := range []string{"boom", "goexit"} {
		log := &lines{}
		node := start(t, "a", ab.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
		_, err := ab.Ask[*testpb.Held](t.Context(), spawn(t, node, "worker"), &testpb.PanicNow{Text: text})
		if !errors.Is(err, ab.ErrPanicked) {
			t.Fatalf("an ask that panics is %v", err)
		}
		eventually(t, "the line of the log", func() bool { return log.has("an actor panicked; it is made anew") })
		if !log.has("stack=") || !log.has("(*worker).Receive") || !log.has("actors_test.go:") {
			t.Errorf("after %q the log is\n%s", text, log.text.String())
		}
	}
}

func TestTheLogSaysInWhichFileALoopAndAStopHookPanicked(t *testing.T) {
	log := &lines{}
	node := start(t, "a", ab.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	panics := func(ab.Context, *ab.Inbox) error { panic("in the loop") }
	loop, err := node.SpawnLoop("loop", panics, ab.Supervise(ab.OneForOne(0, long)))
	if err != nil {
		t.Fatal(err)
	}
	receive(t, "the loop's end", node.Done(loop))
	hooked, err := node.Spawn("hooked", func() ab.Receiver { return panicsAtStop{newWorker()} })
	if err != nil {
		t.Fatal(err)
	}
	counts(t, hooked) // one that never started has no hook to run
	if err := node.Stop(t.Context(), hooked, long); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"reason=\"in the loop\"", "TestTheLogSaysInWhichFileALoop", "reason=\"in the hook\"", "panicsAtStop.PostStop",
	} {
		if !log.has(want) {
			t.Errorf("the log does not say %s\n%s", want, log.text.String())
		}
	}
}

type panicsAtStop struct{ ab.Receiver }

func (panicsAtStop) PostStop(context.Context) error { panic("in the hook") }

func TestAnActorThatPanickedTooOftenHasStoppedAndTheErrorSaysAfterHowManyPanics(t *testing.T) {
	a, b := pair(t)
	to := spawn(t, b, "worker", ab.Supervise(ab.OneForOne(1, long)))
	for range 2 {
		if _, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.PanicNow{Text: "boom"}); !errors.Is(err, ab.ErrPanicked) {
			t.Fatalf("an ask that panics is %v", err)
		}
	}
	receive(t, "its end", b.Done(to))
	for _, ref := range []ab.Ref{to, a.RefAt("ab://b/worker")} {
		_, err := ab.Ask[*testpb.Count](t.Context(), ref, &testpb.GetCount{})
		if !errors.Is(err, ab.ErrStopped) || !strings.Contains(err.Error(), "it stopped after 2 panics in 10s: boom") {
			t.Errorf("%s: an ask after it is %v", ref, err)
		}
	}
	counts(t, spawn(t, b, "worker")) // forgotten with the next one
	if err := b.Stop(t.Context(), to, long); err != nil {
		t.Fatal(err)
	}
	if err := b.Tell(t.Context(), to, &testpb.Add{}); !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("a tell to one that was stopped is %v", err)
	}
}
