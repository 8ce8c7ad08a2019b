package actorbridge

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Events of an ask, where its actor is: they are sent as far as the asker has said that it has room.

const (
	// eventWindow is the most events of one ask that are on their way or wait at the asker.
	eventWindow = 32
	// maxEvent is the most bytes of an event with its type: as many as there may be wait at an asker.
	maxEvent = 64 << 10
	// maxEmitters is the most asks of one node that are answered by events at once.
	maxEmitters = 65_536
)

// Emit sends the asker of an ask an event, before the reply. The asker has them one by one, in order, from [Node.Subscribe]; one
// that only asks has none of them. At most 32 are on their way or wait there: Emit waits until there is room for another one. What
// the handler staged leaves before. An event that is to be sent after the handler has returned is [Responder.Emit]'s.
//
// It fails with CANCELLED when the asker waits no longer, or the message's context has ended; with INVALID_ARGUMENT if there is no
// ask, or it has been answered; with TOO_LARGE for an event over 64 KiB, and with MAILBOX_FULL where a link that hardly moves holds
// too many answers. After these two the next event may be sent.
func (m *Message) Emit(event proto.Message) error {
	if !m.owed.Load() {
		return newError(CodeInvalidArgument, m.who.Target, "there is no ask to answer, or it has been answered")
	}
	if m.turn.state.Load()&turnEnded != 0 {
		return newError(CodeCancelled, m.who.ReplyTo, "its asker waits no longer")
	}
	m.turn.flushBefore(&m.turn)
	r := Responder{node: m.node, turn: &m.turn, replyTo: m.who.ReplyTo, correlation: m.correlation, codec: m.codec(), trace: m.answerTrace()}
	return r.emit(&m.turn, event)
}

// Emit sends the asker an event, before the reply, and waits for room as long as ctx allows: see [Message.Emit].
func (r *Responder) Emit(ctx context.Context, event proto.Message) error {
	if r.used.Load() {
		return newError(CodeInvalidArgument, r.replyTo, "the ask has been answered")
	}
	return r.emit(ctx, event)
}

// Gone is closed when the asker waits no longer, or its actor has ended. Of an ask without events the former is not known before
// the first Emit.
func (r *Responder) Gone() <-chan struct{} {
	e, err := r.emitterNow()
	if err != nil {
		gone := make(chan struct{})
		close(gone)
		return gone
	}
	return e.over
}

func (r *Responder) emit(ctx context.Context, event proto.Message) error {
	out, err := newOutgoingIn(r.codec, pb.Kind_KIND_EVENT, event, wire.BodyFields{Correlation: r.correlation, Trace: r.trace})
	if err != nil {
		return err
	}
	if size := len(out.what.Bytes) + len(out.body); size > maxEvent {
		return newError(CodeTooLarge, r.replyTo, fmt.Sprintf("an event of %d bytes with its type is over 64 KiB", size))
	}
	e, err := r.emitterNow()
	if err != nil {
		return err
	}
	return e.emit(ctx, &out)
}

// emitterNow is its emitter, also one that has ended.
func (r *Responder) emitterNow() (*emitter, error) {
	if e := r.emitter.Load(); e != nil {
		return e, nil
	}
	e, err := r.node.emitter(r)
	if err == nil {
		r.emitter.Store(e)
	}
	return e, err
}

// emitter is what is known of an asker that is sent events.
type emitter struct {
	key  emitterKey
	node *Node
	link *linkEnd // nil = the asker is of this node
	turn *turn    // of the ask
	// replyTo is who asks.
	replyTo string
	// over is closed at the end.
	over chan struct{}
	room bell

	mu         sync.Mutex
	sent, upto uint64
	unread     bool // the asker waits for the reply alone
	ended      bool
}

// emitterKey names an ask: a correlation means something only at the node that made it, at the other end of a link; 0 = this one.
type emitterKey struct{ link, correlation uint64 }

// emitters are those of a node.
type emitters struct {
	some atomic.Int64 // how many there are
	mu   sync.Mutex
	of   map[emitterKey]*emitter
}

// emitter is the one of an ask, made when it is needed first.
func (n *Node) emitter(r *Responder) (*emitter, error) {
	to, err := ParseRef(r.replyTo)
	if err != nil {
		return nil, err
	}
	var link *linkEnd
	if host := to.Host(); host != "" && host != n.name {
		if link = n.linkTo(host); link == nil {
			return nil, newError(CodeCancelled, r.replyTo, "no link to its asker is up, and events pass no relay")
		}
	}
	key := emitterKey{0, r.correlation}
	if link != nil {
		key.link = link.id
	}
	n.emitters.mu.Lock()
	if e := n.emitters.of[key]; e != nil {
		n.emitters.mu.Unlock()
		return e, nil
	}
	if len(n.emitters.of) >= maxEmitters {
		n.emitters.mu.Unlock()
		return nil, newError(CodeMailboxFull, r.replyTo, fmt.Sprintf("this node answers %d asks by events already", maxEmitters))
	}
	if n.emitters.of == nil {
		n.emitters.of = make(map[emitterKey]*emitter)
	}
	e := &emitter{key: key, node: n, link: link, turn: r.turn, replyTo: r.replyTo, over: make(chan struct{}), upto: eventWindow}
	n.emitters.of[key] = e
	n.emitters.some.Store(int64(len(n.emitters.of)))
	n.emitters.mu.Unlock()
	// They may have ended before this one was there to be told.
	if link != nil && link.over.Load() != nil || r.turn.cell.ctx().Err() != nil {
		e.gone()
	}
	return e, nil
}

// gone: the asker waits no longer.
func (e *emitter) gone() {
	e.turn.end()
	e.end()
}

// end: no more events are sent.
func (e *emitter) end() {
	n := e.node
	n.emitters.mu.Lock()
	if n.emitters.of[e.key] == e {
		delete(n.emitters.of, e.key)
		n.emitters.some.Store(int64(len(n.emitters.of)))
	}
	n.emitters.mu.Unlock()
	e.mu.Lock()
	defer e.mu.Unlock()
	if !e.ended {
		e.ended = true
		close(e.over)
	}
}

// emit sends one event, and waits for room.
func (e *emitter) emit(ctx context.Context, out *outgoing) error {
	cancelled := func(detail string) error { return newError(CodeCancelled, e.replyTo, detail) }
	for {
		room := e.room.wait()
		e.mu.Lock()
		ended, unread, hasRoom := e.ended, e.unread, e.sent < e.upto
		if hasRoom {
			e.sent++
		}
		e.mu.Unlock()
		switch {
		case ended:
			return cancelled("its asker waits for no events any more")
		case unread:
			return nil
		case hasRoom:
			return e.send(out)
		}
		select {
		case <-room:
		case <-e.over:
		case <-ctx.Done():
			err := newError(CodeCancelled, e.replyTo, "there was no room for an event")
			err.cause = ctx.Err()
			return err
		}
	}
}

func (e *emitter) send(out *outgoing) error {
	if e.link == nil {
		e.node.eventCame(nil, out.message(e.node, noWho))
		return nil
	}
	readable, unsupported := e.link.forPeer(out, e.replyTo)
	if unsupported == nil && e.link.sendOffStream(readable) {
		return nil
	}
	e.mu.Lock()
	e.sent--
	e.mu.Unlock()
	switch {
	case unsupported != nil:
		return unsupported
	case e.link.over.Load() != nil:
		return newError(CodeCancelled, e.replyTo, "the link to its asker is down")
	}
	return newError(CodeMailboxFull, e.replyTo, "too many answers wait for the link to its asker")
}

// eventCredit is what an asker says by a link; 0 = one of this node.
func (n *Node) eventCredit(link uint64, credit *pb.EventCredit) {
	e := n.emitterOf(emitterKey{link, credit.Correlation})
	if e == nil {
		return
	}
	if credit.Over {
		e.gone()
		return
	}
	e.mu.Lock()
	e.unread = e.unread || credit.Unread
	// More than a window at once is nothing that an asker has room for.
	e.upto = max(e.upto, min(credit.Upto, e.upto+eventWindow))
	e.mu.Unlock()
	e.room.ring()
}

// emitterOf is one that there is, or nil.
func (n *Node) emitterOf(key emitterKey) *emitter {
	if n.emitters.some.Load() == 0 { // as nearly always
		return nil
	}
	n.emitters.mu.Lock()
	defer n.emitters.mu.Unlock()
	return n.emitters.of[key]
}

func (n *Node) emittersWhere(is func(*emitter) bool) (found []*emitter) {
	if n.emitters.some.Load() == 0 { // as nearly always
		return nil
	}
	n.emitters.mu.Lock()
	defer n.emitters.mu.Unlock()
	for _, e := range n.emitters.of {
		if is(e) {
			found = append(found, e)
		}
	}
	return found
}

// emitterAnswered: an ask has its answer, by a link or, without one, here; no more events follow.
func (n *Node) emitterAnswered(link *linkEnd, correlation uint64) {
	key := emitterKey{0, correlation}
	if link != nil {
		key.link = link.id
	}
	if e := n.emitterOf(key); e != nil {
		e.end()
	}
}

// emittersLost: a link is over, and with it each ask that came by it.
func (n *Node) emittersLost(link *linkEnd) {
	for _, e := range n.emittersWhere(func(e *emitter) bool { return e.link == link }) {
		e.gone()
	}
}

// letGo: an actor has ended, or is made anew, or has left. Who waits for its events has no deadline that would tell it.
func (n *Node) letGo(c *cell) {
	for _, e := range n.emittersWhere(func(e *emitter) bool { return e.turn.cell == c }) {
		f := failed(CodeOutcomeUnknown, "the actor has let go of it without a reply")
		n.answerFailure(e.replyTo, e.key.correlation, &f, nil)
		e.end()
	}
}
