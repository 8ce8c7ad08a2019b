package machine

import (
	"math"
	"slices"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Messages over the peer's inline_bytes leave in parts, between what else there is to say, and are put together again.
//
// A flow with such a message on its way takes no other until the last part has left, so that nothing overtakes it; other flows go on.
// What the peer has not processed of all flows' is bounded by its assembly_bytes, of one flow by a share of that or one message. Answers
// need no credit, so theirs is another account: that of those which have begun to leave.

const (
	// BesidePayload is what an envelope may take beside its payload, whose bytes alone Limits.max_message_bytes counts.
	BesidePayload = 64 << 10
	// MaxLargeAnswers is the most bytes of answers over inline_bytes, and of those behind them, that wait for the writer or are on their
	// way. Each counts AnswerOverhead beside its own.
	MaxLargeAnswers = 256 << 20
	// AnswerOverhead is at least what is kept of such an answer beside its bytes, so that small ones are bounded too.
	AnswerOverhead = 512
	// MaxBegun is the most messages outside any stream that are on their way in part, in one direction.
	MaxBegun = 4_096

	// leastPart: a fragment of fewer bytes is not worth its own.
	leastPart = 1 << 10
	// partOverhead is what a fragment takes beside its data, at most.
	partOverhead = headItem + 64
	// flowShare is the part of the peer's assembly_bytes that one flow may use, unless one message takes more.
	flowShare = 16
)

// transfer is a message that leaves in parts.
type transfer struct {
	flow uint32
	seq  uint64 // off-stream it is numbered when its first part leaves
	// correlation is of an answer: those of one ask keep their order.
	correlation uint64
	typeID      uint32
	hops        uint32
	epoch       uint64 // of a message that follows a move: its actor's stay that it is for
	deadline    Millis
	body        []byte
	offset      int // how much of it has left
}

func (t *transfer) total() uint64 { return uint64(len(t.body)) }

// held is what it counts of MaxLargeAnswers.
func (t *transfer) held() uint64 { return t.total() + AnswerOverhead }

// part is the next one, of at most so many bytes.
func (t *transfer) part(most int, now Millis) *pb.Fragment {
	start, end := t.offset, min(len(t.body), t.offset+most)
	t.offset = end
	return &pb.Fragment{
		Flow: t.flow, Seq: t.seq, Offset: uint64(start), Total: t.total(), Data: t.body[start:end], TtlMs: TTL(t.deadline, now),
		Hops: t.hops, Type: t.typeID, ActorEpoch: t.epoch,
	}
}

// leavingLarge is what is on its way to the peer.
type leavingLarge struct {
	// transfers take turns; starting begin behind the runs of the packet that is being made.
	transfers, starting []*transfer
	// unprocessed is bytes of flows' messages that the peer has not processed; a message of so many waits for that to fall, 0 = none.
	unprocessed, wanted uint64
	// begun is bytes of off-stream messages of which a part has left, begunCount how many they are, answers what those and the ones
	// that wait count.
	begun, begunCount, answers uint64
	// lastNumber is the number of the last off-stream message.
	lastNumber uint64
	// behind has, by the correlation of an answer that waits or has left in part, those that follow it.
	behind map[uint64][]*transfer
}

// isBehind says whether an answer of this body follows one that has not left.
func (l *leavingLarge) isBehind(body []byte) bool {
	if len(l.behind) == 0 {
		return false
	}
	_, correlation := wire.Peek(body)
	_, isBehind := l.behind[correlation]
	return isBehind
}

// sizedSeq is a large message of a flow.
type sizedSeq struct{ seq, bytes uint64 }

// trimSized takes away what has been processed: how many bytes.
func trimSized(messages *[]sizedSeq, processed uint64) (freed uint64) {
	n := 0
	for ; n < len(*messages) && (*messages)[n].seq <= processed; n++ {
		freed += (*messages)[n].bytes
	}
	*messages = slices.Delete(*messages, 0, n)
	return freed
}

// largeOut is what an outgoing flow has of such messages.
type largeOut struct {
	// sending: one waits for the writer or has left in part.
	sending bool
	// sent are those that the peer has not processed.
	sent        []sizedSeq
	unprocessed uint64
	// wanted: one of so many bytes waits for that to fall; 0 = none does.
	wanted uint64
}

func fits(held, more, limit uint64) bool { return held == 0 || more <= limit && held+more <= limit }

// isReady says whether it may send, as far as is known.
func (f *outFlow) isReady(share uint64) bool {
	return f.nextSeq <= f.credit && !f.large.sending && (f.large.wanted == 0 || fits(f.large.unprocessed, f.large.wanted, share))
}

// largest is the most bytes of an envelope that a side takes.
func largest(limits *pb.Limits, fragments bool) uint64 {
	inline := uint64(limits.InlineBytes)
	if !fragments {
		return inline
	}
	whole := limits.MaxMessageBytes + min(BesidePayload, math.MaxUint64-limits.MaxMessageBytes)
	return max(min(whole, limits.AssemblyBytes), inline)
}

func (l *Link) isLarge(size int) bool { return uint64(size) > uint64(l.peerLimits.InlineBytes) }

// share is the part of the peer's memory for large messages that one flow may use.
func (l *Link) share() uint64 { return l.peerLimits.AssemblyBytes / flowShare }

// transfer is a message that is to leave in parts.
func (l *Link) transfer(flow uint32, what *wire.What, deadline Millis, hops uint32, body []byte) *transfer {
	typeID, body := l.typed(what, body)
	t := &transfer{flow: flow, typeID: typeID, hops: hops, deadline: deadline, body: body}
	if flow == 0 && hops == 0 {
		_, t.correlation = wire.Peek(body)
	}
	return t
}

// sendLarge queues a message of a flow that has credit.
func (l *Link) sendLarge(out *outFlow, t *transfer) Sent {
	total := t.total()
	if !fits(out.large.unprocessed, total, l.share()) {
		out.large.wanted = total
		return Sent{Result: SendNoCredit}
	}
	if !fits(l.leaving.unprocessed, total, l.peerLimits.AssemblyBytes) {
		l.leaving.wanted = total
		return Sent{Result: SendNoRoom}
	}
	t.seq = out.nextSeq
	out.nextSeq++
	out.large.sending = true
	out.large.sent = append(out.large.sent, sizedSeq{t.seq, total})
	out.large.unprocessed += total
	l.leaving.unprocessed += total
	l.queue.push(t.flow, &entry{kind: entryLarge, large: t})
	return Sent{Result: SendQueued, Seq: t.seq}
}

// forwardLarge queues a message outside any stream.
func (l *Link) forwardLarge(t *transfer) Sent {
	if l.leaving.answers+t.held() > MaxLargeAnswers {
		return Sent{Result: SendNoRoom}
	}
	l.leaving.answers += t.held()
	if t.correlation != 0 {
		if behind, waits := l.leaving.behind[t.correlation]; waits {
			l.leaving.behind[t.correlation] = append(behind, t)
			return Sent{Result: SendQueued}
		}
		if l.leaving.behind == nil {
			l.leaving.behind = make(map[uint64][]*transfer)
		}
		l.leaving.behind[t.correlation] = nil
	}
	l.queue.push(0, &entry{kind: entryLarge, large: t, hops: t.hops})
	return Sent{Result: SendQueued}
}

// mayBegin says whether there is room at the peer for an off-stream message that has not begun.
func (l *Link) mayBegin(t *transfer) bool {
	if t.flow != 0 || t.offset > 0 {
		return true
	}
	return l.leaving.begunCount < MaxBegun && fits(l.leaving.begun, t.total(), l.peerLimits.AssemblyBytes)
}

// addPart adds the next part to the packet; true = it was the last.
func (l *Link) addPart(t *transfer, most int, now Millis, size *int) bool {
	if t.flow == 0 && t.offset == 0 {
		l.leaving.begun += t.total()
		l.leaving.begunCount++
		l.leaving.lastNumber++
		t.seq = l.leaving.lastNumber
	}
	part := t.part(max(most-partOverhead, 0), now)
	*size += len(part.Data) + partOverhead
	head := l.frame()
	head.Fragment = append(head.Fragment, part)
	ended := t.offset == len(t.body)
	if ended && t.flow == 0 {
		l.leaving.begun -= t.total()
		l.leaving.begunCount--
		l.leaving.answers -= t.held()
		l.nextAnswer(t.correlation)
	}
	return ended
}

// nextAnswer: the next answer of an ask begins behind this packet.
func (l *Link) nextAnswer(correlation uint64) {
	behind, waits := l.leaving.behind[correlation]
	switch {
	case len(behind) > 0:
		l.leaving.starting = append(l.leaving.starting, behind[0])
		behind[0] = nil
		l.leaving.behind[correlation] = behind[1:]
	case waits:
		delete(l.leaving.behind, correlation)
	}
}

// addFragments fills the packet with parts of what is on its way, which takes turns.
func (l *Link) addFragments(size int, now Millis, runs []wire.Run) {
	starting := l.leaving.starting
	l.leaving.starting = nil
	// A reader acts on fragments before runs, which may hold earlier messages of the same flow.
	if len(runs) == 0 {
		l.leaving.transfers, starting = append(l.leaving.transfers, starting...), nil
	}
	for passed := 0; size+leastPart <= PacketBytes && passed < len(l.leaving.transfers); {
		t := l.leaving.transfers[0]
		l.leaving.transfers[0] = nil
		l.leaving.transfers = l.leaving.transfers[1:]
		most := PacketBytes - size
		if len(l.leaving.transfers) > 0 {
			most = min(most, quantum)
		}
		if !l.mayBegin(t) {
			passed++
			l.leaving.transfers = append(l.leaving.transfers, t)
		} else if !l.addPart(t, most, now, &size) {
			l.leaving.transfers = append(l.leaving.transfers, t)
		}
	}
	l.leaving.transfers = append(append(l.leaving.transfers, starting...), l.leaving.starting...)
	l.leaving.starting = nil
}

// noteFragments: messages of flows have left whole. What waited for them may follow.
func (l *Link) noteFragments(parts []*pb.Fragment, out []Action) []Action {
	for _, part := range parts {
		sent := l.outFlow(part.Flow)
		if sent == nil || part.Offset+uint64(len(part.Data)) != part.Total {
			continue
		}
		sent.frames.push(sentFrame{part.Seq, l.number})
		sent.large.sending = false
		if sent.closing {
			l.queue.pushClose(part.Flow)
		} else {
			out = append(out, Action{Kind: ActionCredit, Delivery: Delivery{Flow: part.Flow}})
		}
	}
	return out
}

// giveUp gives up a message that waits or has left in part; false: there is no such message.
func (l *Link) giveUp(flow uint32, seq uint64) bool {
	out := l.outFlow(flow)
	if out == nil || !out.large.sending || out.nextSeq-1 != seq { // it is the last one of its flow, if it is there
		return false
	}
	out.large.sending = false
	if last := len(out.large.sent) - 1; last >= 0 { // a peer may say that it has processed what has not left
		bytes := out.large.sent[last].bytes
		out.large.sent = out.large.sent[:last]
		out.large.unprocessed -= bytes
		l.leaving.unprocessed -= bytes
	}
	l.dropTransfer(flow)
	return true
}

// forgetLarge: the binding of a flow is over, whatever the peer has had of it.
func (l *Link) forgetLarge(flow uint32, out *outFlow) {
	l.largeProcessed(out, math.MaxUint64)
	if out.large.sending {
		l.dropTransfer(flow)
	}
}

// dropTransfer: what is on its way on a flow leaves no more. There is one at most.
func (l *Link) dropTransfer(flow uint32) {
	l.leaving.transfers = slices.DeleteFunc(l.leaving.transfers, func(t *transfer) bool { return t.flow == flow })
	l.queue.dropLarge(flow)
}

// largeProcessed: the peer has processed a flow's messages up to this one.
func (l *Link) largeProcessed(out *outFlow, processed uint64) {
	freed := trimSized(&out.large.sent, processed)
	out.large.unprocessed -= freed
	l.leaving.unprocessed -= freed
}

// largeRoom is what has become possible since the peer has processed something: senders that may go on.
func (l *Link) largeRoom(flow uint32, sent *outFlow, out []Action) []Action {
	if sent.large.wanted > 0 && sent.isReady(l.share()) {
		sent.large.wanted = 0
		if !sent.closing {
			out = append(out, Action{Kind: ActionCredit, Delivery: Delivery{Flow: flow}})
		}
	}
	if l.leaving.wanted > 0 && fits(l.leaving.unprocessed, l.leaving.wanted, l.peerLimits.AssemblyBytes) {
		l.leaving.wanted = 0
		out = append(out, Action{Kind: ActionRoom})
	}
	return out
}
