package main

import (
	"context"
	"encoding/binary"
	"fmt"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/native"
)

// The raw types of rust/src/runs.rs.
var (
	rawStep    = ab.NewRawType("runs.v1.Step")
	rawLog     = ab.NewRawType("runs.v1.Log")
	rawOpen    = ab.NewRawType("runs.v1.Open")
	rawEntered = ab.NewRawType("runs.v1.Entered")
	rawBurst   = ab.NewRawType("runs.v1.Burst")
)

// What a step does beside being noted.
const (
	stepPlain = iota
	stepPanic
	stepWait
	stepBlock
)

// How a Rust actor tells a burst.
const (
	oneByOne = iota
	inChunks
	staged
)

// entry is a step that was handled: as which of its actor, who sent it, and its number.
type entry struct{ handled, who, number uint32 }

func step(what byte, who, number uint32) []byte {
	bytes := binary.LittleEndian.AppendUint32([]byte{what}, who)
	return binary.LittleEndian.AppendUint32(bytes, number)
}

// steps are steps from first to last of which one does something.
func steps(who, first, last uint32, what map[uint32]byte) (all [][]byte) {
	for number := first; number <= last; number++ {
		all = append(all, step(what[number], who, number))
	}
	return all
}

// desk is what is known of actors in Go at one path. An actor does at a step what the desk or the step says.
type desk struct {
	what    map[uint32]byte
	entered chan struct{}
	gate    chan struct{}

	mu  sync.Mutex
	log []entry
}

func newDesk(what map[uint32]byte) *desk {
	return &desk{what: what, entered: make(chan struct{}, 16), gate: make(chan struct{})}
}

func (d *desk) all() []entry {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.log)
}

// stepper handles steps in Go.
type stepper struct {
	desk    *desk
	handled uint32
}

func (s *stepper) Receive(_ ab.Context, m *ab.Message) error {
	bytes, err := m.Raw(rawStep)
	if err != nil {
		return err
	}
	e := entry{s.handled, binary.LittleEndian.Uint32(bytes[1:]), binary.LittleEndian.Uint32(bytes[5:])}
	switch max(bytes[0], s.desk.what[e.number]) {
	case stepPanic:
		panic("planned")
	case stepWait, stepBlock:
		s.desk.entered <- struct{}{}
		<-s.desk.gate
	}
	s.desk.mu.Lock()
	defer s.desk.mu.Unlock()
	s.desk.log = append(s.desk.log, e)
	s.handled++
	return nil
}

func (s *stepper) Snapshot(context.Context) (proto.Message, error) {
	return &testpb.Count{Handled: uint64(s.handled)}, nil
}

func (s *stepper) Restore(_ context.Context, state proto.Message) error {
	s.handled = uint32(state.(*testpb.Count).Handled)
	return nil
}

// runs is a world with a Rust node that outlives its link.
type runs struct {
	*world
	door door.Door
}

func newRuns(t *testing.T, options ...ab.Option) runs {
	return newRunsAt(t, native.Door(native.Name("rust")), options...)
}

func newRunsAt(t *testing.T, rust door.Door, options ...ab.Option) runs {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	keeper, err := ab.Start(ctx, "keeper", ab.WithLink(rust), ab.WithLogger(slog.New(slog.DiscardHandler)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		if err := keeper.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	w := newWorld(t, options...)
	w.dial(rust)
	return runs{w, rust}
}

// path is a path that no test before has used: what is known of it belongs to the process.
func (runs) path(name string) string { return fmt.Sprintf("steps/%d/%s", time.Now().UnixNano(), name) }

func (r runs) ctx() context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	r.Cleanup(cancel)
	return ctx
}

// inGo spawns a stepper here.
func (r runs) inGo(path string, d *desk, options ...ab.SpawnOption) ab.Ref {
	r.Helper()
	ref, err := r.node.Spawn(path, func() ab.Receiver { return &stepper{desk: d} }, options...)
	if err != nil {
		r.Fatal(err)
	}
	return ref
}

// inRust spawns a stepper there.
func (r runs) inRust(path string) ab.Ref {
	r.Helper()
	r.spawn(path)
	return r.ref("ab:///" + path)
}

func (r runs) clerk(t *ab.RawType, payload []byte) []byte {
	r.Helper()
	answer, err := r.node.AskRaw(r.ctx(), r.ref("ab://rust/clerk"), t, payload, ab.Timeout(patience))
	if err != nil {
		r.Fatal(err)
	}
	return answer
}

func (r runs) open(path string) { r.clerk(rawOpen, []byte(path)) }

// waits returns when the Rust actor at path waits. Then all that was sent before by this link is in its mailbox.
func (r runs) waits(path string) {
	r.Helper()
	r.until(path+" waits", func() bool { return binary.LittleEndian.Uint32(r.clerk(rawEntered, []byte(path))) > 0 })
}

// log is what the Rust actors at path have handled.
func (r runs) log(path string) (all []entry) {
	r.Helper()
	for {
		asked := append(binary.LittleEndian.AppendUint32(nil, uint32(len(all))), path...)
		page := r.clerk(rawLog, asked)
		if len(page) == 0 {
			return all
		}
		for ; len(page) > 0; page = page[12:] {
			u32 := binary.LittleEndian.Uint32
			all = append(all, entry{u32(page), u32(page[4:]), u32(page[8:])})
		}
	}
}

// tellAll tells steps from Go, and fails if one is not sent.
func (r runs) tellAll(to ab.Ref, all [][]byte) {
	r.Helper()
	for len(all) > 0 {
		n := min(len(all), 50)
		if sent, err := r.node.TellRawAll(r.ctx(), to, rawStep, all[:n]); err != nil {
			r.Errorf("%d of %d steps were sent, then %v", sent, n, err)
			return
		}
		all = all[n:]
	}
}

// burst has a Rust actor tell steps.
func (r runs) burst(to ab.Ref, how byte, who, first, last uint32) {
	r.Helper()
	path := fmt.Sprint("bursts/", to.Path(), "/", who, "/", first)
	r.spawn(path)
	for first <= last {
		asked := []byte{how}
		for _, word := range []uint32{who, first, last} {
			asked = binary.LittleEndian.AppendUint32(asked, word)
		}
		asked = append(asked, "ab:///"+to.Path()...)
		told, err := r.node.AskRaw(r.ctx(), r.ref("ab://rust/"+path), rawBurst, asked, ab.Timeout(patience))
		if err != nil {
			r.Errorf("burst %d of %d: %v", first, who, err)
			return
		}
		first += binary.LittleEndian.Uint32(told)
	}
}

// expectLog waits for the steps, and checks that of each sender they are first to last in order, without lost ones.
func (r runs) expectLog(log func() []entry, first, last uint32, senders int, lost ...uint32) {
	r.Helper()
	want := (int(last-first) + 1 - len(lost)) * senders
	var all []entry
	next := make(map[uint32]uint32)
	defer func() {
		if r.Failed() {
			r.Logf("%d steps were handled, want %d; after the last of each sender comes %v", len(all), want, next)
		}
	}()
	r.until(fmt.Sprint(want, " steps are handled"), func() bool {
		all = log()
		return len(all) >= want
	})
	for i, e := range all {
		n := max(next[e.who], first)
		for slices.Contains(lost, n) {
			n++
		}
		if e.number != n {
			r.Fatalf("entry %d is step %d of sender %d, want %d", i, e.number, e.who, n)
		}
		next[e.who] = n + 1
	}
	if len(all) != want || len(next) != senders {
		r.Fatalf("%d steps of %d senders were handled, want %d of %d", len(all), len(next), want, senders)
	}
}

func (r runs) expectDead(code ab.Code, want int) {
	r.Helper()
	count := func() int { return int(r.node.DeadLetterCounts()[code.String()]) }
	r.until(fmt.Sprint(want, " dead letters say ", code), func() bool { return count() >= want })
	if counts := r.node.DeadLetterCounts(); count() != want || len(counts) != 1 {
		r.Errorf("the dead letters are %v, want only %d of %v", counts, want, code)
	}
}

func (r runs) expectNoneDead() {
	r.Helper()
	if counts := r.node.DeadLetterCounts(); len(counts) > 0 {
		r.Errorf("there are dead letters: %v", counts)
	}
}

func TestBurstsOfSeveralSendersToRustComeOnceAndInOrder(t *testing.T) {
	r := newRuns(t)
	const n = 6000
	path := r.path("busy")
	to := r.inRust(path)
	var all sync.WaitGroup
	all.Go(func() { r.tellAll(to, steps(1, 1, n, nil)) })
	all.Go(func() {
		for _, s := range steps(2, 1, n, nil) {
			if err := r.node.TellRaw(context.Background(), to, rawStep, s); err != nil {
				r.Error(err)
				return
			}
		}
	})
	for _, who := range []uint32{3, 4} {
		sender, err := r.node.Spawn(fmt.Sprint("sender/", who), func() ab.Receiver {
			return ab.ReceiverFunc(func(ctx ab.Context, m *ab.Message) error {
				bytes, err := m.Raw(rawStep)
				if err != nil {
					return err
				}
				return ctx.Node().TellRaw(ctx, to, rawStep, bytes)
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		all.Go(func() { r.tellAll(sender, steps(who, 1, n, nil)) })
	}
	all.Wait()
	r.expectLog(func() []entry { return r.log(path) }, 1, n, 4)
	r.expectNoneDead()
}

func TestBurstsOfSeveralSendersToGoComeOnceAndInOrder(t *testing.T) {
	r := newRuns(t)
	const n = 6000
	d := newDesk(nil)
	to := r.inGo(r.path("busy"), d)
	var all sync.WaitGroup
	for who, how := range []byte{oneByOne, inChunks, staged, staged} {
		all.Go(func() { r.burst(to, how, uint32(who), 1, n) })
	}
	all.Wait()
	r.expectLog(d.all, 1, n, 4)
	r.expectNoneDead()
}

// planned are steps at which an actor panics: the last of a full run, one in its middle, and one that follows at once.
var planned = map[uint32]byte{64: stepPanic, 1000: stepPanic, 1001: stepPanic}

func TestAPanicInARunToRustCostsItsMessageOnly(t *testing.T) {
	r := newRuns(t)
	path := r.path("panics")
	r.tellAll(r.inRust(path), steps(1, 1, 3000, planned))
	r.expectLog(func() []entry { return r.log(path) }, 1, 3000, 1, 64, 1000, 1001)
	r.expectDead(ab.CodePanicked, 3)
}

func TestAPanicInARunToGoCostsItsMessageOnly(t *testing.T) {
	r := newRuns(t)
	d := newDesk(planned)
	r.burst(r.inGo(r.path("panics"), d), inChunks, 1, 1, 3000)
	r.expectLog(d.all, 1, 3000, 1, 64, 1000, 1001)
	r.expectDead(ab.CodePanicked, 3)
}

func TestAnActorThatMovesThereAndBackInTheMiddleOfBurstsHandlesAllOfThem(t *testing.T) {
	const n = 12_000
	d := newDesk(nil)
	r := newRuns(t, ab.Factory("steps/*", func() ab.Receiver { return &stepper{desk: d} }))
	path := r.path("moves")
	to := r.inGo(path, d)
	log := func() []entry {
		all := append(r.log(path), d.all()...)
		slices.SortFunc(all, func(a, b entry) int { return int(a.handled) - int(b.handled) })
		return all
	}
	var all sync.WaitGroup
	all.Go(func() { r.tellAll(to, steps(1, 1, n, nil)) })
	for who := range uint32(2) {
		all.Go(func() { r.burst(to, byte(who), 2+who, 1, n) })
	}
	for i, node := range []string{"rust", "go", "rust", "go"} {
		r.until("the actor has work", func() bool { return len(log()) > (i+1)*n/4 })
		if _, err := r.node.Move(r.ctx(), to, ab.To(node)); err != nil {
			t.Fatalf("to %s: %v", node, err)
		}
	}
	all.Wait()
	r.expectLog(log, 1, n, 3)
	for i, e := range log() {
		if e.handled != uint32(i) {
			t.Fatalf("entry %d was handled as %d", i, e.handled)
		}
	}
	r.expectNoneDead()
}
