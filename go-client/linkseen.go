package actorbridge

import (
	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// What goes by a link, for the taps of its node. Nothing here runs while there are none.

// seeDelivery shows a message that the machine brings. The caller holds inboundMu.
func (l *linkEnd) seeDelivery(a *machine.Action) {
	if a.Kind != machine.ActionDeliver {
		return
	}
	d, who := &a.Delivery, noWho
	if stream := l.inbound[d.Flow]; stream != nil {
		who = stream.who
	}
	l.see(seen{direction: pb.Direction_DIRECTION_RECEIVED, who: who, what: l.what(d.TypeID), seq: d.Seq, hops: d.Hops, ttlMs: d.TTLMs}, d.Body)
}

// seeRun shows tells with nothing but payloads that came together. The caller holds inboundMu.
func (l *linkEnd) seeRun(run *door.LaneRun, of payloads) {
	stream := l.inbound[run.Flow]
	if stream == nil {
		return
	}
	s := seen{
		peer: l.peerName(), link: l.id, direction: pb.Direction_DIRECTION_RECEIVED, who: stream.who, what: l.what(run.TypeID),
		seq: run.FirstSeq, hops: run.Hops, ttlMs: run.TTLMs,
	}
	sizes := make([]int, of.left) // more than one tap may look
	for i := range sizes {
		sizes[i] = len(of.next())
	}
	l.node.taps.show(&s, len(sizes), func(i int) int { return sizes[i] })
}

// seeSent shows a message that leaves; a seq of 0 = outside any stream.
func (l *linkEnd) seeSent(flow uint32, seq uint64, out *outgoing) {
	l.see(seen{
		direction: pb.Direction_DIRECTION_SENT, who: l.whoOf(flow), what: out.what, seq: seq, hops: out.hops,
		ttlMs: l.ttlUntil(out.deadline),
	}, out.body)
}

// seeSentRaw shows tells of payloads that leave; the last one has the seq last.
func (l *linkEnd) seeSentRaw(flow uint32, what *wire.What, payloads [][]byte, last uint64) {
	s := seen{
		peer: l.peerName(), link: l.id, direction: pb.Direction_DIRECTION_SENT, who: l.whoOf(flow), what: what,
		seq: last + 1 - uint64(len(payloads)),
	}
	l.node.taps.show(&s, len(payloads), func(i int) int { return len(payloads[i]) })
}

// see shows a message whose body may say a part of who and what it is.
func (l *linkEnd) see(s seen, body []byte) {
	m, refusal := readMessage(l.node, s.who, s.what, body)
	if refusal != nil {
		return
	}
	s.peer, s.link, s.who, s.what, s.correlation = l.peerName(), l.id, m.who, m.what, m.correlation
	l.node.taps.show(&s, 1, func(int) int { return len(m.payload) })
}

// see shows an ask that went beside the packets, and its answer if there is one.
func (b inlinePath) see(what *wire.What, body, answer []byte) {
	b.link.see(seen{direction: pb.Direction_DIRECTION_SENT, who: b.link.whoOf(b.flow), what: what}, body)
	if answer != nil {
		b.link.see(seen{direction: pb.Direction_DIRECTION_RECEIVED, who: noWho, what: noWhat}, answer)
	}
}

func (l *linkEnd) whoOf(flow uint32) *wire.Who {
	if o := l.outlet(flow); o != nil {
		return o.who
	}
	return noWho
}

// ttlUntil is how many milliseconds are left until a deadline; 0 = there is none.
func (l *linkEnd) ttlUntil(deadline uint64) uint32 {
	if deadline == 0 {
		return 0
	}
	return machine.TTL(deadline, l.node.now())
}
