package machine

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// walks is every trace that Go records: random walks whose seeds never change.
func walks() map[string][]string {
	left, right := walkLinks(1, 900)
	source, destination := walkMoves(2, 30, nil)
	return map[string][]string{
		"go-link-dialer.trace": left, "go-link-acceptor.trace": right,
		"go-move-source.trace": source, "go-move-destination.trace": destination,
		"go-asks.trace": walkAsks(4, 300, nil), "go-pool.trace": walkPool(3, 400, 24, nil),
	}
}

// walk is a trace while it is made of random events.
type walk struct {
	*rand.Rand
	player
}

func newWalk(seed uint64, about string) *walk {
	w := &walk{Rand: rand.New(rand.NewPCG(seed, 0))}
	w.line("# " + about)
	w.line("# Recorded by Go (`make traces`); both languages answer it alike. Do not edit.")
	w.line("")
	return w
}

func (w *walk) do(format string, args ...any) []line {
	return w.line("> " + fmt.Sprintf(format, args...))
}

// linkWalk is one end of two link machines that are wired together.
type linkWalk struct {
	*walk
	// coming are the frames, quoted, that are on their way to this end.
	coming []string
	peer   *linkWalk
	name   string
	// told are the last seqs that an outcome was told of, by opening: there is one of a message.
	told map[uint32]uint64
}

func (w *linkWalk) link() *Link { return w.machine.(*Link) }

// walkLinks makes two links talk at random: what one says arrives at the other late, but in order.
func walkLinks(seed uint64, steps int) (left, right []string) {
	about := "Two links wired together do at random what nodes do; this is the "
	ends := [2]*linkWalk{
		{walk: newWalk(seed, about+"one that dialled."), name: "left", told: make(map[uint32]uint64)},
		{walk: newWalk(seed, about+"one that was dialled."), name: "right", told: make(map[uint32]uint64)},
	}
	ends[0].peer, ends[1].peer = ends[1], ends[0]
	r := ends[0].Rand
	now := 10_000
	ends[0].do(`link role=dialer node="left" incarnation=11 capabilities=4 ping_ms=1200 now=%d`, now)
	ends[1].do(`link role=acceptor node="right" incarnation=12 capabilities=4,2 ping_ms=900 initial_credit=5 now=%d`, now)
	for range steps {
		now += r.IntN(40)
		w := ends[r.IntN(2)]
		switch n := r.IntN(20); {
		case n < 6:
			w.poll(now)
		case n < 10:
			w.receive()
		case n < 11:
			w.do("tick now=%d", now)
		default:
			w.act(r, now)
		}
	}
	ends[r.IntN(2)].do("drain")
	for range 12 {
		for _, w := range ends {
			w.poll(now)
			w.receive()
		}
	}
	for _, w := range ends {
		w.do("unknown")
	}
	return ends[0].lines, ends[1].lines
}

func (w *linkWalk) poll(now int) {
	for _, said := range w.do("poll now=%d", now) {
		if frame, found := strings.CutPrefix(string(said), "< packet "); found {
			w.peer.coming = append(w.peer.coming, frame)
		}
	}
}

func (w *linkWalk) receive() {
	if len(w.coming) > 0 {
		frame := w.coming[0]
		w.coming = w.coming[1:]
		for _, said := range w.do("receive %s", frame) {
			var flow uint32
			var seq uint64
			if n, _ := fmt.Sscanf(string(said), "< bad_item flow=%d seq=%d", &flow, &seq); n == 2 && w.link().inFlows[flow] != nil {
				w.told[w.link().inFlows[flow].opened] = seq // by the machine
			}
		}
	}
}

// act does what a node might do now.
func (w *linkWalk) act(r *rand.Rand, now int) {
	pick := func(flows []uint32) (uint32, bool) {
		if len(flows) == 0 {
			return 0, false
		}
		slices.Sort(flows)
		return flows[r.IntN(len(flows))], true
	}
	flow, out := pick(outFlows(w.link()))
	if inFlow, in := pick(slices.Collect(maps.Keys(w.link().inFlows))); in && r.IntN(3) == 0 {
		w.answer(r, inFlow)
		return
	}
	switch n := r.IntN(12); {
	case !out || n == 0:
		w.do(`open stream=%d source="ab:///%s" target="ab:///%d" reply_to="ab://%s/x" first_seq=%d binding=%d after=%d`,
			r.Uint64(), w.name, r.IntN(5), w.name, 1+r.IntN(3), 1+r.IntN(2), r.IntN(2))
	case n == 1:
		w.do("close flow=%d", flow)
	case n == 2:
		w.do("cancel flow=%d seq=%d", flow, int(w.link().flows[flow-1].processed)+r.IntN(4))
	case n == 3:
		w.do("fail correlation=%d code=CODE_HANDLER_ERROR effect=EFFECT_MAYBE detail=%s", 1+r.IntN(1<<30), quote("no"))
	case n == 4:
		w.do("send_off_stream kind=3 type=%s body=%s", quote(fmt.Sprint("walk.Reply", r.IntN(3))),
			quote(someBody(r, uint64(1+r.IntN(1<<30)))))
	case n == 5:
		step := &pb.Move{Actor: "ab:///x", Epoch: 2, Step: &pb.Move_Drained{
			Drained: &pb.Drained{Stream: r.Uint64(), Binding: uint32(r.IntN(99))}}}
		w.do("move %s", quote(encode(step)))
	default:
		deadline := r.IntN(2) * (now + r.IntN(500) - 100)
		kind, correlation := 1, uint64(0)
		if r.IntN(4) == 0 {
			kind, correlation = 2, uint64(1+r.IntN(1<<30))
		}
		w.do("send flow=%d kind=%d type=%s deadline=%d hops=%d body=%s", flow, kind,
			quote(fmt.Sprint("walk.Type", kind, r.IntN(3))), deadline, r.IntN(11)/8*r.IntN(11), quote(someBody(r, correlation)))
	}
}

// answer does what the receiver of a flow might do.
func (w *linkWalk) answer(r *rand.Rand, flow uint32) {
	in := w.link().inFlows[flow]
	told, known := w.told[in.opened]
	if !known {
		told = in.lastSeq // where it began is not known here
		w.told[in.opened] = told
	}
	switch n := r.IntN(10); {
	case n == 0:
		w.do(`reset flow=%d code=CODE_MOVED owner="third" actor_epoch=7`, flow)
	case n == 1:
		w.do("reset flow=%d code=CODE_STOPPED", flow)
	case n < 4 && in.lastSeq > told:
		w.told[in.opened] = told + 1 + r.Uint64N(in.lastSeq-told)
		w.do("outcome flow=%d seq=%d code=CODE_EXPIRED effect=EFFECT_NONE detail=%s", flow, w.told[in.opened], quote("late"))
	default:
		w.do("state flow=%d processed=%d credit=%d may_wait=%d", flow, r.IntN(int(in.lastSeq)+1), int(in.lastSeq)+1+r.IntN(20), r.IntN(2))
		if r.IntN(8) == 0 {
			w.do("press_states")
		}
	}
}

func outFlows(l *Link) (flows []uint32) {
	for i, out := range l.flows {
		if out != nil {
			flows = append(flows, uint32(i)+1)
		}
	}
	return flows
}

func someBody(r *rand.Rand, correlation uint64) []byte {
	payload := []byte(strings.Repeat("y", r.IntN(2)*r.IntN(40)))
	return wire.AppendBody(nil, wire.BodyFields{Correlation: correlation}, payload)
}

func TestWiredLinksNeverBreakTheProtocolWhateverTheirNodesDo(t *testing.T) {
	for seed := range uint64(60) {
		left, right := walkLinks(1_000+seed, 400)
		for _, trace := range [][]string{left, right} {
			for i, text := range trace {
				if strings.HasPrefix(text, "< down") && !strings.Contains(text, "status=STATUS_LINK_DOWN") ||
					strings.HasPrefix(text, "< unreadable") {
					t.Fatalf("seed %d, line %d: %s\n%s", seed, i+1, text, strings.Join(trace[max(0, i-20):i], "\n"))
				}
			}
		}
	}
}
