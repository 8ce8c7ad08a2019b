package actorbridge

import (
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// maxOutlets is the most outlets of one sender; at the limit all are closed, and made again when they are needed.
	maxOutlets = 16_384
	// maxPayload is the most bytes of a payload, here and on a link with default limits.
	maxPayload = 16 << 20
	// maxMessage is the most bytes of a message with its type.
	maxMessage = maxPayload + machine.BesidePayload
	// inlineBytes: a message of more bytes, with its type and addresses, travels in parts.
	inlineBytes = 64 << 10
	// impatience is how often a sender that has waited for credit in vain does not do so again.
	impatience = 32
)

// A sender is one who sends: an actor, or a node's outside code.
type sender struct {
	source  string
	replyTo string
	tenant  string
	// room rings when one of the outlets may have room again.
	room bell

	// last is the outlet that was used last.
	last atomic.Pointer[outlet]

	mu      sync.Mutex
	outlets map[string]*outlet
}

func newSender(source, replyTo, tenant string) *sender {
	return &sender{source: source, replyTo: replyTo, tenant: tenant}
}

func (s *sender) who(to Ref) *wire.Who {
	return wire.NewWhoOfTenant(s.source, to.text, s.replyTo, s.tenant)
}

// known is the outlet that was used last, if it is the one to this address.
func (s *sender) known(to Ref) *outlet {
	if o := s.last.Load(); o != nil && o.target.text == to.text {
		return o
	}
	return nil
}

func (s *sender) outlet(to Ref) *outlet {
	o := s.known(to)
	if o == nil || o.isClosed.Load() {
		o = s.find(to)
		s.last.Store(o)
	}
	return o
}

func (s *sender) find(to Ref) *outlet {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.outlets[to.text]; o != nil {
		return o
	}
	if s.outlets == nil {
		s.outlets = make(map[string]*outlet)
	}
	if len(s.outlets) >= maxOutlets {
		s.closeAll()
	}
	o := &outlet{target: to, who: s.who(to), stream: randomID(), owner: &s.room, nextSeq: 1}
	s.outlets[to.text] = o
	return o
}

// unroute has the outlet to an address resolve it again. Another actor has it: nothing that was sent before is behind.
func (s *sender) unroute(to Ref) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if o := s.outlets[to.text]; o != nil {
		o.close()
		delete(s.outlets, to.text)
	}
}

// clear closes all outlets: nothing more is sent.
func (s *sender) clear() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closeAll()
}

func (s *sender) closeAll() {
	for _, o := range s.outlets {
		o.close()
	}
	clear(s.outlets)
}

// forgetSent closes all outlets of an actor that has ended.
func (c *cell) forgetSent() {
	if sends := c.sends.Load(); sends != nil {
		sends.clear()
	}
}

func randomID() uint64 { return max(rand.Uint64(), 1) }

// An outlet is the sending end of a stream: (source, target) with a stream number and the present route. It is the only
// place where a route is cached, so that order is the order of sends here.
type outlet struct {
	target Ref
	who    *wire.Who
	stream uint64
	owner  *bell

	mu      sync.Mutex
	cell    *cell    // the route: a cell,
	link    *linkEnd // or a flow of a link, or neither
	flow    uint32
	beyond  bool // the flow ends behind the link's peer
	nextSeq uint64
	closed  bool
	// isClosed is closed, for one who does not hold the lock.
	isClosed atomic.Bool
	// binding is the number of the present binding, or else of the last; sentBy the last one that sent something, or followed such a
	// one to the same stay; 0 = nothing was sent to this actor.
	binding, sentBy uint32
	// after is sentBy since that binding ended, until the stream is bound again: an old owner may still pass on some of it.
	after   uint32
	endedAt time.Time
	// impatient is how often credit is not waited for, since that was in vain.
	impatient int
	hold      *hold     // at a cell of this node, for what may be late
	one       [1][]byte // a payload that is sent alone, so that nothing is allocated for it
}

// placed is where a message went: to a cell, or to a flow of a link.
type placed struct {
	cell *cell
	link *linkEnd
	flow uint32
	// stream is what the flow's number stood for.
	stream uint64
	seq    uint64
	// copied: nobody has the memory of its body any more.
	copied bool
}

// sent is what became of an attempt to send.
type sent int

const (
	sentDone sent = iota
	// sentWait: the owner's bell rings.
	sentWait
	sentUnresolved
	// sentClosed: take a new outlet.
	sentClosed
)

// trySend sends, if that can be done now. Patient: a moment is waited for credit.
func (o *outlet) trySend(node *Node, out *outgoing, patient bool) (placed, sent, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	switch {
	case o.closed:
		return placed{}, sentClosed, nil
	case o.cell != nil:
		return o.toCell(node, out)
	case o.link != nil:
		if patient {
			o.awaitCredit()
		}
		return o.toLink(out)
	}
	return placed{}, sentUnresolved, nil
}

func (o *outlet) toCell(node *Node, out *outgoing) (placed, sent, error) {
	if why := out.tooLarge(); why != "" {
		return placed{}, 0, newError(CodeTooLarge, o.target.text, why)
	}
	c := o.cell
	if o.mustWait(c) {
		return placed{}, sentWait, nil
	}
	switch c.offerLocal(out.message(node, o.who), o.owner) {
	case offerTaken:
		o.nextSeq, o.sentBy = o.nextSeq+1, o.binding
		return placed{cell: c}, sentDone, nil
	case offerWait:
		return placed{}, sentWait, nil
	case offerGone:
		o.follow(c)
		return placed{}, sentUnresolved, nil
	default:
		o.cell, o.sentBy = nil, 0
		if c.isDone() { // another may have its path by now
			return placed{}, sentUnresolved, nil
		}
		return placed{}, 0, newError(CodeStopped, o.target.text, c.whyStopped())
	}
}

// follow: the actor has left this node. What was sent when it was about to go is on its way behind it. The caller holds the lock.
func (o *outlet) follow(c *cell) {
	if o.cell = nil; o.sentBy == o.binding {
		c.drainedUpto(o.stream, o.binding)
		o.hasEnded()
	}
}

// awaitCredit looks for credit for a while, which costs less than to be woken for it, if that was of use the last times. The caller
// holds the lock: who else sends here needs credit too.
func (o *outlet) awaitCredit() {
	switch {
	case o.impatient > 0:
		o.impatient--
	case !o.link.awaitCredit(o.flow):
		o.impatient = impatience
	}
}

func (o *outlet) toLink(out *outgoing) (placed, sent, error) {
	var result machine.Sent
	copied := false
	if o.beyond {
		result = o.link.sendBeyond(o.flow, out)
	} else {
		readable, unsupported := o.link.forPeer(out, o.target.text)
		if unsupported != nil {
			return placed{}, 0, unsupported
		}
		result, copied = o.link.send(o.flow, readable)
	}
	switch result.Result {
	case machine.SendQueued:
		o.nextSeq, o.sentBy = result.Seq+1, o.binding
		return placed{link: o.link, flow: o.flow, stream: o.stream, seq: result.Seq, copied: copied}, sentDone, nil
	case machine.SendNoCredit, machine.SendNoRoom:
		return placed{}, sentWait, nil
	}
	if Code(result.Refusal.Code) == CodeUnavailable {
		// The binding was ended, or the link is draining: unbind, and the reason, are on their way.
		if _, isDown := o.link.end(); !isDown {
			return placed{}, sentWait, nil
		}
		o.hasEnded()
		return placed{}, sentUnresolved, nil
	}
	return placed{}, 0, refusedError(o.target.text, result.Refusal)
}

// isShared says whether messages go by memory that the peer shares.
func (o *outlet) isShared() bool {
	o.mu.Lock()
	l := o.link
	o.mu.Unlock()
	return l != nil && l.isShared.Load()
}

// sendRaw sends payloads by the link that they go by, past the packets: how many were sent.
func (o *outlet) sendRaw(what *wire.What, payloads [][]byte) (sent int) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.sendRawNow(what, payloads)
}

// sendOneRaw is sendRaw for one.
func (o *outlet) sendOneRaw(what *wire.What, payload []byte) bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.one[0] = payload
	sent := o.sendRawNow(what, o.one[:])
	o.one[0] = nil
	return sent == 1
}

// sendRawNow is sendRaw for who holds the lock.
func (o *outlet) sendRawNow(what *wire.What, payloads [][]byte) (sent int) {
	if o.link == nil || o.closed {
		return 0
	}
	seq, sent := o.link.putRaw(o.flow, what, payloads)
	if sent > 0 {
		o.nextSeq, o.sentBy = seq+1, o.binding
	}
	return sent
}

// bind sets the route, unless somebody else has set one meanwhile.
func (o *outlet) bind(to route) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.cell != nil || o.link != nil || o.closed {
		return nil
	}
	o.binding++
	if to.cell != nil {
		o.cell = to.cell
		return nil
	}
	flow, refusal := to.link.open(o, o.nextSeq, machine.Binding{Number: o.binding, After: o.afterNow()}, to.beyond)
	if refusal != nil {
		return refusedError(o.target.text, refusal)
	}
	o.link, o.flow, o.beyond, o.after = to.link, flow, to.beyond != "", 0
	return nil
}

// afterNow is what may be late; long after the end of the last binding that is nothing. The caller holds the lock.
func (o *outlet) afterNow() uint32 {
	if time.Since(o.endedAt) > forwardTime {
		o.after = 0
	}
	return o.after
}

// mustWait says whether messages of this stream may still be on their way to c by its old owner. The caller holds the lock.
func (o *outlet) mustWait(c *cell) bool {
	if o.hold != nil {
		waits, passed := c.holdState(o.hold)
		if waits {
			return true
		}
		if o.hold = nil; passed {
			o.hasPassed()
		}
	}
	if o.afterNow() == 0 || c.forwarderNow() != nil {
		return false
	}
	opening := &opening{
		stream: o.stream, firstSeq: o.nextSeq, binding: machine.Binding{Number: o.binding, After: o.after}, sender: senderOf(o.who),
	}
	if o.hold = c.holdLocal(opening, o.owner); o.hold == nil {
		o.hasPassed()
	}
	return o.hold != nil
}

// hasPassed: what was late is at its actor, but perhaps behind what travels with it, as what is sent from now on. The caller holds the
// lock.
func (o *outlet) hasPassed() { o.after, o.sentBy = 0, o.binding }

// hasEnded: so has the present binding. Its messages may be anywhere. The caller holds the lock.
func (o *outlet) hasEnded() {
	o.link, o.after, o.endedAt = nil, o.sentBy, time.Now()
}

// unbind: the receiver or the link has ended this binding.
func (o *outlet) unbind(link *linkEnd, flow uint32) {
	o.mu.Lock()
	if o.link == link && o.flow == flow {
		o.hasEnded()
	}
	o.mu.Unlock()
	o.owner.ring()
}

func (o *outlet) close() {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.closed = true
	o.isClosed.Store(true)
	if o.link != nil {
		o.link.closeFlow(o.flow)
		o.link = nil
	}
	o.cell = nil
}
