package faults

import (
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// A traffic is all that goes both ways between the nodes of a world, until it is over.
type traffic struct {
	w *world
	// counter is the peer's, and is told by this node; sink is ours, and is told by the peer.
	counter ab.Ref
	sink    *sink
	sinkAt  ab.Ref
	asker   asker
	over    atomic.Bool
	// taken are the tells here that were, and full those that found no room in time; takenThere are the peer's.
	taken, full, takenThere atomic.Uint64
}

// during has traffic of this number while the network is hurt, then takes stock.
func (w *world) during(number int, hurt func(*traffic)) *traffic {
	w.t.Helper()
	name := fmt.Sprintf("%s-%d", w.peer.name, number)
	tr := &traffic{w: w, counter: w.spawn("counter/"+name, 0)}
	tr.asker.w, tr.asker.echo, tr.asker.counter = w, w.spawn("echo/"+name, 0), w.spawn("counter/asked-"+name, 0)
	tr.sink, tr.sinkAt = w.newSink("sink/" + name)
	var all sync.WaitGroup
	stop := func() {
		tr.over.Store(true)
		all.Wait()
	}
	defer stop() // also where the test ends in the middle
	all.Go(tr.tell)
	all.Go(tr.beTold)
	for range 2 {
		all.Go(func() { tr.asker.echoes(&tr.over) })
		all.Go(func() { tr.asker.counts(&tr.over) })
	}
	hurt(tr)
	stop()
	tr.settle()
	w.count()
	return tr
}

// tell tells the peer's counter.
func (tr *traffic) tell() {
	for n := uint64(1); !tr.over.Load(); n++ {
		if tr.w.told(tr.counter, &testpb.Add{By: 1, N: n}) {
			tr.taken.Add(1)
			continue
		}
		tr.full.Add(1)
		time.Sleep(time.Millisecond)
	}
}

// beTold has the peer tell the sink, each number once.
func (tr *traffic) beTold() {
	const many = 200
	for first := uint64(1); !tr.over.Load(); first += many {
		answer := tr.w.peer.do(ops.Order{Op: "tell_many", To: tr.sinkAt.String(), First: first, Count: many, Wait: true})
		tr.takenThere.Add(answer.Counts["sent"])
		if answer.Fault != nil && answer.Fault.Effect != "NONE" {
			tr.w.t.Errorf("the peer's tell failed with %s", answer.Fault.Detail)
		}
		if answer.Fault != nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// settle takes stock, and ends the actors.
func (tr *traffic) settle() {
	w := tr.w
	w.t.Helper()
	w.settled("what was told to the peer", tr.taken.Load(), func() uint64 { return w.handled(tr.counter) },
		func() uint64 { return w.lostHere(tr.counter) })
	w.settled("what the peer told", tr.takenThere.Load(), tr.sink.count.Load, func() uint64 { return w.lostThere(tr.sinkAt) })
	tr.asker.settle()
	must(w.t, w.here.Stop(w.t.Context(), tr.sinkAt, deadline))
	for _, actor := range []ab.Ref{tr.counter, tr.asker.echo, tr.asker.counter} {
		w.stop(actor)
	}
}

// goesOn waits until tells went on both ways, and asks.
func (tr *traffic) goesOn(what string) {
	tr.w.t.Helper()
	now := func() [3]uint64 { return [3]uint64{tr.taken.Load(), tr.sink.count.Load(), tr.asker.replies.Load()} }
	before := now()
	eventually(tr.w.t, what, func() bool {
		after := now()
		return after[0] >= before[0]+200 && after[1] >= before[1]+200 && after[2] >= before[2]+50
	})
}
