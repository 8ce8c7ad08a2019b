package main

import (
	"context"
	"errors"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

func TestTheHandlerOfAnInlineAskIsToldWhenItsAskerWouldWaitNoLonger(t *testing.T) {
	inASecond := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, time.Second)
	}
	patient := []ab.AskOption{ab.Timeout(patience)}
	cancels := func(_ inlines, cancel context.CancelFunc) { cancel() }
	waits := func(inlines, context.CancelFunc) {}
	disconnects := func(w inlines, _ context.CancelFunc) { w.node.Disconnect("rust") }
	shutsDown := func(w inlines, _ context.CancelFunc) { w.shutdown() }
	for _, c := range []struct {
		name    string
		with    func(context.Context) (context.Context, context.CancelFunc)
		options []ab.AskOption
		end     func(w inlines, cancel context.CancelFunc)
	}{
		{"its context is cancelled", context.WithCancel, nil, cancels},
		{"its context is cancelled, with a timeout", context.WithCancel, patient, cancels},
		{"its context's deadline passes", inASecond, nil, waits},
		{"its context's deadline passes, with a timeout", inASecond, patient, waits},
		{"its timeout passes", context.WithCancel, []ab.AskOption{ab.Timeout(time.Second)}, waits},
		{"its link is ended", context.WithCancel, patient, disconnects},
		{"its node shuts down", context.WithCancel, patient, shutsDown},
	} {
		t.Run(c.name, func(t *testing.T) {
			w := newInlines(t)
			to := w.actor("polls")
			before := w.door.counts()
			ctx, cancel := c.with(context.Background())
			defer cancel()
			ended := make(chan error, 1)
			go func() {
				// The handler works until its token trips, and answers then; it fails if it is not told.
				_, err := w.node.AskRawInline(ctx, to, rawDo, do(doPoll, 0, ""), c.options...)
				ended <- err
			}()
			w.waits(to.Path())
			c.end(w, cancel)
			select {
			case err := <-ended:
				if err != nil {
					t.Error(err)
				}
			case <-time.After(patience):
				t.Fatal("the ask does not return")
			}
			if got := w.door.counts().since(before); got != (counts{atOnce: 1}) {
				t.Errorf("beside the packets went %+v, want one ask that was answered at once", got)
			}
		})
	}
}

func TestAnAskThatWasTakenAtOnceAndWaitsIsGivenUp(t *testing.T) {
	w := newInlines(t)
	asked, open := make(chan struct{}, 1), make(chan struct{})
	w.spawnGo("other", func(_ ab.Context, m *ab.Message) error {
		asked <- struct{}{}
		<-open
		return m.Reply(&testpb.Count{})
	})
	defer close(open)
	to := w.actor("asks")
	before := w.door.counts()
	ctx, cancel := context.WithCancel(context.Background())
	defer cancel()
	ended := make(chan error, 1)
	go func() {
		_, err := w.node.AskRawInline(ctx, to, rawDo, do(doAsk, 0, "ab://go/other"), ab.Timeout(patience))
		ended <- err
	}()
	<-asked
	w.until("it is taken", func() bool { return w.door.counts().since(before) == counts{later: 1} })
	cancel()
	if err := <-ended; !errors.Is(err, context.Canceled) || !errors.Is(err, ab.ErrOutcomeUnknown) {
		t.Errorf("the ask ended with %v", err)
	}
	// Its handler asks another actor, which has not answered: only its token ends that.
	if _, err := w.ask(to, do(doAnswer, 0, ""), ab.Timeout(patience/3)); err != nil {
		t.Errorf("its actor is not free: %v", err)
	}
}
