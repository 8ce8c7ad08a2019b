package machine

import (
	"fmt"
	"math/rand/v2"
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Busy streams, large messages and the state of an actor that moves keep a link's queue full; others send a message now and then. The
// link takes as long for a packet as the packet is large: time is counted in bytes.

// fairWorld is the sending end of a link whose writer is the bottleneck.
type fairWorld struct {
	*rand.Rand
	*pair
	busy, quiet []uint32
	// largest is what a busy stream's messages have at most; fifo: all streams share one queue, as a mutant.
	largest int
	fifo    bool
	// moves: an actor's state leaves too.
	moves bool
	// sent is how many bytes have left.
	sent int
	// since is when the message of a flow was queued that has not left, by its seq.
	since map[[2]uint64]int
	// slowest is the longest time from there to the end of its packet.
	slowest int
	answers int // when the answer was queued that has not left; -1 = there is none
	wrong   string
}

func newFairWorld(t *testing.T, seed uint64, busy int, fifo bool) *fairWorld {
	w := &fairWorld{Rand: rand.New(rand.NewPCG(seed, 3)), fifo: fifo, since: make(map[[2]uint64]int), answers: -1}
	w.pair = &pair{t: t, now: 1000}
	for end, role := range []Role{Dialer, Acceptor} {
		w.ends[end] = NewLink(Config{
			Role: role, Node: []string{"left", "right"}[end], Incarnation: uint64(end + 1), MinProtocol: 1, MaxProtocol: 1,
			Capabilities: []uint32{uint32(pb.Capability_CAPABILITY_FRAGMENTS)},
		}, w.now)
	}
	w.settle()
	for n := range busy + 4 {
		who := wire.NewWho("ab:///a", fmt.Sprint("ab:///", n), "").Bytes
		flow, refused := w.ends[0].Open(uint64(n+1), who, 1, Binding{Number: 1})
		if refused != nil {
			t.Fatal(refused)
		}
		if n < busy {
			w.busy = append(w.busy, flow)
		} else {
			w.quiet = append(w.quiet, flow)
		}
	}
	w.settle()
	for _, flow := range append(w.busy, w.quiet...) {
		w.ends[1].State(flow, 0, MaxWindow, false)
	}
	w.settle()
	w.largest = []int{200, 4_000, 16_000}[w.IntN(3)]
	w.moves = w.IntN(3) == 0
	return w
}

var fairWhat = wire.NewWhat(pb.Kind_KIND_TELL, "fair.v1.Message", 1, 1, 0)

// fill keeps the queue full, as busy senders do.
func (w *fairWorld) fill() {
	for _, flow := range w.busy {
		for w.ends[0].Send(flow, fairWhat, 0, 0, fairBody(1+w.IntN(w.largest))).Result == SendQueued {
			if w.IntN(2) == 0 { // several together
				payloads := make([][]byte, 1+w.IntN(8))
				for i := range payloads {
					payloads[i] = make([]byte, w.IntN(w.largest))
				}
				w.ends[0].SendAll(flow, fairWhat, payloads)
			}
		}
	}
	if w.IntN(4) == 0 { // in parts
		w.ends[0].Send(w.busy[0], fairWhat, 0, 0, fairBody(300_000))
	}
	if queue := w.ends[0].queue; w.moves && queue.allHeads() < 4 {
		w.ends[0].SendMove(&pb.Move{Actor: "ab:///x", Epoch: 2, Step: &pb.Move_Chunk{Chunk: &pb.Chunk{Data: make([]byte, ChunkBytes)}}})
	}
}

// say sends a message of a quiet stream, or an answer.
func (w *fairWorld) say() {
	body := fairBody(1 + w.IntN(200))
	if w.IntN(3) == 0 {
		if w.answers < 0 && w.ends[0].SendOffStream(wire.NewWhat(pb.Kind_KIND_REPLY, "fair.v1.Reply", 1, 1, 0), body).Result == SendQueued {
			w.answers = w.sent
		}
		return
	}
	flow := w.quiet[w.IntN(len(w.quiet))]
	if w.fifo {
		flow = w.busy[0]
	}
	sent := w.ends[0].Send(flow, fairWhat, 0, 0, body)
	if sent.Result != SendQueued {
		w.wrong = fmt.Sprintf("a message finds no room among its neighbours': %+v", sent)
		return
	}
	w.since[[2]uint64{uint64(flow), sent.Seq}] = w.sent
}

// leave takes the next packet, while which busy senders and others go on.
func (w *fairWorld) leave(limit int) {
	packet, _ := w.ends[0].Poll(w.now, nil)
	if packet == nil {
		w.wrong = "messages wait, and there is no packet"
		return
	}
	frame := packet.Append(nil)
	w.fill()
	for range w.IntN(3) {
		w.say()
	}
	w.sent += len(frame)
	for _, run := range packet.Runs {
		for i := range run.All() {
			key := [2]uint64{uint64(run.Flow), run.FirstSeq + uint64(i)}
			queued, waits := w.since[key]
			delete(w.since, key)
			if run.Flow == 0 {
				queued, waits, w.answers = w.answers, true, -1
			}
			if waits {
				w.left(w.sent-queued, limit)
			}
		}
	}
	for _, queued := range w.since {
		w.left(w.sent-queued-PacketBytes, limit) // one that still waits will be later than this
	}
	if bytes := w.ends[0].queue.streamBytes(); bytes > MaxQueuedBytes+ReservedBytes {
		w.wrong = fmt.Sprintf("%d bytes wait", bytes)
	}
	w.ends[1].Receive(packet, nil)
	if w.ends[1].Phase() != PhaseUp {
		w.wrong = "the peer does not take a packet"
	}
}

func (w *fairWorld) left(after, limit int) {
	if w.slowest = max(w.slowest, after); after > limit && w.wrong == "" {
		w.wrong = fmt.Sprintf("a message left after %d bytes, and %d are the most", after, limit)
	}
}

func fairBody(size int) []byte { return wire.AppendBody(nil, wire.BodyFields{}, make([]byte, size)) }

// fairWalk is what went wrong with so many busy neighbours, and the longest that a message of a quiet stream took.
func fairWalk(t *testing.T, seed uint64, busy int, fifo bool) (wrong string, slowest int) {
	w := newFairWorld(t, seed, busy, fifo)
	// The packet that is on the wire when it is queued, and its own, which begins with what each neighbour may send in a turn. What of
	// that has no room comes before; a packet also ends where the next message does not fit, and has parts of large ones.
	const runs = PacketBytes - quantum
	packets := 2
	if turns := busy * (quantum + w.largest); turns > runs {
		packets += 1 + (turns-runs)/(runs-w.largest)
	}
	if w.moves {
		packets += 2
	}
	limit := packets * (PacketBytes + 1_000)
	w.fill()
	for range 40 {
		if w.leave(limit); w.wrong != "" {
			break
		}
	}
	return w.wrong, w.slowest
}

func TestABusyNeighbourDelaysAMessageByItsTurnAtMost(t *testing.T) {
	for _, busy := range []int{1, 2, 3, 8} {
		longest := 0
		for seed := range uint64(12) {
			wrong, slowest := fairWalk(t, seed, busy, false)
			if wrong != "" {
				t.Fatalf("%d busy, seed %d: %s", busy, seed, wrong)
			}
			longest = max(longest, slowest)
		}
		t.Logf("%d busy: the slowest message took as long as %d KiB do", busy, longest>>10)
	}
}

func TestTheSimulationFindsAQueueThatIsFirstInFirstOut(t *testing.T) {
	found := 0
	for seed := range uint64(25) {
		if wrong, _ := fairWalk(t, seed, 1, true); wrong != "" {
			found++
		}
	}
	if found < 20 {
		t.Errorf("it is found in %d of 25 seeds", found)
	}
}
