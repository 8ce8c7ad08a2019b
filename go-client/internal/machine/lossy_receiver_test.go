package machine

import (
	"encoding/binary"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// mail is what waits at the actor.
type mail struct {
	conn     *lossyConn
	key      StreamKey
	seq      uint64
	message  *lossyMessage
	deadline Millis // as far as the receiver knows; 0 = none
}

// lossyReceiver is the node with the actor. All streams have their room from one pool.
type lossyReceiver struct {
	world       *lossyWorld
	incarnation uint64
	capacity    uint32
	pool        *Pool
	mailbox     []mail
	opened      uint64 // how many bindings there were
	standsUntil Millis
}

func newLossyReceiver(w *lossyWorld, capacity uint32) *lossyReceiver {
	return &lossyReceiver{world: w, capacity: capacity, incarnation: w.Uint64(), pool: NewPool(capacity)}
}

// restart: the process dies, and another begins at its address. Silently: its connections do not end.
func (r *lossyReceiver) restart(silently bool) {
	for _, held := range r.mailbox {
		held.message.died = true
	}
	r.mailbox, r.opened, r.pool, r.incarnation = nil, 0, NewPool(r.capacity), r.world.Uint64()
	for _, c := range r.conns() {
		c.close(1, silently)
	}
	r.world.seen.restarts++
}

// conns are those of which this node's end is not over.
func (r *lossyReceiver) conns() (open []*lossyConn) {
	for _, s := range r.world.senders {
		for _, c := range s.conns {
			if !c.closed[1] {
				open = append(open, c)
			}
		}
	}
	return open
}

// admits: a link of a later dial takes the place of those before it, and one of an earlier dial is refused.
func (r *lossyReceiver) admits(c *lossyConn) bool {
	for _, other := range r.conns() {
		switch link := other.ends[1]; {
		case other == c || other.sender != c.sender || link.Phase() != PhaseUp:
		case other.number > c.number:
			c.act(1, c.ends[1].Refuse("it has dialled again since", nil))
			return false
		default:
			r.world.seen.superseded++
			other.act(1, link.Supersede(nil))
		}
	}
	return true
}

// act does what the receiver's end of a link says.
func (r *lossyReceiver) act(c *lossyConn, a *Action) {
	switch a.Kind {
	case ActionOpened:
		r.opened++
		for _, stream := range c.sender.streams {
			if stream.id == a.Stream {
				c.flows[a.Flow] = stream
			}
		}
		if c.flows[a.Flow] == nil { // of a process that is no more
			c.flows[a.Flow] = &lossyStream{id: a.Stream}
		}
		r.pool.Open(StreamKey{Link: c.number, Flow: a.Flow}, a.Seq, InitialCredit)
	case ActionDeliver:
		r.deliver(c, &a.Delivery)
	case ActionBadItem:
		r.badItem(c, a)
	case ActionDown:
		r.world.seen.down(c.ends[1])
		for flow := range c.flows {
			r.pool.Close(StreamKey{Link: c.number, Flow: flow})
		}
	}
}

// badItem: the machine has refused an item. Of honest senders it may refuse what it cannot know, and what they withdraw.
func (r *lossyReceiver) badItem(c *lossyConn, a *Action) {
	m := r.world.sentAt(c, a.Flow, a.Seq)
	withdrawn := a.Refusal.Code == pb.Code_CODE_CANCELLED && (m == nil || m.fate != fateSent)
	unknown := a.Refusal.Code == pb.Code_CODE_UNSUPPORTED_KIND && m != nil && m.odd == oddKind
	if !withdrawn && !unknown {
		r.world.fail("seq %d of flow %d is refused: %v", a.Seq, a.Flow, a.Refusal)
	}
	if m != nil {
		m.letter = true
	}
	r.world.seen.refused++
	r.pool.Refused(StreamKey{Link: c.number, Flow: a.Flow}, a.Seq)
}

func (r *lossyReceiver) deliver(c *lossyConn, d *Delivery) {
	w := r.world
	var e wire.Envelope
	if refusal := e.ReadBody(d.Body, 0); refusal != nil || len(e.Payload) < 8 {
		w.fail("%.20x came", d.Body)
		return
	}
	key, stream, m := StreamKey{Link: c.number, Flow: d.Flow}, c.flows[d.Flow], w.messages[binary.LittleEndian.Uint64(e.Payload)]
	if stream == nil || m.stream.id != stream.id || m.seq != d.Seq || m.conn != c {
		w.fail("message %d came as seq %d of another stream", m.number, d.Seq)
		return
	}
	if d.Seq <= m.stream.heard {
		w.fail("seq %d of stream %x came after %d", d.Seq, stream.id, m.stream.heard)
	}
	m.stream.heard = d.Seq
	if code := unreadable(c.ends[1].What(d.TypeID)); code != 0 {
		r.pool.Refused(key, d.Seq)
		r.refuse(c, m, code)
		return
	}
	switch r.pool.Arrive(key, d.Seq) {
	case Full:
		r.refuse(c, m, pb.Code_CODE_MAILBOX_FULL)
	case NotBound:
		w.fail("message %d came on a flow that the pool does not know", m.number)
	case Accepted:
		next := mail{conn: c, key: key, seq: d.Seq, message: m}
		if d.TTLMs > 0 {
			next.deadline = w.now + Millis(d.TTLMs)
		}
		r.mailbox = append(r.mailbox, next)
	}
}

// unreadable is why a message of this type cannot be read here; 0 = it can.
func unreadable(what *wire.What) pb.Code {
	switch {
	case what.ContentType != uint32(pb.ContentType_CONTENT_TYPE_PROTOBUF):
		return pb.Code_CODE_UNSUPPORTED_CODEC
	case what.MinReader > 1:
		return pb.Code_CODE_UNSUPPORTED_VERSION
	default:
		return 0
	}
}

// refuse puts a message into the dead letters, and says so.
func (r *lossyReceiver) refuse(c *lossyConn, m *lossyMessage, code pb.Code) {
	m.letter = true
	r.world.seen.refused++
	if c.closed[1] {
		return
	}
	c.ends[1].Outcome(m.flow, &pb.Outcome{Seq: m.seq, Code: code, Effect: pb.Effect_EFFECT_NONE})
	if m.isAsk {
		c.ends[1].Fail(m.correlation, code, pb.Effect_EFFECT_NONE, "it is refused")
	}
}

// handle handles the oldest message that waits, unless its time is over.
func (r *lossyReceiver) handle() {
	w := r.world
	if len(r.mailbox) == 0 || w.now < r.standsUntil {
		return
	}
	next := r.mailbox[0]
	r.mailbox = r.mailbox[1:]
	r.pool.Release(next.key, next.seq)
	m := next.message
	if next.deadline > 0 && w.now >= next.deadline {
		if w.now < m.deadline {
			w.fail("message %d is refused as too late %d ms before its time is over", m.number, m.deadline-w.now)
		}
		r.refuse(next.conn, m, pb.Code_CODE_EXPIRED)
	} else {
		w.seen.handled++
		w.handled(m)
		if m.isAsk {
			r.reply(m)
		}
	}
	r.grant()
}

// reply answers an ask by the link that there is to its sender.
func (r *lossyReceiver) reply(m *lossyMessage) {
	w := r.world
	payload := binary.LittleEndian.AppendUint64(nil, uint64(m.number))
	if w.oneIn(12) {
		payload = append(payload, make([]byte, w.IntN(60_000))...)
	}
	body := wire.AppendBody(nil, wire.BodyFields{Correlation: m.correlation}, payload)
	for _, c := range r.conns() {
		if c.sender == m.conn.sender && c.ends[1].Phase() == PhaseUp {
			c.ends[1].SendOffStream(wire.NewWhat(pb.Kind_KIND_REPLY, "lossy.v1.Reply", 1, 1, 0), body)
		}
	}
}

// grant tells the senders how much more they may send.
func (r *lossyReceiver) grant() {
	grants := r.pool.Grants(len(r.mailbox) == 0, nil)
	if len(grants) == 0 {
		return
	}
	for _, c := range r.conns() {
		for _, g := range grants {
			if g.Key.Link == c.number {
				c.ends[1].State(g.Key.Flow, g.Processed, g.Credit, g.MayWait)
			}
		}
	}
}

// press: what could wait is told.
func (r *lossyReceiver) press() {
	for _, c := range r.conns() {
		c.ends[1].PressStates()
	}
}
