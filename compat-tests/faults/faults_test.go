package faults

import (
	"context"
	"errors"
	"fmt"
	"os"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

const (
	// smoke is how long each toxic lasts, where FAULTS_FOR, a duration for all of them together, says nothing else.
	smoke = 300 * time.Millisecond
	// deadline is that of an ask; what is told in time may come a little behind it.
	deadline = 500 * time.Millisecond
	// settledIn is after how many rounds a node has all that it keeps, such as dead letters; mayGrow by how many bytes its heap may be more
	// after any number of them.
	settledIn = 20
	mayGrow   = 32 << 20
)

// heap is the bytes that are in use. The detector of races has more of its own, which grow with what long-lived goroutines defer.
func heap() uint64 {
	var all runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&all)
	return all.HeapAlloc
}

// A world is a node of this process and one in another, with a network between them.
type world struct {
	t       *testing.T
	here    *ab.Node
	peer    *peer
	network *network
	// counter is theirs, sink ours; both are of one round.
	counter ab.Ref
	sink    *sink
	hurting atomic.Bool
	// rounds are all so far, quiet those in which no tell went one way or the other.
	rounds, quiet int
}

// sink is an actor that takes what the peer tells: each number once, in order.
type sink struct {
	t     *testing.T
	count atomic.Uint64
	last  uint64
}

// Receive implements ab.Receiver.
func (s *sink) Receive(_ ab.Context, m *ab.Message) error {
	var add testpb.Add
	if err := m.Decode(&add); err != nil {
		return err
	}
	if add.N <= s.last {
		s.t.Errorf("%d came behind %d", add.N, s.last)
	}
	s.last = add.N
	s.count.Add(1)
	return nil
}

// join starts both nodes; one of them dials, by the network.
func join(t *testing.T, program string, theyDial bool) *world {
	t.Helper()
	w := &world{t: t}
	w.here = abtest.Start(t, "here")
	if !theyDial {
		var address string
		w.peer, address = startPeer(t, program, "there", "tcp://127.0.0.1:0")
		w.network = newNetwork(t, address)
		_, err := w.here.Dial(t.Context(), remote.Door(w.network.address()))
		must(t, err)
		return w
	}
	server, err := remote.Listen(w.here, "tcp://127.0.0.1:0")
	must(t, err)
	t.Cleanup(server.Close)
	w.peer, _ = startPeer(t, program, "there", "")
	w.network = newNetwork(t, server.Addr())
	w.peer.must(ops.Order{Op: "link", Door: "remote", To: w.network.address()})
	return w
}

// round has traffic both ways while the network is hurt by one toxic after the other, then lets it heal and takes stock.
func (w *world) round(number int, seed uint64, each time.Duration) {
	w.rounds++
	path := fmt.Sprintf("counter/%d", number)
	_, err := ab.Ask[*actorbridgev1.SpawnReply](w.t.Context(), w.ref("ab://there/system"), &actorbridgev1.SpawnRequest{Path: path})
	must(w.t, err)
	w.counter, w.sink = w.ref("ab:///"+path), &sink{t: w.t}
	sinkAt, err := w.here.Spawn(fmt.Sprintf("sink/%d", number), func() ab.Receiver { return w.sink })
	must(w.t, err)
	var all sync.WaitGroup
	var told, toldUs, asked uint64
	w.hurting.Store(true)
	all.Go(func() { told = w.tell() })
	all.Go(func() { toldUs = w.beTold(sinkAt.String()) })
	all.Go(func() { asked = w.ask() })
	for _, what := range shuffled(seed) {
		w.network.poison(what)
		time.Sleep(each) // so long it lasts: nothing is waited for
		w.network.heal()
	}
	w.hurting.Store(false)
	all.Wait()
	w.settled("what was told to the peer", told, w.handledThere, func() uint64 { return lost(w.lettersHere(), w.counter) })
	w.settled("what the peer told", toldUs, w.sink.count.Load, func() uint64 { return lost(w.peer.must(ops.Order{Op: "dead_letters"}).Letters, sinkAt) })
	// A handshake whose first bytes were dropped is given up after 10 s, so that there is no link for a whole round now and then.
	if told == 0 || toldUs == 0 {
		w.quiet++
	}
	if asked == 0 {
		w.t.Errorf("seed %d: nothing was asked", seed)
	}
	w.t.Logf("seed %d: %d told, %d told here, %d asked", seed, told, toldUs, asked)
	must(w.t, w.here.Stop(w.t.Context(), sinkAt, deadline))
}

func (w *world) ref(address string) ab.Ref {
	ref, err := w.here.Ref(address)
	must(w.t, err)
	return ref
}

// tell tells the peer's actor, and says how many were taken: an error is certainly not handled.
func (w *world) tell() (taken uint64) {
	for n := uint64(1); w.hurting.Load(); n++ {
		ctx, cancel := context.WithTimeout(context.Background(), deadline)
		err := w.here.Tell(ctx, w.counter, &testpb.Add{By: 1, N: n})
		cancel()
		var fault *ab.Error
		switch {
		case err == nil:
			taken++
		case !errors.As(err, &fault) || fault.Effect != ab.EffectNone:
			w.t.Errorf("a tell failed with %v", err)
		case fault.Code == ab.CodeUnavailable || fault.Code == ab.CodeNoSuchActor:
			time.Sleep(time.Millisecond) // there is no link: not as fast as this can go round
		}
	}
	return taken
}

// beTold has the peer tell the sink, each number once.
func (w *world) beTold(sink string) (taken uint64) {
	const many = 200
	for first := uint64(1); w.hurting.Load(); first += many {
		answer := w.peer.do(ops.Order{Op: "tell_many", To: sink, First: first, Count: many, Wait: true})
		taken += answer.Counts["sent"]
		if answer.Fault != nil && answer.Fault.Effect != "NONE" {
			w.t.Errorf("the peer's tell failed with %s", answer.Fault.Detail)
		}
		if answer.Fault != nil {
			time.Sleep(time.Millisecond)
		}
	}
	return taken
}

// ask asks from several goroutines, and counts those that were answered: all of them, not long behind their deadline.
func (w *world) ask() uint64 {
	var answered atomic.Uint64
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			for w.hurting.Load() {
				began := time.Now()
				_, err := ab.Ask[*testpb.Count](context.Background(), w.counter, &testpb.GetCount{}, ab.Timeout(deadline))
				var fault *ab.Error
				if err != nil && !errors.As(err, &fault) {
					w.t.Errorf("an ask failed with %v", err)
				}
				if took := time.Since(began); took > deadline+patience/6 {
					w.t.Errorf("an ask was answered after %v", took)
				}
				if err != nil {
					time.Sleep(time.Millisecond)
				}
				answered.Add(1)
			}
		})
	}
	all.Wait()
	return answered.Load()
}

// handledThere is how many the peer's actor has handled; it waits for the link.
func (w *world) handledThere() (handled uint64) {
	eventually(w.t, "an answer behind the faults", func() bool {
		count, err := ab.Ask[*testpb.Count](w.t.Context(), w.counter, &testpb.GetCount{})
		if err == nil {
			handled = count.Handled
		}
		return err == nil
	})
	return handled
}

// settled waits until all that was taken is handled or told; never is more handled than was taken.
func (w *world) settled(what string, taken uint64, handled, lost func() uint64) {
	w.t.Helper()
	var h, l uint64
	for until := time.Now().Add(patience / 4); ; time.Sleep(10 * time.Millisecond) {
		if h, l = handled(), lost(); h > taken {
			w.t.Fatalf("%s: %d were taken, and %d handled", what, taken, h)
		}
		if h+l >= taken {
			return
		}
		if time.Now().After(until) {
			w.t.Fatalf("%s: %d were taken, %d handled and %d told", what, taken, h, l)
		}
	}
}

func (w *world) lettersHere() (letters []ops.Letter) {
	for _, l := range w.here.DeadLetters() {
		letters = append(letters, ops.Letter{Target: l.Target, Detail: l.Detail})
	}
	return letters
}

// lost is how many messages to an actor the dead letters of their sender tell of.
func lost(letters []ops.Letter, to ab.Ref) (n uint64) {
	for _, l := range letters {
		var first, last uint64
		_, seqs, _ := strings.Cut(l.Detail, ", seq ")
		switch {
		case l.Target != to.String():
		case seqs == "":
			n++
		default:
			if _, err := fmt.Sscanf(seqs, "%d to %d:", &first, &last); err == nil {
				n += last - first + 1
			}
		}
	}
	return n
}

func TestWhateverTheNetworkDoesEachAskIsAnsweredAndEachTellHandledOnceOrTold(t *testing.T) {
	each, until := smoke, time.Time{}
	if text := os.Getenv("FAULTS_FOR"); text != "" {
		long, err := time.ParseDuration(text)
		must(t, err)
		until = time.Now().Add(long)
	}
	inGo, err := goPeer()
	must(t, err)
	for _, language := range []struct{ name, program string }{{"go", inGo}, {"rust", rustPeer}} {
		for _, theyDial := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, they dial: %v", language.name, theyDial), func(t *testing.T) {
				t.Parallel()
				w := join(t, language.program, theyDial)
				var early uint64
				for number := 1; ; number++ {
					w.round(number, uint64(number), each)
					if number == settledIn {
						early = heap()
					}
					if !time.Now().Before(until) || t.Failed() {
						break
					}
				}
				if rounds := w.rounds; w.quiet > 1+rounds/20 || w.quiet == rounds {
					t.Errorf("in %d of %d rounds there was no traffic", w.quiet, rounds)
				}
				if late := heap(); early > 0 {
					t.Logf("the heap had %d MiB after %d rounds, and has %d", early>>20, settledIn, late>>20)
					if late > early+mayGrow {
						t.Error("it grows with what was sent")
					}
				}
				eventually(t, "one link", func() bool { return len(w.here.Links()) == 1 && w.here.Links()[0].State == ab.LinkUp })
			})
		}
	}
}
