package actorbridge_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// entry is a number that a sender told.
type entry struct {
	by int64
	n  uint64
}

// witness sees what every instance of a journal handles, wherever it lives.
type witness struct {
	// padding is bytes of each journal's state beside what it has seen: by default, so many that it is of many chunks.
	padding int
	mu      sync.Mutex
	seen    []entry
	last    map[int64]uint64
}

func newWitness() *witness { return &witness{padding: 200 << 10, last: make(map[int64]uint64)} }

func (w *witness) saw(e entry) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.seen = append(w.seen, e)
	w.last[e.by] = e.n
}

func (w *witness) lastOf(by int64) uint64 {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.last[by]
}

// node is a node with journals.
func (w *witness) node(t testing.TB, name string) *ab.Node {
	t.Helper()
	return start(t, name, ab.Factory("journal/*", w.journals(name)))
}

func (w *witness) journals(at string) func() ab.Receiver {
	return func() ab.Receiver { return &journal{at: at, witness: w} }
}

// journal writes down what it handles.
type journal struct {
	at      string
	seen    []entry
	witness *witness
}

func digestOf(entries []entry) uint64 {
	d := uint64(digestStart)
	for _, e := range entries {
		d = d*digestFactor + (uint64(e.by)<<40 | e.n)
	}
	return d
}

// Receive implements ab.Receiver.
func (j *journal) Receive(_ ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	if add, ok := message.(*testpb.Add); ok {
		e := entry{add.By, add.N}
		j.seen = append(j.seen, e)
		j.witness.saw(e)
	}
	if !m.IsAsk() {
		return nil
	}
	count := &testpb.Count{Handled: uint64(len(j.seen)), Language: j.at}
	if _, ok := message.(*testpb.GetCount); ok {
		count.Digest = digestOf(j.seen)
	}
	return m.Reply(count)
}

// Snapshot implements ab.Snapshotter.
func (j *journal) Snapshot(context.Context) (proto.Message, error) {
	state := &testpb.EchoReply{Text: strings.Repeat("x", j.witness.padding)}
	for _, e := range j.seen {
		state.Data = binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(state.Data, uint64(e.by)), e.n)
	}
	return state, nil
}

// Restore implements ab.Snapshotter.
func (j *journal) Restore(_ context.Context, state proto.Message) error {
	data := state.(*testpb.EchoReply).Data
	for ; len(data) >= 16; data = data[16:] {
		j.seen = append(j.seen, entry{int64(binary.BigEndian.Uint64(data)), binary.BigEndian.Uint64(data[8:])})
	}
	return nil
}

// account is what a sender was told of each of its numbers.
type account struct {
	by          int64
	tells, asks []uint64
	refused     []uint64 // with effect NONE
}

// countTo tells 1, 2, 3 … until stop, whatever becomes of each, and asks every so many; 0 = never.
func countTo(ctx context.Context, to ab.Ref, node *ab.Node, by int64, asksEach uint64, stop <-chan struct{}) *account {
	said := &account{by: by}
	for n := uint64(1); ; n++ {
		select {
		case <-stop:
			return said
		default:
		}
		add, asks := &testpb.Add{By: by, N: n}, asksEach > 0 && n%asksEach == 0
		var err error
		if asks {
			// The answer may be lost with the link, and nobody can say so before the deadline.
			_, err = ab.Ask[*testpb.Count](ctx, to, add, ab.Timeout(2*time.Second))
		} else {
			err = node.Tell(ctx, to, add)
		}
		var fault *ab.Error
		switch {
		case err == nil && asks:
			said.asks = append(said.asks, n)
		case err == nil:
			said.tells = append(said.tells, n)
		case errors.As(err, &fault) && fault.Effect == ab.EffectNone:
			said.refused = append(said.refused, n)
		}
		// Slowly enough that what comes too late in the seconds of a cut does not push dead letters out that are looked for.
		if n%4 == 0 || err != nil {
			time.Sleep(time.Millisecond)
		}
	}
}

// crowd is senders that count to one actor.
type crowd struct {
	seenBy  *witness
	to      []ab.Ref // as each node sees it
	nodes   []*ab.Node
	stop    chan struct{}
	senders sync.WaitGroup
	mu      sync.Mutex
	told    []*account
}

// newCrowd has on each node one that is often busy with an ask, and one that only tells.
func newCrowd(t testing.TB, w *witness, to []ab.Ref, nodes []*ab.Node) *crowd {
	t.Helper()
	c := &crowd{seenBy: w, to: to, nodes: nodes, stop: make(chan struct{})}
	for by := range 2 * len(nodes) {
		at, asksEach := by%len(nodes), uint64(0)
		if by < len(nodes) {
			asksEach = 8
		}
		c.senders.Go(func() {
			said := countTo(t.Context(), to[at], nodes[at], int64(by), asksEach, c.stop)
			c.mu.Lock()
			defer c.mu.Unlock()
			c.told = append(c.told, said)
		})
	}
	t.Cleanup(c.ends)
	c.allGoOn(t, "before the move")
	return c
}

func (c *crowd) ends() {
	select {
	case <-c.stop:
	default:
		close(c.stop)
	}
	c.senders.Wait()
}

func (c *crowd) allGoOn(t testing.TB, when string) {
	t.Helper()
	for by := range 2 * len(c.nodes) {
		c.goesOn(t, when, int64(by))
	}
}

// goesOn waits until messages of these senders are handled.
func (c *crowd) goesOn(t testing.TB, when string, senders ...int64) {
	t.Helper()
	for _, by := range senders {
		before := c.seenBy.lastOf(by)
		eventually(t, fmt.Sprintf("%s, a message of sender %d", when, by), func() bool {
			return c.seenBy.lastOf(by) > before+50
		})
	}
}

// endsAt ends the senders, and says whether all that they were told is true.
func (c *crowd) endsAt(t testing.TB, at string) {
	t.Helper()
	c.ends()
	var count *testpb.Count
	for _, to := range c.to { // an ask is behind what its node told before
		count = answersAt(t, at, to)
	}
	c.seenBy.check(t, count, c.told, c.nodes...)
}

// answersAt asks until the actor answers at a node.
func answersAt(t testing.TB, at string, to ab.Ref) *testpb.Count {
	t.Helper()
	for until := time.Now().Add(long); ; time.Sleep(time.Millisecond) {
		count, err := ab.Ask[*testpb.Count](t.Context(), to, &testpb.GetCount{}, ab.Timeout(long))
		if err == nil && count.Language == at {
			return count
		}
		if time.Now().After(until) {
			t.Fatalf("the actor does not answer at %s: %v, %v", at, count, err)
		}
	}
}

// check says what must hold of all that was told, at the end: count is what the actor says last, with all of it behind it.
func (w *witness) check(t testing.TB, count *testpb.Count, all []*account, nodes ...*ab.Node) {
	t.Helper()
	w.mu.Lock()
	defer w.mu.Unlock()
	if count.Handled != uint64(len(w.seen)) || count.Digest != digestOf(w.seen) {
		t.Errorf("the state is of %d messages, not that of an actor that handled these %d at one place", count.Handled, len(w.seen))
	}
	last, handled := make(map[int64]uint64), make(map[entry]bool)
	for _, e := range w.seen {
		if last[e.by] >= e.n {
			t.Errorf("of sender %d, %d was handled after %d", e.by, e.n, last[e.by])
		}
		last[e.by], handled[e] = e.n, true
	}
	dead, unknown := letters(t, nodes)
	for e, code := range dead {
		if handled[e] {
			t.Errorf("%v was handled, and is a dead letter: %v", e, code)
		}
	}
	for _, said := range all {
		for _, n := range said.asks {
			if !handled[entry{said.by, n}] {
				t.Errorf("sender %d: %d was answered and not handled", said.by, n)
			}
		}
		for _, n := range said.refused {
			if handled[entry{said.by, n}] {
				t.Errorf("sender %d: %d was refused with NONE and handled", said.by, n)
			}
		}
		var gone []uint64
		for _, n := range said.tells {
			if e := (entry{said.by, n}); !handled[e] && dead[e] == 0 {
				gone = append(gone, n)
			}
		}
		if len(gone) > unknown {
			t.Errorf("sender %d: neither handled nor a dead letter, and %d unknown: %v", said.by, unknown, gone)
		}
	}
}

// letters are the dead letters that have their bytes, and how many messages the others may stand for.
func letters(t testing.TB, nodes []*ab.Node) (map[entry]ab.Code, int) {
	t.Helper()
	dead, unknown := make(map[entry]ab.Code), 0
	for _, node := range nodes {
		for _, letter := range node.DeadLetters() {
			if _, text, ok := strings.Cut(letter.Detail, ", seq "); ok && letter.Code == ab.CodeOutcomeUnknown {
				var first, last int
				if _, err := fmt.Sscanf(text, "%d to %d", &first, &last); err != nil {
					t.Errorf("%q: %v", letter.Detail, err)
				}
				unknown += last - first + 1
				continue
			}
			var envelope actorbridgev1.Envelope
			var add testpb.Add
			if err := proto.Unmarshal(letter.Envelope, &envelope); err != nil {
				t.Error(err)
			} else if strings.HasSuffix(envelope.Type, ".Add") && proto.Unmarshal(envelope.Payload, &add) == nil {
				dead[entry{add.By, add.N}] = letter.Code
			}
		}
	}
	return dead, unknown
}
