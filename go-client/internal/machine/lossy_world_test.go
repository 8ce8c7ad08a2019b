package machine

import (
	"fmt"
	"math/rand/v2"
	"slices"
)

// Nodes that send to one actor, over links to which things happen, in a time of its own: the same seed is the same walk. The shells are
// models: an actor that handles what comes, one after the other, and senders that note what they are told of each message.
//
// This file is the clock and what happens when; lossy_wire_test.go is what lies between the nodes, lossy_sender_test.go and
// lossy_receiver_test.go are the nodes, lossy_troubles_test.go is what happens to them, lossy_oracles_test.go is who judges.

// mutant is a shell or a reader that does something wrong, to see that it is found.
type mutant struct {
	// trusting: the reader does not look at the numbers of frames.
	trusting bool
	// certain: a sender says of each ask of a lost link that it was not handled.
	certain bool
	// silent: a sender does not say of which tells nobody knows.
	silent bool
	// eager: a sender sends those again.
	eager bool
}

// traffic is what the senders send.
type traffic struct {
	// hasty is how many of a thousand messages have a deadline of at most so many milliseconds.
	hasty  int
	within Millis
	// odd is how many of a thousand messages the receiver does not know the kind, the codec or the version of.
	odd int
	// burst is how many messages are sent one after the other, heavy: each may be as large as one packet takes.
	burst int
	heavy bool
}

var calmTraffic = traffic{hasty: 100, within: 2_000, burst: 1}

// lossySeen counts what has happened, since a walk in which nothing does shows nothing.
type lossySeen struct {
	links, lost, silent, superseded, restarts, handled, expired, late, refused, noCredit, noRoom int
}

func (s *lossySeen) add(other *lossySeen) {
	s.links, s.lost, s.silent, s.superseded = s.links+other.links, s.lost+other.lost, s.silent+other.silent, s.superseded+other.superseded
	s.restarts, s.handled, s.expired, s.late = s.restarts+other.restarts, s.handled+other.handled, s.expired+other.expired, s.late+other.late
	s.refused, s.noCredit, s.noRoom = s.refused+other.refused, s.noCredit+other.noCredit, s.noRoom+other.noRoom
}

// lossyWorld is the nodes, and all that lies between them.
type lossyWorld struct {
	*rand.Rand
	mutant
	wire     lossyWire
	traffic  traffic
	inline   uint32
	now      Millis
	troubles []trouble
	senders  []*lossySender
	receiver *lossyReceiver
	conns    uint64 // how many there were
	messages []*lossyMessage
	seen     lossySeen
	// meanwhile counts what is handled of links that are free while another is not.
	meanwhile int
	wrong     string
}

func (w *lossyWorld) fail(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf("at %d ms: ", w.now) + fmt.Sprintf(format, args...)
	}
}

// oneIn is true once in so many times.
func (w *lossyWorld) oneIn(n int) bool { return w.IntN(n) == 0 }

// between is a number from least to most, both included.
func (w *lossyWorld) between(least, most int) int { return least + w.IntN(most-least+1) }

const (
	// lossyPing is how often both sides ping: a link is silent for three times that, and dead.
	lossyPing = 1_000
	// restMs is in how much time all is well again once nothing happens any more: two links may have to be found dead, one after the
	// other, and the last ask that waits expires.
	restMs = 15_000
)

// lossyWalk is a world in which so many steps were made, and which has come to rest.
func lossyWalk(seed uint64, steps int, troubles []trouble, m mutant) *lossyWorld {
	w := &lossyWorld{Rand: rand.New(rand.NewPCG(seed, 1)), mutant: m, traffic: calmTraffic, now: 1_000, troubles: troubles}
	w.inline = []uint32{1_024, 20_000}[w.IntN(2)]
	w.receiver = newLossyReceiver(w, uint32([]int{1, 20, 200}[w.IntN(3)]))
	for range 1 + 2*w.IntN(2) {
		w.senders = append(w.senders, newLossySender(w, len(w.senders)))
	}
	for _, t := range troubles {
		t.begin(w)
	}
	for n := 0; n < steps && w.wrong == ""; n++ {
		w.step()
	}
	w.troubles, w.wire, w.traffic = nil, lossyWire{}, calmTraffic
	w.receiver.standsUntil = 0
	for _, s := range w.senders {
		s.blocked = [2]Millis{}
	}
	w.rest(restMs)
	w.settled()
	w.goesOn()
	return w
}

// step lets a little time pass, in which each node does something, or nothing.
func (w *lossyWorld) step() {
	w.now += Millis(w.IntN(40))
	for i := range w.troubles {
		if strike := w.troubles[i].strike; strike != nil {
			strike(w)
		}
	}
	for _, s := range w.senders {
		c := s.someConn()
		switch n := w.IntN(12); {
		case c == nil:
		case n < 4:
			for n := 0; n < w.traffic.burst && s.send(); n++ {
			}
			if w.oneIn(10) {
				s.cancel()
			}
		case n < 8:
			c.poll(w.IntN(2))
		default:
			c.carry(w.IntN(2))
		}
	}
	if w.oneIn(2) {
		w.receiver.press()
	}
	w.receiver.handle()
	w.timePasses()
	w.bounded()
}

// rest lets so much time pass, in which each node does all that it can.
func (w *lossyWorld) rest(ms Millis) {
	for end := w.now + ms; w.now < end && w.wrong == ""; w.now += 100 {
		for range 4 {
			for _, s := range w.senders {
				for _, c := range slices.Clone(s.conns) {
					for end := range 2 {
						c.poll(end)
						c.carry(end)
					}
				}
			}
			w.receiver.press()
			for range len(w.receiver.mailbox) {
				w.receiver.handle()
			}
		}
		w.timePasses()
		w.bounded()
	}
}

// timePasses is what every node does by the clock.
func (w *lossyWorld) timePasses() {
	for _, s := range w.senders {
		for _, c := range slices.Clone(s.conns) {
			for end := range 2 {
				if !c.closed[end] {
					c.act(end, c.ends[end].Tick(w.now, nil))
				}
			}
			c.hangUp()
		}
		s.expire()
		s.redial()
	}
}
