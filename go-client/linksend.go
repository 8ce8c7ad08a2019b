package actorbridge

import (
	"slices"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// What leaves by a link: messages of this node, and those that it passes on.

// send sends a message of a flow; copied: its memory is the caller's again.
func (l *linkEnd) send(flow uint32, out *outgoing) (sent machine.Sent, copied bool) {
	out = l.compressed(out)
	sent, copied = l.sendNow(flow, out)
	if sent.Result == machine.SendQueued && l.node.taps.any() {
		l.seeSent(flow, sent.Seq, out)
	}
	return sent, copied
}

func (l *linkEnd) sendNow(flow uint32, out *outgoing) (sent machine.Sent, copied bool) {
	l.mu.Lock()
	if seq, ok := l.sendAtOnce(flow, out); ok {
		l.mu.Unlock()
		return machine.Sent{Seq: seq}, true
	}
	sent = l.machine.Send(flow, out.what, out.deadline, out.hops, out.body)
	if sent.Result == machine.SendNoCredit && l.starves(flow) {
		sent = l.machine.Send(flow, out.what, out.deadline, out.hops, out.body)
	}
	if sent.Result == machine.SendNoCredit {
		l.stall(flow)
	}
	l.mu.Unlock()
	l.ring()
	return sent, false
}

// queueRaws queues tells whose payloads are bytes, as far as there is credit and room: the last one's seq, and how many were
// queued. The caller holds the lock.
func (l *linkEnd) queueRaws(flow uint32, what *wire.What, payloads [][]byte) (last uint64, queued int) {
	if l.compression != 0 { // what has to be compressed goes the usual way
		if large := slices.IndexFunc(payloads, func(p []byte) bool { return len(p) >= l.node.least }); large >= 0 {
			payloads = payloads[:large]
		}
	}
	return l.machine.SendAll(flow, what, payloads)
}

// forPeer is a message as the peer can read it, or why there is none.
func (l *linkEnd) forPeer(out *outgoing, target string) (*outgoing, *Error) {
	if out.what.MinReader <= 1 {
		return out, nil
	}
	l.mu.Lock()
	peer, reads := l.peer, l.reads
	l.mu.Unlock()
	return out.forPeer(peer, reads, target)
}

// peerReads is which version of a type the peer reads, if it says anything of it.
func (l *linkEnd) peerReads(name string) (peer string, version uint32, known bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	version, known = l.reads[name]
	return l.peer, version, known
}

func (l *linkEnd) sendOffStream(out *outgoing) bool {
	out = l.compressed(out)
	queued := l.sendOffStreamNow(out)
	if queued && l.node.taps.any() {
		l.seeSent(0, 0, out)
	}
	return queued
}

func (l *linkEnd) sendOffStreamNow(out *outgoing) (queued bool) {
	l.mu.Lock()
	if _, queued = l.sendAtOnce(0, out); queued {
		l.mu.Unlock()
		return true
	}
	queued = l.tellAsker(l.machine.SendOffStream(out.what, out.body), out.correlation)
	l.mu.Unlock()
	l.ring()
	return queued
}

// tellAsker: an asker whose answer cannot go hears that, and that its ask was handled; false = it hears nothing. The caller holds the
// lock.
func (l *linkEnd) tellAsker(sent machine.Sent, correlation uint64) bool {
	refusal := &wire.Refusal{Code: pb.Code_CODE_MAILBOX_FULL, Detail: "too many answers wait for the asker's node"}
	switch sent.Result {
	case machine.SendQueued:
		return true
	case machine.SendRefused:
		refusal = sent.Refusal
	}
	return correlation != 0 && l.machine.Fail(correlation, refusal.Code, pb.Effect_EFFECT_DONE, refusal.Detail).Result == machine.SendQueued
}

// forward queues a message that came here and is passed on, as a complete envelope: to an actor's stay of that epoch, or (0) to whom
// its target says. Each stay's epoch is higher than that of the one before: what follows an actor from one to the next is in no loop,
// and its hops do not count. It never waits; false = it cannot go.
func (l *linkEnd) forward(m *Message, who []byte, epoch uint64) (queued bool) {
	body, hops := wire.Join(who, nil, m.item()), m.hops+1
	if epoch > 0 {
		hops = max(m.hops, 1)
	}
	l.with(func(lm *machine.Link) {
		queued = lm.Forward(m.what, m.deadline, hops, epoch, body).Result == machine.SendQueued
	})
	if queued && l.node.taps.any() {
		l.see(seen{
			direction: pb.Direction_DIRECTION_SENT, who: noWho, what: m.what, hops: hops, ttlMs: l.ttlUntil(m.deadline),
		}, body)
	}
	return queued
}
