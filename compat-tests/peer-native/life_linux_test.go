package main

import (
	"errors"
	"fmt"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/native"
)

// mostGrown is how many MiB the process may take more after many nodes: allocators keep some of what they got back.
const mostGrown = 24

func TestARustPanicIsInTheGoNodesLog(t *testing.T) {
	w := newWorld(t)
	w.dial(native.Door(native.Name("rust")))
	w.spawn("counter/log")
	w.tell("ab:///counter/log", &testpb.PanicNow{Text: "no more"})
	w.until("the supervisor's line", func() bool {
		return len(w.log.with("ERROR the actor panicked: planned: no more; it is made anew; at ", ".rs:", " target=rust actor=ab:///counter/log")) == 1
	})
}

func TestARustNodeEndsWithItsLastLinkAndComesAnewWithTheNext(t *testing.T) {
	w := newWorld(t)
	d := native.Door(native.Name("rust"), native.Grace(20*time.Millisecond))
	var before resources
	var memory int
	for round := range rounds(t, 100) {
		w.dial(d)
		switch round {
		case 1:
			before = held(t).and(20) // with one node open; a leak is one a round
		case 50:
			memory = resident(t)
		}
		w.disconnectAtWork(round)
	}
	w.dial(d)
	w.untilWithin(before)
	w.node.Disconnect("rust")
	w.shutdown()
	w.until("no thread is left", func() bool { return held(t).threads == 0 })
	if grown := resident(t) - memory; grown > mostGrown && !instrumented {
		t.Errorf("nodes that came and went leave %d MiB", grown)
	}
}

// disconnectAtWork ends the Rust node's last link while one of its actors is in its handler with messages behind it, and
// another waits for an answer from Go.
func (w *world) disconnectAtWork(round int) {
	w.Helper()
	const tells = 50
	asked, linkGone := make(chan struct{}), make(chan struct{})
	mute, err := w.node.Spawn(fmt.Sprint("mute/", round), func() ab.Receiver {
		return ab.ReceiverFunc(func(ctx ab.Context, _ *ab.Message) error {
			close(asked)
			select {
			case <-linkGone:
			case <-ctx.Done():
			}
			return nil
		})
	})
	if err != nil {
		w.Fatal(err)
	}
	for _, path := range []string{"hold/x", "through/x"} {
		w.spawn(path)
	}
	key := fmt.Sprint(time.Now().UnixNano()) // gates belong to the process, which may run this test often
	w.tell("ab:///hold/x", &testpb.Hold{Key: key})
	failed := make(chan error, 1)
	go func() {
		_, err := ask[*testpb.EchoReply](w, "ab:///through/x", &testpb.AskThrough{
			Target: "ab://go/" + mute.Path(), TimeoutMs: uint32(patience.Milliseconds()),
		})
		failed <- err
	}()
	w.until("the handler runs", func() bool {
		gate, err := ask[*testpb.Gate](w, "ab://rust/gate", &testpb.GetGate{Key: key})
		return err == nil && gate.Entered == 1
	})
	select {
	case <-asked:
	case <-time.After(patience):
		w.Fatalf("round %d: the Rust actor's ask did not come", round)
	}
	for n := range tells {
		w.tell("ab:///hold/x", &testpb.Add{By: 1, N: uint64(n)})
	}
	w.node.Disconnect("rust")
	select {
	case err := <-failed:
		if !errors.Is(err, ab.ErrOutcomeUnknown) {
			w.Fatalf("round %d: an ask that a handler had when its link went gave %v", round, err)
		}
	case <-time.After(patience):
		w.Fatalf("round %d: an ask whose link went was not answered", round)
	}
	// Each of them is told, though the node that had them is gone.
	w.until("what the node had when it ended", func() bool {
		return len(w.log.with("WARN the node has stopped", fmt.Sprint(tells, " STOPPED"), "target=rust")) == round+1
	})
	close(linkGone)
	if err := w.node.Stop(w.Context(), mute, patience); err != nil {
		w.Fatal(err)
	}
}
