package main

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/native"
)

// rawDo is the raw type of rust/src/inline.rs.
var rawDo = ab.NewRawType("inline.v1.Do")

// What an inline actor does before it answers.
const (
	doAnswer = iota
	doBlock
	doAsk
	doPoll
)

// do is a question: what to do, how many bytes the answer is to have, and what the rest of it is.
func do(what byte, size uint32, rest string) []byte {
	return append(binary.LittleEndian.AppendUint32([]byte{what}, size), rest...)
}

// answer is on whose thread an inline actor answered, and how many messages it has handled.
type answer struct {
	onNode  bool
	handled uint32
}

// watched is the native door, and counts what became of the asks that went beside its packets.
type watched struct {
	door.Door
	inside, atOnce, later, refused atomic.Int64
}

// counts are of asks that went beside the packets: answered at once, taken and answered later, and not taken.
type counts struct{ atOnce, later, refused int64 }

func (w *watched) counts() counts { return counts{w.atOnce.Load(), w.later.Load(), w.refused.Load()} }

func (c counts) since(before counts) counts {
	return counts{c.atOnce - before.atOnce, c.later - before.later, c.refused - before.refused}
}

func (w *watched) Dial(ctx context.Context) (door.Link, error) {
	link, err := w.Door.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return &watchedLink{link.(door.Lane), link.(door.Asker), w}, nil
}

type watchedLink struct {
	door.Lane
	asker door.Asker
	by    *watched
}

func (l *watchedLink) Ask(flow uint32, stream uint64, typeID, ttlMs uint32, body, room []byte) ([]byte, bool) {
	l.by.inside.Add(1)
	envelope, taken := l.asker.Ask(flow, stream, typeID, ttlMs, body, room)
	l.by.inside.Add(-1)
	switch {
	case envelope != nil:
		l.by.atOnce.Add(1)
	case taken:
		l.by.later.Add(1)
	default:
		l.by.refused.Add(1)
	}
	return envelope, taken
}

func (l *watchedLink) Cancel(flow uint32, correlation uint64) { l.asker.Cancel(flow, correlation) }

// inlines is a world whose door is watched.
type inlines struct {
	runs
	door *watched
}

func newInlines(t *testing.T, options ...ab.Option) inlines {
	w := &watched{Door: native.Door(native.Name("rust"))}
	return inlines{newRunsAt(t, w, options...), w}
}

// ask asks for what do says.
func (w inlines) ask(to ab.Ref, asked []byte, options ...ab.AskOption) (a answer, err error) {
	reply, err := w.node.AskRawInline(context.Background(), to, rawDo, asked, options...)
	if err == nil {
		if size := binary.LittleEndian.Uint32(asked[1:]); len(reply) != int(max(size, 5)) {
			return a, fmt.Errorf("the answer has %d bytes, want %d", len(reply), size)
		}
		a = answer{onNode: reply[0] != 0, handled: binary.LittleEndian.Uint32(reply[1:])}
	}
	return a, err
}

// plain asks an actor for an answer, and fails without one.
func (w inlines) plain(to ab.Ref) answer {
	w.Helper()
	a, err := w.ask(to, do(doAnswer, 0, ""), ab.Timeout(patience))
	if err != nil {
		w.Fatal(err)
	}
	return a
}

// ready asks an actor until it is asked at once, and returns how many messages it has handled.
func (w inlines) ready(to ab.Ref) (handled uint32) {
	w.Helper()
	w.until("an ask is handled at once", func() bool {
		a := w.plain(to)
		handled = a.handled
		return !a.onNode
	})
	return handled
}

// actor is a new actor in Rust that is asked at once.
func (w inlines) actor(name string) ab.Ref {
	w.Helper()
	to := w.inRust("inline/" + w.path(name))
	w.ready(to)
	return to
}

func TestAnAskThatIsNotHandledAtOnceIsAnsweredAllTheSame(t *testing.T) {
	w := newInlines(t)
	w.spawnGo("other", func(_ ab.Context, m *ab.Message) error {
		for w.door.inside.Load() > 0 { // its asker's asker waits for it on a thread of its own
			time.Sleep(time.Millisecond)
		}
		return m.Reply(&testpb.Count{})
	})
	const large = 64 << 10
	for _, c := range []struct {
		name   string
		asked  []byte
		onNode bool
		counts counts
	}{
		{"it is, as they are", do(doAnswer, 0, ""), false, counts{atOnce: 1}},
		{"its body is over 64 KiB", do(doAnswer, 0, string(make([]byte, large))), true, counts{}},
		{"its answer is over 8 KiB", do(doAnswer, 8<<10+1, ""), false, counts{later: 1}},
		{"its handler asks another actor", do(doAsk, 0, "ab://go/other"), true, counts{later: 1}},
	} {
		for how, options := range map[string][]ab.AskOption{"without options": nil, "with a timeout": {ab.Timeout(patience)}} {
			t.Run(c.name+"/"+how, func(t *testing.T) {
				w := inlines{runs{&world{t, w.node, w.world.log}, w.runs.door}, w.door}
				to := w.actor("x")
				handled, before := w.ready(to), w.door.counts()
				got, err := w.ask(to, c.asked, options...)
				if want := (answer{c.onNode, handled + 1}); err != nil || got != want {
					t.Errorf("the answer is %+v, %v; want %+v", got, err, want)
				}
				if counts := w.door.counts().since(before); counts != c.counts {
					t.Errorf("beside the packets went %+v, want %+v", counts, c.counts)
				}
				// It was handled once, and the next one is handled at once again.
				if again := w.plain(to).handled; again != handled+2 {
					t.Errorf("then %d messages were handled, want %d", again, handled+2)
				}
				w.ready(to)
			})
		}
	}
}

func TestAnInlineAskOfATypeThatAnOldReaderRefusesGoesTheUsualWay(t *testing.T) {
	w := newInlines(t)
	to := w.actor("strict")
	before := w.door.counts()
	for range 10 {
		count, err := ab.AskInline[*testpb.Count](w.ctx(), to, &testpb.TooNew{})
		if err != nil || count.Total != 1 {
			t.Fatalf("the answer is %v, %v, want one of the node's thread", count, err)
		}
	}
	if w.door.counts() != before {
		t.Errorf("beside the packets went %+v", w.door.counts().since(before))
	}
}

// A blockedAsk is one whose handler waits at its gate.
type blockedAsk struct {
	inlines
	path   string
	ended  chan error
	answer answer
}

// block asks an actor, whose path ends with /block, to wait; by is how it is asked. It returns when the handler waits.
func (w inlines) block(to ab.Ref, by func() (answer, error)) *blockedAsk {
	w.Helper()
	h := &blockedAsk{inlines: w, path: to.Path(), ended: make(chan error, 1)}
	go func() {
		var err error
		h.answer, err = by()
		h.ended <- err
	}()
	w.waits(h.path)
	return h
}

// end lets the handler go, and returns its answer.
func (h *blockedAsk) end() answer {
	h.Helper()
	h.open(h.path)
	if err := <-h.ended; err != nil {
		h.Fatal(err)
	}
	return h.answer
}

func TestBeyondTheMostInlineAsksTheNodeHandlesThem(t *testing.T) {
	w := newInlines(t)
	most := 4 * runtime.GOMAXPROCS(0)
	last := w.actor("last")
	all := make([]*blockedAsk, most)
	for i := range all {
		to := w.actor(fmt.Sprint(i, "/block"))
		all[i] = w.block(to, func() (answer, error) { return w.ask(to, do(doBlock, 0, ""), ab.Timeout(patience)) })
	}
	if inside := w.door.inside.Load(); inside != int64(most) {
		t.Errorf("%d goroutines handle the asks that they made, want %d", inside, most)
	}
	before := w.door.counts()
	for range 10 {
		if !w.plain(last).onNode {
			t.Fatalf("beyond %d asks one was handled on its asker's thread", most)
		}
	}
	if w.door.counts() != before {
		t.Errorf("beside the packets went %+v", w.door.counts().since(before))
	}
	for _, h := range all {
		if h.end().onNode {
			t.Error("an ask within the most was handled on its node's thread")
		}
	}
	w.ready(last)
}

func TestAnInlineAskOfAnActorAtWorkWaitsForItsTurn(t *testing.T) {
	w := newInlines(t)
	to := w.actor("busy/block")
	at := w.block(to, func() (a answer, err error) {
		_, err = w.node.AskRaw(w.ctx(), to, rawDo, do(doBlock, 0, ""), ab.Timeout(patience))
		return a, err
	})
	before := w.door.counts()
	second := make(chan answer, 1)
	go func() {
		a, err := w.ask(to, do(doAnswer, 0, ""), ab.Timeout(patience))
		if err != nil {
			t.Error(err)
		}
		second <- a
	}()
	w.until("it is not taken", func() bool { return w.door.counts().since(before) == counts{refused: 1} })
	at.end()
	if a := <-second; !a.onNode {
		t.Error("it was handled on its asker's thread, which waited")
	}
	w.ready(to)
}

func TestAnInlineAskThatComesBackToItsAskerIsADeadlock(t *testing.T) {
	w := newInlines(t)
	to := w.actor("asks")
	var back atomic.Pointer[error]
	w.spawnGo("back", func(ctx ab.Context, m *ab.Message) error {
		_, err := ctx.Node().AskRawInline(ctx, to, rawDo, do(doAnswer, 0, ""))
		back.Store(&err)
		return m.Reply(&testpb.Count{})
	})
	if _, err := w.ask(to, do(doAsk, 0, "ab://go/back"), ab.Timeout(patience)); err != nil {
		t.Fatal(err)
	}
	if err := back.Load(); err == nil || !errors.Is(*err, ab.ErrDeadlock) {
		t.Errorf("an ask of the actor that waits for it gave %v", err)
	}
	w.ready(to)
}

// inGoToo answers as an inline actor does, in Go.
type inGoToo struct {
	handled uint32
	// comes is called while it is restored.
	comes func()
}

func (a *inGoToo) Receive(_ ab.Context, m *ab.Message) error {
	a.handled++
	return m.ReplyRaw(rawDo, binary.LittleEndian.AppendUint32([]byte{1}, a.handled))
}

func (a *inGoToo) Snapshot(context.Context) (proto.Message, error) {
	return &testpb.Count{Handled: uint64(a.handled)}, nil
}

func (a *inGoToo) Restore(_ context.Context, state proto.Message) error {
	a.handled = uint32(state.(*testpb.Count).Handled)
	a.comes()
	return nil
}

func TestAnInlineAskOfAnActorThatMovesIsAnsweredWhereItIsThen(t *testing.T) {
	comes, may := make(chan struct{}), make(chan struct{})
	w := newInlines(t, ab.Factory("inline/*", func() ab.Receiver {
		return &inGoToo{comes: func() {
			close(comes)
			<-may
		}}
	}))
	to := w.actor("moves")
	handled := w.plain(to).handled
	moved := make(chan error, 1)
	go func() {
		_, err := w.node.Move(w.ctx(), to, ab.To("go"))
		moved <- err
	}()
	<-comes // it is frozen there, and not here yet
	before := w.door.counts()
	asked := make(chan answer, 1)
	go func() {
		a, err := w.ask(to, do(doAnswer, 0, ""), ab.Timeout(patience))
		if err != nil {
			t.Error(err)
		}
		asked <- a
	}()
	w.until("it is not taken", func() bool { return w.door.counts().since(before) == counts{refused: 1} })
	close(may)
	if err := <-moved; err != nil {
		t.Fatal(err)
	}
	if a := <-asked; a != (answer{true, handled + 1}) {
		t.Errorf("the answer is %+v, want the %dth, of the actor in Go", a, handled+1)
	}
}

func TestInlineAsksOfAnActorThatMovesThereAndBackAreEachHandledOnce(t *testing.T) {
	w := newInlines(t, ab.Factory("inline/*", func() ab.Receiver { return &inGoToo{comes: func() {}} }))
	to := w.actor("moves")
	handled, before := w.ready(to), w.door.counts()
	var all sync.WaitGroup
	var stop atomic.Bool
	var asked atomic.Uint32
	for range 4 {
		all.Go(func() {
			for !stop.Load() {
				if _, err := w.ask(to, do(doAnswer, 0, ""), ab.Timeout(patience)); err != nil {
					t.Error(err)
					return
				}
				asked.Add(1)
			}
		})
	}
	for range rounds(t, 5) {
		for _, node := range []string{"go", "rust"} {
			at := asked.Load()
			w.until("it is asked", func() bool { return asked.Load() > at+100 || t.Failed() })
			if _, err := w.node.Move(w.ctx(), to, ab.To(node)); err != nil {
				t.Errorf("to %s: %v", node, err)
			}
		}
	}
	at := w.door.counts()
	w.until("it is asked at once again", func() bool { return w.door.counts().atOnce > at.atOnce || t.Failed() })
	stop.Store(true)
	w.within("all asks are answered", &all)
	if got := w.plain(to).handled; got != handled+asked.Load()+1 {
		t.Errorf("%d asks were handled as %d", asked.Load(), got-handled-1)
	}
	t.Logf("of %d asks, %+v went beside the packets", asked.Load(), w.door.counts().since(before))
}
