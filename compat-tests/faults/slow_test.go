package faults

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

const (
	// smallMailbox is that of who is slow.
	smallMailbox = 64
	// offered are messages of largeBody bytes for an actor that takes none: four times what a side's memory may grow by.
	largeBody = 16 << 10
	offered   = 4 * mayGrow / largeBody
	// flood is how many small ones a peer tries to tell, so many at once: meanwhile a thread of it does nothing else.
	flood, atOnce = 300_000, 10_000
)

func TestWhoIsSlowCostsNeitherSideMemoryAndLosesNothing(t *testing.T) {
	t.Parallel()
	for _, language := range []string{"go", "rust"} {
		program := peerOf(t, language)
		t.Run(language, func(t *testing.T) {
			t.Parallel()
			w := join(t, abtest.Start(t, "here"), "there", program, false)
			before := w.memory()
			for round := 1; ; round++ {
				w.slowThere(round, before)
				w.slowHere(round, before)
				w.count()
				if !goesOn(t) {
					t.Logf("before: %v; after %d rounds: %v", before, round, w.memory())
					return
				}
			}
		})
	}
}

// slowThere offers large messages to an actor of the peer that handles none until it is let go.
func (w *world) slowThere(round int, before memory) {
	w.t.Helper()
	key := fmt.Sprint("slow ", round)
	held := w.spawn(fmt.Sprintf("hold/%d", round), smallMailbox)
	must(w.t, w.here.Tell(w.t.Context(), held, &testpb.Hold{Key: key}))
	large := &testpb.Add{By: 1}
	large.ProtoReflect().SetUnknown(protowire.AppendBytes(protowire.AppendTag(nil, 1_000, protowire.BytesType), make([]byte, largeBody)))
	var taken uint64
	for range offered {
		if err := w.here.TryTell(held, large); err == nil {
			taken++
		}
	}
	if taken == 0 || taken == offered {
		w.t.Errorf("of %d messages to an actor that takes nothing, %d were taken", offered, taken)
	}
	w.bounded("to an actor there that takes nothing", before)
	gate := w.spawn("gate", 0)
	_, err := ab.Ask[*testpb.Gate](w.t.Context(), gate, &testpb.Release{Key: key})
	must(w.t, err)
	w.settled("what a slow actor there was told", taken, func() uint64 { return w.handled(held) }, func() uint64 { return w.lostHere(held) })
	w.stop(held)
}

// slowHere has the peer tell an actor here that is slow as much as it can.
func (w *world) slowHere(round int, before memory) {
	w.t.Helper()
	slow, ref := w.newSink(fmt.Sprintf("slow/%d", round), ab.Mailbox(smallMailbox))
	at := w.ref("ab://here/" + ref.Path()) // of a node: where an actor is that has none, TryTell does not ask
	slow.each.Store(int64(10 * time.Millisecond))
	var sent uint64
	for first := uint64(1); first <= flood; first += atOnce {
		sent += w.peer.must(ops.Order{Op: "tell_many", To: at.String(), First: first, Count: atOnce}).Counts["sent"]
	}
	if sent == 0 || sent == flood {
		w.t.Errorf("of %d messages to a slow actor, %d were taken", flood, sent)
	}
	w.bounded("to a slow actor here", before)
	slow.each.Store(0)
	w.settled("what a slow actor here was told", sent, slow.count.Load, func() uint64 { return w.lostThere(at) })
	must(w.t, w.here.Stop(w.t.Context(), at, deadline))
}
