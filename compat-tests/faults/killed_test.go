package faults

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

const (
	// underWay is the most tells that a relay has on its way: no mailbox is full of them, and no more are lost with a process.
	underWay = 100
	// killsOfANode is how often a peer is killed before the test begins with new nodes: dead letters are counted, and a node keeps so many.
	killsOfANode = 12
)

func TestAPeerThatIsKilledAndComesBackHandlesNothingTwiceAndWhatItNeverHadIsTold(t *testing.T) {
	t.Parallel()
	everyPeer(t, func(t *testing.T, program string, theyDial bool) {
		for nodes := 1; ; nodes++ {
			t.Run(fmt.Sprint("nodes ", nodes), func(t *testing.T) {
				newRelay(join(t, abtest.Start(t, "here"), "there", program, theyDial)).killedAgainAndAgain()
			})
			if !goesOn(t) {
				return
			}
		}
	})
}

// A relay tells an actor of the peer, which tells all of it to a sink here: what the process handled is seen when it is gone.
type relay struct {
	w     *world
	to    ab.Ref
	sink  *sink
	back  ab.Ref
	asker asker
	over  atomic.Bool

	// telling is held by a tell; so who holds it pauses them.
	telling sync.Mutex
	// taken is the last number that was taken, and base the last one that the process before this one may have had.
	taken, base atomic.Uint64
	// counted and letters are what was handled, and told of, when this process began.
	counted, letters uint64
}

func newRelay(w *world) *relay {
	r := &relay{w: w, to: w.ref("ab:///forward/relay")}
	r.asker.w, r.asker.echo = w, w.ref("ab:///echo/relay")
	r.sink, r.back = w.newSink("sink")
	return r
}

// begin makes the peer's actors. Nothing is told meanwhile.
func (r *relay) begin() {
	r.w.t.Helper()
	r.w.spawn(r.to.Path(), 0)
	r.w.spawn(r.asker.echo.Path(), 0)
	must(r.w.t, r.w.here.Tell(r.w.t.Context(), r.to, &testpb.ForwardTo{Target: r.back.String()}))
	r.counted, r.letters = r.sink.count.Load(), r.w.lostHere(r.to)
	r.base.Store(r.taken.Load())
}

// tell tells each number once, and is never far ahead of the sink.
func (r *relay) tell() {
	for !r.over.Load() {
		if n := r.taken.Load() + 1; n > max(r.base.Load(), r.sink.last.Load())+underWay || !r.next(n) {
			time.Sleep(time.Millisecond)
		}
	}
}

func (r *relay) next(n uint64) (taken bool) {
	r.telling.Lock()
	defer r.telling.Unlock()
	if taken = r.w.told(r.to, &testpb.Add{By: 1, N: n}); taken {
		r.taken.Store(n)
	}
	return taken
}

func (r *relay) killedAgainAndAgain() {
	r.begin()
	var all sync.WaitGroup
	stop := func() {
		r.over.Store(true)
		all.Wait()
	}
	defer stop() // also where the test ends in the middle
	all.Go(r.tell)
	all.Go(func() { r.asker.echoes(&r.over) })
	for kills := range killsOfANode {
		if kills >= len(ways) && !goesOn(r.w.t) {
			break
		}
		r.killed(kills)
	}
	r.goesOn()
	stop()
	r.settle()
	total.told.Add(r.taken.Load())
	total.handled.Add(r.sink.count.Load())
	r.asker.settle()
	r.w.count()
}

// ways are how a peer is killed, while tells go on or are held: in the middle of all; so that this side sees the end of the connection
// long after the next process has begun; and when a partition has kept messages from it.
var ways = []struct{ going, held func(*relay) }{
	{going: func(r *relay) { r.w.peer.kill() }},
	{going: func(r *relay) {
		r.w.network.poison(toxic{name: "a slow close", parts: bothWays("slow_close", `{"delay": 3000}`)})
		r.w.peer.kill()
	}},
	{held: func(r *relay) {
		r.settle()
		r.lostBehindAPartition()
	}},
}

// killed kills the peer in the way of this number, and starts it again.
func (r *relay) killed(number int) {
	r.w.t.Helper()
	r.goesOn()
	way := ways[number%len(ways)]
	if way.going != nil {
		way.going(r)
	}
	r.telling.Lock()
	defer r.telling.Unlock()
	if way.held != nil {
		way.held(r)
	}
	total.kills.Add(1)
	r.w.restart()
	r.begin()
	r.w.network.heal()
}

// lostBehindAPartition kills the peer when messages were taken that never came to it: each of them is told of. The caller holds the tells.
func (r *relay) lostBehindAPartition() {
	t, before, letters := r.w.t, r.taken.Load(), r.w.lostHere(r.to)
	t.Helper()
	r.w.network.poison(partition)
	for n := before + 1; n <= before+underWay/2 && r.w.told(r.to, &testpb.Add{By: 1, N: n}); n++ {
		r.taken.Store(n)
	}
	lost := r.taken.Load() - before
	if lost == 0 {
		t.Error("nothing was taken behind the partition")
	}
	r.w.peer.kill()
	r.w.network.heal()
	eventually(t, fmt.Sprintf("a dead letter for each of %d tells", lost), func() bool { return r.w.lostHere(r.to) >= letters+lost })
}

// goesOn waits until the process that there is handles what it is told.
func (r *relay) goesOn() {
	r.w.t.Helper()
	from := r.taken.Load()
	eventually(r.w.t, "traffic with the peer", func() bool { return r.sink.last.Load() > from+2*underWay })
}

// settle waits until all that was taken since this process began is handled or told of. Nothing is told meanwhile.
func (r *relay) settle() {
	r.w.t.Helper()
	eventually(r.w.t, "an account of what was taken", func() bool {
		return r.sink.count.Load()-r.counted+r.w.lostHere(r.to)-r.letters >= r.taken.Load()-r.base.Load()
	})
}

// restart starts the peer again, which was killed, with the name and the address that it had.
func (w *world) restart() {
	w.t.Helper()
	w.peer = runPeer(w.t, w.program, w.peer.name)
	// Another process may have the port for a moment.
	eventually(w.t, "a peer at the address that it had", func() bool {
		return w.peer.do(ops.Order{Op: "start", Listen: w.address}).Fault == nil
	})
	if w.address != "" {
		return
	}
	// What is still under way from the process before may count as a sign of its life, and the new one is refused.
	eventually(w.t, "a link of the new process", func() bool {
		return w.peer.do(ops.Order{Op: "link", Door: "remote", To: w.network.address()}).Fault == nil
	})
}
