package machine

import (
	"fmt"
	"slices"
	"strings"
	"testing"
)

// walkPool does at random what cells and links do to a pool, within the rules: a message comes within its credit, and what
// is held is released once. After each event it calls check.
func walkPool(seed uint64, steps, capacity int, check func(*Pool, *poolModel)) []string {
	w := newWalk(seed, "A pool under random local senders and streams.")
	w.do("pool capacity=%d", capacity)
	p := w.machine.(*Pool)
	m := &poolModel{next: make(map[StreamKey]uint64)}
	for range steps {
		m.step(w, p)
		if check != nil {
			check(p, m)
		}
	}
	w.do("used")
	w.do("streams")
	return w.lines
}

// poolModel is what a pool should know.
type poolModel struct {
	locals int
	keys   []StreamKey
	// next is the seq that comes next on each stream.
	next map[StreamKey]uint64
	// held are the messages that have a permit, also of closed streams.
	held   []heldMessage
	frozen bool
}

type heldMessage struct {
	key StreamKey
	seq uint64
	// initial: nobody had granted it when it was sent.
	initial bool
}

func (m *poolModel) step(w *walk, p *Pool) {
	key := StreamKey{Link: 1, Flow: uint32(1 + w.IntN(4))}
	at := fmt.Sprintf("link=%d flow=%d", key.Link, key.Flow)
	switch n := w.IntN(20); {
	case n < 3:
		if w.do("take_local")[0] == "< taken" {
			m.locals++
		}
	case n < 5 && m.locals > 0:
		m.locals--
		w.do("release_local")
	case n == 5:
		first := uint64(1 + w.IntN(3))
		w.do("open %s first_seq=%d initial_credit=%d", at, first, w.IntN(6))
		m.close(key)
		m.keys, m.next[key] = append(m.keys, key), first
	case n == 6 && w.IntN(4) == 0:
		w.do("close %s", at)
		m.close(key)
	case n == 7 && w.IntN(4) == 0:
		m.frozen = !m.frozen
		w.do("%s", map[bool]string{true: "freeze", false: "thaw"}[m.frozen])
	case n < 11:
		m.comes(w, p, at, key)
	case n < 16 && len(m.held) > 0:
		i := w.IntN(len(m.held))
		h := m.held[i]
		m.held = slices.Delete(m.held, i, i+1)
		w.do("release link=%d flow=%d seq=%d", h.key.Link, h.key.Flow, h.seq)
	default:
		w.do("grants drained=%d", w.IntN(2))
	}
}

// comes makes a message come within the stream's credit, with a gap now and then.
func (m *poolModel) comes(w *walk, p *Pool, at string, key StreamKey) {
	s := p.stream(key)
	if s == nil {
		w.do("arrive %s seq=1", at)
		return
	}
	seq := m.next[key] + uint64(w.IntN(5)/4)
	if seq > s.credit {
		return
	}
	m.next[key] = seq + 1
	if w.IntN(8) == 0 {
		w.do("refused %s seq=%d", at, seq)
	} else if w.do("arrive %s seq=%d", at, seq)[0] == "< accepted" {
		m.held = append(m.held, heldMessage{key, seq, seq <= s.initial})
	}
}

// close forgets the stream; what it holds is still held, under a key that no stream has.
func (m *poolModel) close(key StreamKey) {
	m.keys = slices.DeleteFunc(m.keys, func(k StreamKey) bool { return k == key })
	for i := range m.held {
		if m.held[i].key == key {
			m.held[i].key.Link = 99
		}
	}
}

func TestAPoolNeverPromisesMoreThanItCanHold(t *testing.T) {
	for seed := range uint64(300) {
		capacity := 1 + int(seed%40)
		walkPool(seed, 300, capacity, func(p *Pool, m *poolModel) {
			var promised uint64
			for _, s := range boundTo(p) {
				promised += s.promised()
				if s.processed() > s.lastSeq || s.toldCredit > s.credit {
					t.Fatalf("seed %d: a stream is %+v", seed, s)
				}
			}
			held := uint64(m.locals + len(m.held))
			if p.Used() != held || p.reserved != promised {
				t.Fatalf("seed %d: %d used and %d promised; the model holds %d, the streams were promised %d",
					seed, p.Used(), p.reserved, held, promised)
			}
			for _, h := range m.held {
				if h.initial {
					held--
				}
			}
			// Who has nothing gets one permit of an empty pool: each stream, and those who send here.
			if most := uint64(p.capacity) + uint64(len(p.Streams())) + 1; held+promised > most {
				t.Fatalf("seed %d: %d granted and held, %d promised, but the most is %d", seed, held, promised, most)
			}
		})
	}
}

func TestADrainedPoolLeavesNoStreamWithoutCreditWhileThereIsRoom(t *testing.T) {
	for streams := range uint32(11) {
		p := NewPool(10)
		for flow := range streams {
			p.Open(StreamKey{Link: 1, Flow: flow}, 1, uint64(flow%2))
			p.Refused(StreamKey{Link: 1, Flow: flow}, 1)
		}
		p.Grants(true, nil)
		for key, s := range boundTo(p) {
			if s.credit <= s.lastSeq {
				t.Errorf("%d streams: %v waits for ever: %+v", streams, key, s)
			}
		}
	}
}

func TestWhoWasPromisedRoomAndIsSilentKeepsNobodyOut(t *testing.T) {
	for capacity := range uint32(6) {
		p := NewPool(1 + capacity)
		for flow := range 4 * (1 + capacity) {
			p.Open(StreamKey{Link: 1, Flow: flow}, 1, 0)
			p.Grants(true, nil)
		}
		for key, s := range boundTo(p) {
			if s.credit == 0 {
				t.Errorf("capacity %d: %v waits for ever", 1+capacity, key)
			}
		}
		for range 3 {
			if !p.TakeLocal() {
				t.Fatalf("capacity %d: nothing is held, and there is no room", 1+capacity)
			}
			p.ReleaseLocal()
		}
	}
}

func TestWhatANewStreamSendsAtOnceFindsRoomInAFullPoolUpToABound(t *testing.T) {
	p := NewPool(2)
	for p.TakeLocal() {
	}
	for flow := uint32(0); p.Used() < p.Most(); flow++ {
		p.Open(StreamKey{Link: 1, Flow: flow}, 1, 2)
		for seq := range uint64(2) {
			if got := p.Arrive(StreamKey{Link: 1, Flow: flow}, 1+seq); got != Accepted {
				t.Fatalf("%d held: %v", p.Used(), got)
			}
		}
	}
	p.Open(StreamKey{Link: 2, Flow: 1}, 1, 2)
	if p.Arrive(StreamKey{Link: 2, Flow: 1}, 1) != Full || p.TakeForwarded() || p.Used() != 2*2+4096 {
		t.Fatalf("it holds %d", p.Used())
	}
	if grants := p.Grants(true, nil); slices.ContainsFunc(grants, func(g Grant) bool { return g.Credit > 2 }) {
		t.Fatalf("a full pool grants %v", grants)
	}
}

// walkAsks begins and ends asks at random. After each event it calls check with the correlations that wait.
func walkAsks(seed uint64, steps int, check func(a *Asks[string], waiting map[string]string, answers []line)) []string {
	w := newWalk(seed, "Asks that begin and end at random.")
	w.do("asks")
	a := w.machine.(*Asks[string])
	waiting := make(map[string]string) // by correlation
	var all []string
	for now := range steps {
		var answers []line
		switch n := w.IntN(10); {
		case n < 4:
			answers = w.do("begin deadline=%d waiter=%s", now+w.IntN(40), quote(string(rune('a'+w.IntN(4)))))
		case n < 8 && len(all) > 0:
			answers = w.do("end correlation=%s", all[w.IntN(len(all))])
		case n < 9:
			answers = w.do("expire now=%d", now)
		default:
			answers = w.do("end_where waiter=%s", quote(string(rune('a'+w.IntN(4)))))
		}
		if check != nil {
			check(a, waiting, answers)
		}
		for _, answer := range answers {
			if correlation, found := strings.CutPrefix(string(answer), "< begun correlation="); found {
				all = append(all, correlation)
			}
		}
	}
	w.do("waiting")
	return w.lines
}

func TestEachAskEndsExactlyOnceAndNoNumberIsGivenTwice(t *testing.T) {
	for seed := range uint64(100) {
		given := make(map[string]bool)
		walkAsks(seed, 500, func(a *Asks[string], waiting map[string]string, answers []line) {
			for _, answer := range answers {
				e, err := parseEvent(strings.TrimPrefix(string(answer), "< "))
				if err != nil {
					t.Fatal(err)
				}
				correlation := e.args["correlation"]
				switch e.verb {
				case "begun":
					if given[correlation] || correlation == "" {
						t.Fatalf("seed %d: %s was given twice", seed, correlation)
					}
					given[correlation], waiting[correlation] = true, ""
				case "ended":
					if _, waits := waiting[correlation]; !waits {
						t.Fatalf("seed %d: %s ended and did not wait", seed, correlation)
					}
					delete(waiting, correlation)
				}
			}
			if a.Waiting() != len(waiting) {
				t.Fatalf("seed %d: %d wait, not %d", seed, a.Waiting(), len(waiting))
			}
		})
	}
}

func TestDeadlinesOfAsksThatHaveEndedAreForgotten(t *testing.T) {
	var a Asks[int]
	for n := range 100_000 {
		correlation, ok := a.Begin(Millis(1_000_000+n), n)
		if !ok {
			t.Fatal("an ask found no slot")
		}
		if waiter, ok := a.End(correlation); !ok || waiter != n {
			t.Fatalf("ask %d ended as %d, %v", n, waiter, ok)
		}
	}
	if len(a.slots) != 1 || len(a.deadlines) > 2_000 {
		t.Errorf("%d slots and %d deadlines are kept for no ask", len(a.slots), len(a.deadlines))
	}
}

func TestAMillionAsksMayWaitAndNoMore(t *testing.T) {
	var a Asks[struct{}]
	for range MaxAsks {
		if _, ok := a.Begin(1, struct{}{}); !ok {
			t.Fatal("a slot is missing")
		}
	}
	if _, ok := a.Begin(1, struct{}{}); ok {
		t.Error("one ask too many was taken")
	}
	if ended := a.Expire(1, nil); len(ended) != MaxAsks || a.Waiting() != 0 {
		t.Errorf("%d ended, %d wait", len(ended), a.Waiting())
	}
}

// boundTo are the streams of a pool.
func boundTo(p *Pool) map[StreamKey]*stream {
	if p.bound == nil {
		return nil
	}
	return p.streams
}
