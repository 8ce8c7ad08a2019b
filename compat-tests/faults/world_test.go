package faults

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/ops"
	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// deadline is that of an ask; what is told in time may come a little behind it.
const deadline = 500 * time.Millisecond

// A world is a node of this process and one in another, with a network between them.
type world struct {
	t       *testing.T
	here    *ab.Node
	program string
	peer    *peer
	// address is where the peer listens; empty: it dials.
	address string
	network *network
	// at is what the addresses of the peer's actors begin with: no node, unless a test gives one.
	at string
	// reconnects and givenUp are those that are in the total.
	reconnects, givenUp uint64
}

// join starts a node named there in another process; one of the two dials, by the network.
func join(t *testing.T, here *ab.Node, there, program string, theyDial bool) *world {
	t.Helper()
	w := &world{t: t, here: here, program: program, at: "ab:///"}
	t.Cleanup(func() { failed.CompareAndSwap(false, t.Failed()) })
	if !theyDial {
		w.peer, w.address = startPeer(t, program, there, "tcp://127.0.0.1:0")
		w.network = newNetwork(t, w.address)
		_, err := w.here.Dial(t.Context(), remote.Door(w.network.address()))
		must(t, err)
		return w
	}
	server, err := remote.Listen(w.here, "tcp://127.0.0.1:0")
	must(t, err)
	t.Cleanup(server.Close)
	w.peer, _ = startPeer(t, program, there, "")
	w.network = newNetwork(t, server.Addr())
	w.peer.must(ops.Order{Op: "link", Door: "remote", To: w.network.address()})
	return w
}

// everyPeer runs a test for each language, and for each side that may dial.
func everyPeer(t *testing.T, test func(t *testing.T, program string, theyDial bool)) {
	for _, language := range []string{"go", "rust"} {
		program := peerOf(t, language)
		for _, theyDial := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, they dial: %v", language, theyDial), func(t *testing.T) {
				t.Parallel()
				test(t, program, theyDial)
			})
		}
	}
}

func (w *world) ref(address string) ab.Ref {
	ref, err := w.here.Ref(address)
	must(w.t, err)
	return ref
}

func (w *world) system() ab.Ref { return w.ref("ab://" + w.peer.name + "/system") }

// spawn makes an actor at the peer, once there is a link. A mailbox of 0 is the default.
func (w *world) spawn(path string, mailbox uint32) ab.Ref {
	w.t.Helper()
	eventually(w.t, "an actor at the peer", func() bool {
		_, err := ab.Ask[*pb.SpawnReply](w.t.Context(), w.system(), &pb.SpawnRequest{Path: path, Mailbox: mailbox})
		return err == nil || errors.Is(err, ab.ErrAlreadyExists)
	})
	return w.ref(w.at + path)
}

// stop ends an actor at the peer.
func (w *world) stop(actor ab.Ref) {
	w.t.Helper()
	eventually(w.t, "the end of an actor", func() bool {
		_, err := ab.Ask[*pb.StopReply](w.t.Context(), w.system(), &pb.StopRequest{Path: actor.Path()})
		return err == nil || errors.Is(err, ab.ErrNoSuchActor)
	})
}

// linked says whether the link to the peer is up.
func (w *world) linked() bool {
	for _, l := range w.here.Links() {
		if l.Peer == w.peer.name && l.State == ab.LinkUp {
			return true
		}
	}
	return false
}

// count adds the links to the total that came back, and those that pings gave up, at either end.
func (w *world) count() {
	w.t.Helper()
	here := w.here.Status(&pb.StatusRequest{})
	var there *pb.NodeStatus
	eventually(w.t, "the peer's status", func() (ok bool) {
		var err error
		there, err = ab.Ask[*pb.NodeStatus](w.t.Context(), w.system(), &pb.StatusRequest{})
		return err == nil
	})
	var reconnects, givenUp uint64
	for _, traffic := range here.Traffic {
		if traffic.Peer == w.peer.name {
			reconnects += traffic.Reconnects
		}
	}
	for _, refusals := range [][]*pb.RefusalCount{here.Refusals, there.Refusals} {
		for _, refusal := range refusals {
			if refusal.Reason == pb.RefusalReason_REFUSAL_REASON_SILENT {
				givenUp += refusal.Count
			}
		}
	}
	total.reconnects.Add(reconnects - w.reconnects)
	total.givenUp.Add(givenUp - min(givenUp, w.givenUp)) // a peer that was started again counts anew
	w.reconnects, w.givenUp = reconnects, givenUp
}

// handled is how many an actor of the peer has handled; it waits for the link.
func (w *world) handled(actor ab.Ref) (handled uint64) {
	w.t.Helper()
	eventually(w.t, "an answer behind the faults", func() bool {
		count, err := ab.Ask[*testpb.Count](w.t.Context(), actor, &testpb.GetCount{})
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
	for until := time.Now().Add(patience / 2); ; time.Sleep(10 * time.Millisecond) {
		if h, l = handled(), lost(); h > taken {
			w.t.Fatalf("%s: %d were taken, and %d handled", what, taken, h)
		}
		if h+l >= taken {
			break
		}
		if time.Now().After(until) {
			w.explain()
			w.t.Fatalf("%s: %d were taken, %d handled and %d told", what, taken, h, l)
		}
	}
	total.told.Add(taken)
	total.handled.Add(h)
}

// explain logs what both nodes know of their links and of what was lost.
func (w *world) explain() {
	w.t.Helper()
	w.t.Logf("here: %v, %v", w.here.Links(), w.here.Status(&pb.StatusRequest{}))
	there, err := ab.Ask[*pb.NodeStatus](w.t.Context(), w.system(), &pb.StatusRequest{})
	w.t.Logf("there: %v, %v", there, err)
	letters := w.here.DeadLetters()
	for _, l := range letters[max(0, len(letters)-10):] {
		w.t.Logf("a letter here, of %d: to %q: %s", len(letters), l.Target, l.Detail)
	}
	lost := w.peer.must(ops.Order{Op: "dead_letters"}).Letters
	for _, l := range lost[max(0, len(lost)-10):] {
		w.t.Logf("a letter there, of %d: to %q: %s", len(lost), l.Target, l.Detail)
	}
}

// lostHere is how many messages to an actor the dead letters here tell of.
func (w *world) lostHere(to ab.Ref) uint64 {
	var letters []ops.Letter
	for _, l := range w.here.DeadLetters() {
		letters = append(letters, ops.Letter{Target: l.Target, Detail: l.Detail})
	}
	return lost(letters, to)
}

// lostThere is the same at the peer.
func (w *world) lostThere(to ab.Ref) uint64 {
	return lost(w.peer.must(ops.Order{Op: "dead_letters"}).Letters, to)
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

// told tells an actor, and says whether the message was taken: an error is certainly not handled.
func (w *world) told(to ab.Ref, message *testpb.Add) bool {
	ctx, cancel := context.WithTimeout(context.Background(), deadline)
	defer cancel()
	err := w.here.Tell(ctx, to, message)
	var fault *ab.Error
	if err != nil && (!errors.As(err, &fault) || fault.Effect != ab.EffectNone) {
		w.t.Errorf("a tell failed with %v", err)
	}
	return err == nil
}

// sink is an actor that takes what the peer tells: each number once, in order.
type sink struct {
	t           *testing.T
	count, last atomic.Uint64
	// each is how long a message takes, in nanoseconds.
	each atomic.Int64
}

// newSink spawns one here.
func (w *world) newSink(path string, options ...ab.SpawnOption) (*sink, ab.Ref) {
	s := &sink{t: w.t}
	ref, err := w.here.Spawn(path, func() ab.Receiver { return s }, options...)
	must(w.t, err)
	return s, ref
}

// Receive implements ab.Receiver.
func (s *sink) Receive(_ ab.Context, m *ab.Message) error {
	var add testpb.Add
	if err := m.Decode(&add); err != nil {
		return err
	}
	if last := s.last.Load(); add.N <= last {
		s.t.Errorf("%d came behind %d", add.N, last)
	}
	time.Sleep(time.Duration(s.each.Load()))
	s.last.Store(add.N)
	s.count.Add(1)
	return nil
}

// An asker asks an echo, whose answers say what was asked, and a counter, which says how many asks it has handled.
type asker struct {
	w             *world
	echo, counter ab.Ref
	// all and replies are those of both; the others are the counter's: refused are those that are certainly not handled.
	all, replies, counted, refused, answered atomic.Uint64
}

// echoes asks for echoes until it is over.
func (a *asker) echoes(over *atomic.Bool) {
	for !over.Load() {
		text := fmt.Sprint("ask ", a.all.Add(1))
		reply, err := asked[*testpb.EchoReply](a, a.echo, &testpb.EchoRequest{Text: text})
		if err == nil && reply.Text != text {
			a.w.t.Errorf("%q was answered with %q", text, reply.Text)
		}
	}
}

// counts asks the counter until it is over.
func (a *asker) counts(over *atomic.Bool) {
	for !over.Load() {
		a.all.Add(1)
		a.counted.Add(1)
		_, err := asked[*testpb.Count](a, a.counter, &testpb.Add{By: 1})
		var fault *ab.Error
		switch {
		case err == nil:
			a.answered.Add(1)
		case errors.As(err, &fault) && fault.Effect == ab.EffectNone:
			a.refused.Add(1)
		}
	}
}

// asked is one ask: it ends not long behind its deadline, by a reply or an error of the library.
func asked[R proto.Message](a *asker, to ab.Ref, message proto.Message) (reply R, err error) {
	began := time.Now()
	reply, err = ab.Ask[R](context.Background(), to, message, ab.Timeout(deadline))
	var fault *ab.Error
	if err != nil && !errors.As(err, &fault) {
		a.w.t.Errorf("an ask failed with %v", err)
	}
	if took := time.Since(began); took > deadline+patience/6 {
		a.w.t.Errorf("an ask ended after %v", took)
	}
	if err != nil {
		time.Sleep(time.Millisecond) // there is no link: not as fast as this can go round
		return reply, err
	}
	a.replies.Add(1)
	return reply, nil
}

// settle takes stock when all asks have ended: what was answered was handled, and what was not handled for sure was not.
func (a *asker) settle() {
	a.w.t.Helper()
	total.asked.Add(a.all.Load())
	total.answered.Add(a.replies.Load())
	if a.counter.IsZero() {
		return
	}
	handled, answered, most := a.w.handled(a.counter), a.answered.Load(), a.counted.Load()-a.refused.Load()
	if handled < answered || handled > most {
		a.w.t.Errorf("%d asks were answered, %d handled; %d may be", answered, handled, most)
	}
}
