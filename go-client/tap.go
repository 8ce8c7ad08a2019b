package actorbridge

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A look at the envelopes that go by links, for who asks /system. It is bounded: what does not fit is counted, and nobody waits.

const (
	maxTaps = 8
	// maxTapped and maxTappedBytes are the most envelopes that wait to be told, and their bytes: all of them go in one event.
	maxTapped      = 512
	maxTappedBytes = 48 << 10
	// tapEvery is how often they are told.
	tapEvery = 100 * time.Millisecond
	// maxTappedAsks is the most asks whose answers a tap looks for.
	maxTappedAsks = 1_024
)

// taps are those of a node.
type taps struct {
	mu  sync.Mutex // for changes
	all atomic.Pointer[[]*tap]
}

// any says whether somebody looks. Where nobody does, nothing more has to be done on the way of a message.
func (t *taps) any() bool { return t.all.Load() != nil }

// seen is messages of one stream and type that go by a link together.
type seen struct {
	peer        string
	link        uint64
	direction   pb.Direction
	who         *wire.Who
	what        *wire.What
	correlation uint64
	seq         uint64 // of the first
	hops, ttlMs uint32
}

// show shows messages to who looks; bytesOf is how many bytes each one's payload has.
func (t *taps) show(s *seen, count int, bytesOf func(int) int) {
	all := t.all.Load()
	if all == nil || s.what.TypeName == "actorbridge.v1.Tapped" { // what a tap tells by a link would be told again
		return
	}
	for _, tap := range *all {
		tap.show(s, count, bytesOf)
	}
}

// begin fails with MAILBOX_FULL where there are as many as there may be.
func (t *taps) begin(request *pb.TapRequest) (*tap, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var all []*tap
	if now := t.all.Load(); now != nil {
		all = slices.Clone(*now)
	}
	if len(all) >= maxTaps {
		return nil, systemRefused(CodeMailboxFull, fmt.Sprintf(
			"%d look at what goes by this node's links already; end another tap", maxTaps))
	}
	begun := &tap{request: request, asks: make(map[tappedAsk]struct{})}
	all = append(all, begun)
	t.all.Store(&all)
	return begun, nil
}

func (t *taps) end(over *tap) {
	t.mu.Lock()
	defer t.mu.Unlock()
	all := slices.DeleteFunc(slices.Clone(*t.all.Load()), func(other *tap) bool { return other == over })
	if len(all) == 0 {
		t.all.Store(nil)
		return
	}
	t.all.Store(&all)
}

type tap struct {
	request *pb.TapRequest

	mu            sync.Mutex
	waiting       []*pb.TappedEnvelope
	bytes         int
	shown, missed uint64
	// asks are those whose answers are shown too, asked the same, the oldest first.
	asks  map[tappedAsk]struct{}
	asked []tappedAsk
}

// tappedAsk is an ask by what its answers say of it.
type tappedAsk struct {
	link        uint64
	direction   pb.Direction // of the answers
	correlation uint64
}

func (t *tap) show(s *seen, count int, bytesOf func(int) int) {
	if t.request.Peer != "" && t.request.Peer != s.peer {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.wants(s) && !t.awaits(s) {
		return
	}
	t.noteAsk(s)
	for i := range count {
		switch {
		case t.isDone():
			return
		case len(t.waiting) == maxTapped:
			t.missed += uint64(count - i)
			return
		}
		t.push(s.envelope(i, bytesOf(i)))
	}
}

func (t *tap) wants(s *seen) bool {
	isOf := func(address string) bool { return strings.HasPrefix(pathOf(address), t.request.Actor) }
	return strings.HasPrefix(s.what.TypeName, t.request.Type) && (isOf(s.who.Source) || isOf(s.who.Target))
}

// isDone says whether all has been shown that was asked for. The caller holds the lock.
func (t *tap) isDone() bool {
	return t.request.Most > 0 && t.shown+uint64(len(t.waiting)) >= t.request.Most
}

func (t *tap) push(envelope *pb.TappedEnvelope) {
	size := proto.Size(envelope) + 4
	if t.bytes+size > maxTappedBytes {
		t.missed++
		return
	}
	t.bytes += size
	t.waiting = append(t.waiting, envelope)
}

// noteAsk remembers an ask, so that its answer is shown too: an answer does not say whose it is. The caller holds the lock.
func (t *tap) noteAsk(s *seen) {
	if s.what.Kind != uint32(pb.Kind_KIND_ASK) || s.correlation == 0 {
		return
	}
	back := pb.Direction_DIRECTION_SENT
	if s.direction == back {
		back = pb.Direction_DIRECTION_RECEIVED
	}
	key := tappedAsk{s.link, back, s.correlation}
	if _, known := t.asks[key]; known {
		return
	}
	if len(t.asked) == maxTappedAsks {
		delete(t.asks, t.asked[0])
		t.asked = t.asked[1:]
	}
	t.asks[key] = struct{}{}
	t.asked = append(t.asked, key)
}

// awaits says whether it answers an ask that was shown. The caller holds the lock.
func (t *tap) awaits(s *seen) bool {
	switch pb.Kind(s.what.Kind) {
	case pb.Kind_KIND_REPLY, pb.Kind_KIND_FAILURE, pb.Kind_KIND_EVENT:
		_, known := t.asks[tappedAsk{s.link, s.direction, s.correlation}]
		return known
	}
	return false
}

// take is what was seen since the last time, and whether that was all.
func (t *tap) take() (tapped *pb.Tapped, done bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	done = t.isDone()
	tapped = &pb.Tapped{Envelopes: t.waiting, Missed: t.missed}
	t.shown += uint64(len(t.waiting))
	t.waiting, t.bytes = nil, 0
	return tapped, done
}

func (s *seen) envelope(i, payloadBytes int) *pb.TappedEnvelope {
	seq := s.seq
	if seq != 0 {
		seq += uint64(i)
	}
	return &pb.TappedEnvelope{
		UnixMs: uint64(time.Now().UnixMilli()), Peer: s.peer, Link: s.link, Direction: s.direction, Kind: pb.Kind(s.what.Kind),
		Source: s.who.Source, Target: s.who.Target, Type: s.what.TypeName, TypeVersion: s.what.Version,
		ContentType: pb.ContentType(s.what.ContentType), Compression: pb.Compression(s.what.Compression),
		PayloadBytes: uint64(payloadBytes), Correlation: s.correlation, TtlMs: s.ttlMs, Seq: seq, Hops: s.hops,
	}
}

// pathOf is the path in ab:///path or ab://node/path.
func pathOf(address string) string {
	_, path, _ := strings.Cut(strings.TrimPrefix(address, "ab://"), "/")
	return path
}

// tap answers a TapRequest: what is seen, until all has been shown that was asked for, who asked waits no longer, or the node shuts
// down.
func (s system) tap(m *Message, request *pb.TapRequest) error {
	n := s.node
	tap, err := n.taps.begin(request)
	if err != nil {
		return err
	}
	responder, err := m.Responder()
	if err != nil {
		n.taps.end(tap)
		return err
	}
	n.tasks.run(func() {
		defer n.taps.end(tap)
		if err := n.tell(tap, responder); err != nil {
			responder.Fail(err)
		}
	})
	return nil
}

// tell fails where the events cannot be sent.
func (n *Node) tell(tap *tap, to *Responder) error {
	ticker := time.NewTicker(tapEvery)
	defer ticker.Stop()
	told := uint64(0)
	for first := true; ; first = false { // the first one says that the tap has begun
		tapped, done := tap.take()
		if first || len(tapped.Envelopes) > 0 || tapped.Missed > told {
			told = tapped.Missed
			if err := to.Emit(context.Background(), tapped); err != nil { // /system ends when the node does, and that ends this
				return err
			}
		}
		isClosing := false
		if !done {
			select {
			case <-ticker.C:
			case <-n.closing:
				isClosing = true
			case <-to.Gone():
				return newError(CodeCancelled, systemPath, "who asked waits no longer")
			}
		}
		if done || isClosing {
			return to.Reply(&pb.TapReply{Shown: tap.shownNow(), Missed: told})
		}
	}
}

func (t *tap) shownNow() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.shown
}
