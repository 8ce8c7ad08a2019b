package actorbridge_test

import (
	"context"
	"errors"
	"sync/atomic"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

var rawBeside = ab.NewRawType("inline.v1.Beside")

// asker is a door whose link hands each ask that would go beside its packets to ask, and takes none.
type asker struct {
	door.Door
	ask    atomic.Pointer[func()]
	cancel func(flow uint32, correlation uint64)
	// full: there is no room for packets; noRoom counts those that found none.
	full   atomic.Bool
	noRoom atomic.Int64
}

func (a *asker) Dial(ctx context.Context) (door.Link, error) {
	link, err := a.Door.Dial(ctx)
	return &askerLink{link, a}, err
}

type askerLink struct {
	door.Link
	by *asker
}

// Ask implements door.Asker.
func (l *askerLink) Ask(uint32, uint64, uint32, uint32, []byte, []byte) (envelope []byte, taken bool) {
	if ask := l.by.ask.Load(); ask != nil {
		(*ask)()
	}
	return nil, false
}

// Cancel implements door.Asker.
func (l *askerLink) Cancel(flow uint32, correlation uint64) { l.by.cancel(flow, correlation) }

// The rest implements door.Lane, whose every message goes in a packet.

func (*askerLink) HasRoom(int) bool                   { return false }
func (*askerLink) Put(door.LaneItem)                  {}
func (*askerLink) PutAll(door.LaneItem, [][]byte) int { return 0 }
func (*askerLink) Publish()                           {}
func (*askerLink) Granted(uint32) (uint64, uint64)    { return 0, 0 }
func (*askerLink) WantCredit(int)                     {}
func (*askerLink) Forget(uint32)                      {}
func (*askerLink) Grant(uint32, uint64, uint64) bool  { return false }

func (l *askerLink) TrySend(p *wire.Packet) bool {
	if l.by.full.Load() {
		l.by.noRoom.Add(1)
		return false
	}
	return l.Send(p) == nil
}

func (l *askerLink) Receive(into door.LaneReceiver) error {
	for {
		p, err := l.Recv()
		if err != nil {
			return err
		}
		into.Packet(p)
	}
}

// A besides is two nodes with such a door, and an actor at the other one, which counts what it gets.
type besides struct {
	*asker
	node    *ab.Node
	to      ab.Ref
	handled atomic.Int64
}

func newBesides(t *testing.T, cancel func(flow uint32, correlation uint64)) *besides {
	t.Helper()
	far := start(t, "far")
	b := &besides{asker: &asker{Door: abtest.Door(far), cancel: cancel}, node: start(t, "near")}
	_, err := far.Spawn("quick", func() ab.Receiver {
		return ab.ReceiverFunc(func(_ ab.Context, m *ab.Message) error {
			b.handled.Add(1)
			return m.ReplyRaw(rawBeside, nil)
		})
	})
	must(t, err)
	_, err = b.node.Dial(t.Context(), b.asker)
	must(t, err)
	b.to = refOf(t, b.node, "ab:///quick")
	return b
}

// asks asks until an ask goes beside the packets, where inside is called, and gives what that one ends with. The first ones, and those
// right behind a packet, go the usual way.
func (b *besides) asks(ctx context.Context, inside func(), options ...ab.AskOption) <-chan error {
	var came atomic.Bool
	ask := func() {
		came.Store(true)
		inside()
	}
	b.ask.Store(&ask)
	ended := make(chan error, 1)
	go func() {
		for {
			if _, err := b.node.AskRawInline(ctx, b.to, rawBeside, nil, options...); err != nil || came.Load() {
				ended <- err
				return
			}
		}
	}()
	return ended
}

func TestAnAskThatIsInsideItsHandlerIsCancelledWhenItsAskerWouldWaitNoLonger(t *testing.T) {
	cancelled := make(chan struct{}, 1)
	b := newBesides(t, func(uint32, uint64) {
		select {
		case cancelled <- struct{}{}:
		default:
		}
	})
	inside := make(chan struct{}, 1)
	wait := func() {
		inside <- struct{}{}
		within(t, cancelled, "the handler is told")
	}
	for _, c := range []struct {
		name    string
		options []ab.AskOption
		cancels bool
	}{
		{"its context is cancelled", nil, true},
		{"its context is cancelled, and it has a time", []ab.AskOption{ab.Timeout(long)}, true},
		{"its time is over", []ab.AskOption{ab.Timeout(time.Second)}, false},
	} {
		t.Run(c.name, func(t *testing.T) {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			ended := b.asks(ctx, wait, c.options...)
			within(t, inside, "it is inside its handler")
			if c.cancels {
				cancel()
			}
			within(t, ended, "the end of the ask") // it was not taken, and may have been answered the usual way
		})
	}
}

// The door finds that it cannot take an ask whose link has ended meanwhile: what ends the link's asks looks where they went.
func TestAnInlineAskThatIsNotTakenAndWhoseLinkEndsIsAnsweredOnce(t *testing.T) {
	b := newBesides(t, nil)
	lost := make(chan func(), 1)
	var before int64
	ended := b.asks(t.Context(), func() {
		before = b.handled.Load()
		lost <- ab.LoseAsks(b.node, "far")
	}, ab.Timeout(long))
	tell := within(t, lost, "the ask goes beside the packets")
	// It must not be asked again: then it would be told of both.
	for until := time.Now().Add(200 * time.Millisecond); time.Now().Before(until) && b.handled.Load() == before; {
		time.Sleep(time.Millisecond)
	}
	tell()
	if err := within(t, ended, "the end of the ask"); !errors.Is(err, ab.ErrOutcomeUnknown) {
		t.Errorf("it ended with %v, want OUTCOME_UNKNOWN", err)
	}
	if again := b.handled.Load() - before; again != 0 {
		t.Errorf("its actor was asked %d times more", again)
	}
}

func TestAnInlineAskDoesNotOvertakeATellThatFoundNoRoom(t *testing.T) {
	b := newBesides(t, func(uint32, uint64) {})
	must(t, within(t, b.asks(t.Context(), func() {}), "an ask that goes beside the packets"))
	var beside atomic.Int64
	note := func() { beside.Add(1) }
	b.ask.Store(&note)
	b.full.Store(true)
	must(t, b.node.TellRaw(t.Context(), b.to, rawBeside, nil))
	eventually(t, "the tell finds no room", func() bool { return b.noRoom.Load() > 0 })
	before := b.handled.Load()
	asked := make(chan error, 1)
	go func() {
		_, err := b.node.AskRawInline(t.Context(), b.to, rawBeside, nil, ab.Timeout(long))
		asked <- err
	}()
	eventually(t, "the ask waits", func() bool { return b.node.AsksWaiting() > 0 })
	b.full.Store(false)
	must(t, within(t, asked, "the answer"))
	if n := beside.Load(); n != 0 {
		t.Errorf("%d asks went beside the packets, before the tell", n)
	}
	if n := b.handled.Load() - before; n != 2 {
		t.Errorf("the actor has got %d messages when the ask is answered, want 2", n)
	}
}
