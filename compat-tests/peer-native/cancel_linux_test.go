package main

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/native"
)

func TestAnAskThatIsGivenUpReturnsWhileItsRustHandlerIsHeld(t *testing.T) {
	for _, c := range []struct {
		name string
		end  error
		// until is a context that ends with that error once the handler runs.
		until func(ctx context.Context) (context.Context, context.CancelFunc)
	}{
		{"cancelled", context.Canceled, context.WithCancel},
		{"at its deadline", context.DeadlineExceeded, func(ctx context.Context) (context.Context, context.CancelFunc) {
			return context.WithTimeout(ctx, time.Second)
		}},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newWorld(t)
			w.dial(native.Door(native.Name("rust")))
			w.spawn("hold/x")
			for range rounds(t, 3) {
				w.giveUp(c.end, c.until)
			}
		})
	}
}

// giveUp asks an actor whose handler goes on when its asker has given up.
func (w *world) giveUp(end error, until func(context.Context) (context.Context, context.CancelFunc)) {
	w.Helper()
	g := gate{w, fmt.Sprint(time.Now().UnixNano())}
	late := w.node.DeadLetterCounts()["LATE_REPLY"]
	ctx, cancel := until(w.Context())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := ab.Ask[*testpb.Held](ctx, w.ref("ab:///hold/x"), &testpb.Hold{Key: g.key, Stubborn: true}, ab.Timeout(patience))
		ended <- err
	}()
	g.until("the handler runs", func() bool { return g.state().Entered == 1 })
	if end == context.Canceled {
		cancel()
	}
	select {
	case err := <-ended:
		if !errors.Is(err, end) || !errors.Is(err, ab.ErrOutcomeUnknown) {
			w.Errorf("an ask whose context ended gave %v, want %v and OUTCOME_UNKNOWN", err, end)
		}
	case <-time.After(patience):
		w.Fatal("the ask waits for its handler, though its context has ended")
	}
	// The handler is told by its token, and is still held: it answers only now.
	g.until("the handler's token trips", func() bool { return g.state().Cancelled == 1 })
	g.open()
	w.until("the late reply is counted", func() bool { return w.node.DeadLetterCounts()["LATE_REPLY"] == late+1 })
	w.count("ab:///hold/x") // nor does it end the actor
}
