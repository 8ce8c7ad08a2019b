package actorbridge_test

import (
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

func TestEveryCallOfANodeThatHasBeenShutDownSaysThatItHas(t *testing.T) {
	node, other := pair(t)
	to := spawn(t, node, "worker")
	counts(t, to)
	shutdown(t, node)
	_, asked := ab.Ask[*testpb.Count](t.Context(), to, &testpb.GetCount{})
	_, elsewhere := ab.Ask[*testpb.Count](t.Context(), node.RefAt("ab://b/worker"), &testpb.GetCount{})
	_, spawned := node.Spawn("late", newWorker)
	_, dialled := node.Dial(t.Context(), abtest.Door(other))
	for call, err := range map[string]error{
		"ask": asked, "ask of another node": elsewhere, "spawn": spawned, "dial": dialled,
		"tell":    node.Tell(t.Context(), to, &testpb.Add{}),
		"tryTell": node.TryTell(to, &testpb.Add{}),
		"stop":    node.Stop(t.Context(), to, long),
	} {
		const want = "the node is stopping or has stopped (STOPPED): node a has been shut down; start a new node"
		if !errors.Is(err, ab.ErrStopped) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestWhoeverEndsAnAskFirstTheAskerFindsTheEndOfItsTimeInTheError(t *testing.T) {
	handlers := map[string]func(ctx ab.Context, release <-chan struct{}) error{
		"returns its context's error": func(ctx ab.Context, _ <-chan struct{}) error { <-ctx.Done(); return ctx.Err() },
		"returns an error of its own": func(ctx ab.Context, _ <-chan struct{}) error { <-ctx.Done(); return errors.New("too slow") },
		"ignores its context":         func(_ ab.Context, release <-chan struct{}) error { <-release; return nil },
	}
	node := start(t, "a", ab.WithLogger(quiet))
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				release := make(chan struct{})
				to := spawnFunc(t, node, "slow", func(ctx ab.Context, _ *ab.Message) error { return handler(ctx, release) })
				ctx, cancel := deadline(t, 5*time.Millisecond)
				_, byContext := ab.Ask[*testpb.Held](ctx, to, &testpb.Hold{})
				cancel()
				_, byTimeout := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}, ab.Timeout(5*time.Millisecond))
				close(release)
				for _, err := range []error{byContext, byTimeout} {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Fatalf("it is %v", err)
					}
				}
				if err := node.Stop(t.Context(), to, long); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}
