package machine

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// stepOverhead is what a frame with one step of a move may hold beside it.
	stepOverhead = 1 << 10
)

// SendResult is what became of a Send.
type SendResult uint8

const (
	// SendQueued: queued under Sent.Seq.
	SendQueued SendResult = iota
	// SendNoCredit: the flow has no credit. Wait for ActionCredit.
	SendNoCredit
	// SendNoRoom: too much waits for the writer. Wait for ActionRoom.
	SendNoRoom
	// SendRefused: it can never be sent here; Sent.Refusal says why.
	SendRefused
)

// Sent is the answer to Send, SendOffStream and Fail.
type Sent struct {
	// Result says which.
	Result SendResult
	// Seq is the number of a queued message, 0 off-stream.
	Seq uint64
	// Refusal is of SendRefused.
	Refusal *wire.Refusal
}

// Open binds a stream to a flow number. It keeps who, the prefix. It refuses with UNAVAILABLE on a link that is not up, or
// without a free flow; TOO_LARGE for a who above 4 KiB; INVALID_ARGUMENT for a firstSeq of 0.
func (l *Link) Open(stream uint64, who []byte, firstSeq uint64, binding Binding) (flow uint32, refused *wire.Refusal) {
	return l.open(stream, who, firstSeq, binding, "")
}

// open is Open for a node that may not be the peer.
func (l *Link) open(
	stream uint64, who []byte, firstSeq uint64, binding Binding, destination string,
) (flow uint32, refused *wire.Refusal) {
	switch {
	case !l.IsUp():
		return 0, refusal(pb.Code_CODE_UNAVAILABLE, "the link is not up")
	case firstSeq < 1 || firstSeq > MaxSeq:
		return 0, refusal(pb.Code_CODE_INVALID_ARGUMENT, "a stream's first seq is from 1 to 2^62")
	case len(who) > wire.MaxWhoBytes:
		return 0, refusal(pb.Code_CODE_TOO_LARGE, "the addresses of sender and receiver are over 4 KiB together")
	case len(l.free) > 0:
		flow = l.free[len(l.free)-1]
		l.free = l.free[:len(l.free)-1]
	case uint64(len(l.flows)) < uint64(l.peerLimits.MaxFlows):
		l.flows = append(l.flows, nil)
		flow = uint32(len(l.flows))
	default:
		return 0, refusal(pb.Code_CODE_UNAVAILABLE, "the link has no free flow; the peer's limit is reached")
	}
	sent := firstSeq - 1
	l.flows[flow-1] = &outFlow{
		stream: stream, whoLen: len(who), nextSeq: firstSeq, credit: sent + min(uint64(l.peerLimits.InitialCredit), MaxWindow),
		processed: sent, received: sent, firstUntold: firstSeq, beyond: destination != "",
	}
	l.queue.pushControl(&pb.StreamOpen{
		Flow: flow, Stream: stream, Epoch: 1, Mode: pb.Mode_MODE_FLOW, Prefix: who, FirstSeq: firstSeq,
		Binding: binding.Number, After: binding.After, Destination: destination,
	}, openHead+len(who)+len(destination))
	return flow, nil
}

// Send queues one message of a flow; it keeps body. A deadline of 0 is none.
func (l *Link) Send(flow uint32, what *wire.What, deadline Millis, hops uint32, body []byte) Sent {
	out := l.openFlow(flow)
	if out == nil {
		return Sent{Result: SendRefused, Refusal: refusal(pb.Code_CODE_UNAVAILABLE, "the stream is not bound on this link")}
	}
	out.large.wanted = 0
	size := out.whoLen + len(what.Bytes) + len(body)
	if refused := l.refusal(what, size); refused != nil {
		return Sent{Result: SendRefused, Refusal: refused}
	}
	hasCredit := out.nextSeq <= out.credit && !out.large.sending
	if l.isLarge(size) {
		if out.beyond {
			return l.tooLargeForRelay(size)
		}
		if !hasCredit {
			return Sent{Result: SendNoCredit}
		}
		return l.sendLarge(out, l.transfer(flow, what, deadline, hops, body))
	}
	if len(body)+itemOverhead > l.queue.room(flow) {
		l.noRoomSaid = true
		return Sent{Result: SendNoRoom}
	}
	if !hasCredit {
		return Sent{Result: SendNoCredit}
	}
	seq := out.nextSeq
	l.pushItem(flow, seq, what, deadline, hops, body)
	out.nextSeq++
	return Sent{Result: SendQueued, Seq: seq}
}

// SendAll queues messages of a flow that have nothing but a payload each, and copies those: the last one's seq, and how many were
// queued. Of the next one, Send says why.
func (l *Link) SendAll(flow uint32, what *wire.What, payloads [][]byte) (last uint64, queued int) {
	out := l.openFlow(flow)
	if out == nil || out.large.sending {
		return 0, 0
	}
	out.large.wanted = 0
	room, size := l.queue.room(flow), 0
	credit := out.credit + 1 - min(out.nextSeq, out.credit+1)
	for queued < min(len(payloads), int(credit)) {
		body, _ := wire.PlainSize(len(payloads[queued]))
		if size += body + itemOverhead; size > room || !l.goesAtOnce(out, what, body) {
			break
		}
		queued++
	}
	if queued == 0 {
		return 0, 0
	}
	typeID := l.typeID(what)
	if typeID == 0 { // no number is left: it is written into each body
		return 0, 0
	}
	l.queue.pushAll(flow, out.nextSeq, typeID, payloads[:queued])
	out.nextSeq += uint64(queued)
	return out.nextSeq - 1, queued
}

// SendAtOnce is the seq and the type of a message that its door carries at once, past the queue: nothing waits there, the peer
// knows the type, and there is credit. False: send it.
func (l *Link) SendAtOnce(flow uint32, what *wire.What, size int) (seq uint64, typeID uint32, ok bool) {
	seq, typeID, room := l.AtOnce(flow, what, size)
	if room == 0 {
		return 0, 0, false
	}
	l.SentAtOnce(flow, 1)
	return seq, typeID, true
}

// AtOnce is the seq and the type that the next message of a flow would have if its door carried it at once, and how many like it, of
// at most so many bytes each, there is credit for; 0: send it.
func (l *Link) AtOnce(flow uint32, what *wire.What, size int) (seq uint64, typeID uint32, room uint64) {
	typeID, ok := l.typeAtOnce(what)
	out := l.openFlow(flow)
	if !ok || out == nil || out.nextSeq > out.credit || !l.goesAtOnce(out, what, size) {
		return 0, 0, 0
	}
	return out.nextSeq, typeID, out.credit + 1 - out.nextSeq
}

// SentAtOnce: so many messages, for which [Link.AtOnce] has just said that there is room, were carried.
func (l *Link) SentAtOnce(flow uint32, count int) {
	out := l.openFlow(flow)
	out.nextSeq += uint64(count)
	out.atOnce = out.nextSeq - 1
}

// goesAtOnce: one of this size is not refused, does not go in parts, and follows none that does.
func (l *Link) goesAtOnce(out *outFlow, what *wire.What, size int) bool {
	size += out.whoLen + len(what.Bytes)
	return !out.large.sending && !l.isLarge(size) && l.refusal(what, size) == nil
}

// IsSpent says whether a flow has used up its credit, or has to wait for the end of a large message.
func (l *Link) IsSpent(flow uint32) bool {
	out := l.outFlow(flow)
	return out != nil && !out.isReady(l.share())
}

// Credited is what the peer says of an outgoing flow past the packets; true: it has credit. What was said before counts if it was more,
// and what cannot be of this binding is ignored.
func (l *Link) Credited(flow uint32, processed, credit uint64) bool {
	out := l.outFlow(flow)
	if out == nil || processed >= out.nextSeq {
		return false
	}
	out.processed = max(out.processed, processed)
	out.received = max(out.received, out.processed)
	out.trim()
	out.credit = max(out.credit, min(credit, out.processed+MaxWindow))
	l.largeProcessed(out, processed)
	return out.isReady(l.share())
}

// OpenFlows are the outgoing flows whose numbers are taken.
func (l *Link) OpenFlows() (flows []uint32) {
	for i, out := range l.flows {
		if out != nil {
			flows = append(flows, uint32(i)+1)
		}
	}
	return flows
}

// StateAtOnce raises the credit of an incoming flow, which its sender is told past the packets; false: say it by State.
func (l *Link) StateAtOnce(flow uint32, credit uint64) bool {
	in := l.inFlows[flow]
	if in == nil || l.states[flow] != nil || len(in.large.whole) > 0 { // who waits until a large message is processed waits for a packet
		return false
	}
	in.credit = max(in.credit, credit)
	return true
}

// AnswerAtOnce is SendAtOnce outside any stream.
func (l *Link) AnswerAtOnce(what *wire.What, size int) (typeID uint32, ok bool) {
	typeID, ok = l.typeAtOnce(what)
	size += len(what.Bytes)
	return typeID, ok && len(l.leaving.behind) == 0 && !l.isLarge(size) && l.refusal(what, size) == nil
}

// typeAtOnce is the number of a what that the peer knows.
func (l *Link) typeAtOnce(what *wire.What) (typeID uint32, ok bool) {
	if !l.queue.isEmpty() || l.frontWaits {
		return 0, false
	}
	if len(what.Bytes) == 0 {
		return 0, true
	}
	if what == l.lastWhat { // as nearly always
		return l.lastType, true
	}
	if typeID, ok = l.types[string(what.Bytes)]; ok {
		l.lastWhat, l.lastType = what, typeID
	}
	return typeID, ok
}

// FlowsOut counts the open flows to the peer, and the messages that they may still send.
func (l *Link) FlowsOut() (open int, credit uint64) {
	for _, out := range l.flows {
		if out != nil && !out.closing {
			open++
			credit += out.credit + 1 - min(out.credit+1, out.nextSeq)
		}
	}
	return open, credit
}

// FlowsIn counts the flows that the peer has open.
func (l *Link) FlowsIn() int { return len(l.inFlows) }

// QueuedBytes are those of messages that wait for the writer.
func (l *Link) QueuedBytes() int { return l.queue.bytes }

// Beside says whether a message of a flow may go to the peer beside the packets: nothing waits to be sent, and the peer knows the
// flow and the type, whose number is returned; 0 = it may not.
func (l *Link) Beside(flow uint32, what *wire.What, size int) (typeID uint32) {
	out := l.openFlow(flow)
	if out == nil || !l.queue.isEmpty() || !l.goesAtOnce(out, what, size) {
		return 0
	}
	typeID, _ = l.typeAtOnce(what)
	return typeID
}

// SendOffStream queues one message outside any stream: an answer, or a complete envelope with an empty what. It keeps body.
//
// It needs no credit, and goes also when there is little room, since its asker waits. SendNoRoom comes only above
// MaxQueuedAnswers: its asker may then be told so by Fail.
func (l *Link) SendOffStream(what *wire.What, body []byte) Sent {
	return l.Forward(what, 0, 0, 0, body)
}

// Forward is SendOffStream for a message that came here and is passed on: with the time left, how often it was passed on (1 at
// least), and the epoch of its actor's stay that it is for.
func (l *Link) Forward(what *wire.What, deadline Millis, hops uint32, epoch uint64, body []byte) Sent {
	if refused := l.refusal(what, len(what.Bytes)+len(body)); refused != nil {
		return Sent{Result: SendRefused, Refusal: refused}
	}
	if l.isLarge(len(what.Bytes)+len(body)) || hops == 0 && l.leaving.isBehind(body) { // answers of one ask keep their order
		t := l.transfer(0, what, deadline, hops, body)
		t.epoch = epoch
		return l.forwardLarge(t)
	}
	most := MaxQueuedAnswers
	if what == failureWhat {
		most += failuresBeyond
	}
	if l.queue.bytes+len(body)+itemOverhead > most {
		return Sent{Result: SendNoRoom}
	}
	l.pushItem(0, epoch, what, deadline, hops, body)
	return Sent{Result: SendQueued}
}

// refusal says why an envelope of this type and size can never be sent here.
func (l *Link) refusal(what *wire.What, size int) *wire.Refusal {
	switch limit := largest(l.peerLimits, l.fragments); {
	case !l.IsUp():
		return refusal(pb.Code_CODE_UNAVAILABLE, "the link is not up")
	case uint64(size) > limit:
		return refusal(pb.Code_CODE_TOO_LARGE, "a message of %d bytes is over the link's limit of %d", size, limit)
	case len(what.Bytes) > wire.MaxWhoBytes:
		return refusal(pb.Code_CODE_TOO_LARGE, "the message's type is over 4 KiB")
	default:
		return nil
	}
}

// typed is the number of the type on this lane, and the item.
func (l *Link) typed(what *wire.What, body []byte) (typeID uint32, item []byte) {
	typeID = l.typeID(what)
	if typeID == 0 && len(what.Bytes) > 0 {
		body = wire.Join(nil, what.Bytes, body)
	}
	return typeID, body
}

func (l *Link) pushItem(flow uint32, seq uint64, what *wire.What, deadline Millis, hops uint32, body []byte) {
	typeID, body := l.typed(what, body)
	l.queue.push(flow, &entry{
		size: headItem + len(body), count: 1, seq: seq, hops: hops, typeID: typeID, deadline: deadline, body: body,
	})
}

// typeID is the number of this what on this lane; 0 = it goes with the item, because the table is full.
func (l *Link) typeID(what *wire.What) uint32 {
	if len(what.Bytes) == 0 {
		return 0
	}
	if id, ok := l.types[string(what.Bytes)]; ok {
		return id
	}
	if len(l.types) == MaxTypes {
		return 0
	}
	id := uint32(len(l.types)) + 1
	l.types[string(what.Bytes)] = id
	l.queue.pushControl(&pb.TypeDef{Id: id, Prefix: what.Bytes}, len(what.Bytes))
	return id
}

// Close ends an outgoing binding: nothing more follows on it. Its number is free once the peer has confirmed it.
func (l *Link) Close(flow uint32) {
	if out := l.openFlow(flow); out != nil {
		out.closing = true
		if !out.large.sending {
			l.queue.pushClose(flow)
		}
	}
}

// closeNow: the peer has confirmed the end of a binding. If it was not told of it, what waits leaves no more, and the end does before
// the number is used again.
func (l *Link) closeNow(flow uint32, out *outFlow) {
	if !l.queue.isIdle(flow) {
		l.queue.dropFlow(flow)
		l.queue.pushControl(closeOf(flow, out), openHead)
	}
}

// closeOf is the end of a binding, behind everything that was sent on it.
func closeOf(flow uint32, out *outFlow) *pb.StreamOpen {
	return &pb.StreamOpen{Flow: flow, Stream: out.stream, FirstSeq: out.nextSeq, Mode: pb.Mode_MODE_FLOW, Close: true}
}

// Cancel tells the receiver that an asker has stopped waiting. An ask that has not left whole leaves no more.
func (l *Link) Cancel(flow uint32, seq uint64, actions []Action) []Action {
	gaveUp := l.giveUp(flow, seq)
	out := l.outFlow(flow)
	switch {
	case out == nil:
		return actions
	case out.closing:
		if gaveUp {
			l.queue.pushClose(flow)
		}
		return actions
	case gaveUp:
		actions = append(actions, Action{Kind: ActionCredit, Delivery: Delivery{Flow: flow}})
	}
	if out.processed < seq && seq < out.nextSeq {
		l.queue.push(flow, &entry{kind: entrySkip, seq: seq, size: headItem + smallHead})
	}
	return actions
}

// SendMove queues a step of a move. By Committed the actor runs at the peer: it leaves behind all that was sent before it. A step's bytes
// count for no bound here: the mover has the whole state in memory already. It refuses with UNAVAILABLE on a link that is not up, TOO_LARGE for a step
// that fits in no frame of the peer.
func (l *Link) SendMove(step *pb.Move) *wire.Refusal {
	size := proto.Size(step)
	limit := int(l.peerLimits.MaxFrameBytes) - stepOverhead
	switch {
	case !l.IsUp():
		return refusal(pb.Code_CODE_UNAVAILABLE, "the link is not up")
	case size > limit:
		return refusal(pb.Code_CODE_TOO_LARGE, "a step of a move has %d bytes, over the link's limit of %d", size, limit)
	default:
		l.queue.pushMove(step, size)
		return nil
	}
}

// State is what the actor's pool says of an incoming stream. It may wait: for the next packet, or until PressStates.
func (l *Link) State(flow uint32, processed, credit uint64, mayWait bool) {
	if in := l.inFlows[flow]; in != nil {
		in.credit = max(in.credit, credit)
		l.largeDone(in, processed)
		state := l.nextState(flow)
		state.Processed = max(state.Processed, processed)
		state.Received = in.lastSeq
		state.Credit = max(state.Credit, credit)
		l.statesPress = l.statesPress || !mayWait
	}
}

// PressStates: states that wait leave now.
func (l *Link) PressStates() { l.statesPress = len(l.states) > 0 }

// Outcome says that an incoming seq ended other than handled. It keeps the outcome.
func (l *Link) Outcome(flow uint32, outcome *pb.Outcome) {
	if l.inFlows[flow] != nil {
		outcome.Detail = short(outcome.Detail)
		state := l.nextState(flow)
		state.Outcomes = append(state.Outcomes, outcome)
		l.outcomes++
		l.statesPress = true
	}
}

// nextState is the state of an incoming flow that is told next.
func (l *Link) nextState(flow uint32) *pb.StreamState {
	state := l.states[flow]
	if state == nil {
		state = wire.NewState(flow)
		l.states[flow] = state
		l.stateOrder.push(flow)
	}
	return state
}

// Reset ends an incoming binding. What still comes on it is delivered until the peer has closed it. Moved may be nil.
func (l *Link) Reset(flow uint32, code pb.Code, moved *pb.Moved) {
	if l.inFlows[flow] != nil {
		l.queue.pushReset(&pb.StreamReset{Flow: flow, Code: code, Moved: moved})
	}
}

// Opened is which opening an incoming flow's number stands for now; 0 = none.
func (l *Link) Opened(flow uint32) uint32 {
	if in := l.inFlows[flow]; in != nil {
		return in.opened
	}
	return 0
}

// StreamOf is the stream that an outgoing flow's number stands for now; 0 = none.
func (l *Link) StreamOf(flow uint32) uint64 {
	if out := l.outFlow(flow); out != nil {
		return out.stream
	}
	return 0
}

// NeverLeft says, once the link is down, whether an item has to be answered UNAVAILABLE: it certainly was not acted on.
func (l *Link) NeverLeft(flow uint32, seq uint64, last LastFrame) bool {
	out := l.outFlow(flow)
	// In no frame: nobody knows how far it came. Or the peer has said that it came, and its frame may be forgotten.
	if out == nil || seq <= out.atOnce || seq <= max(out.received, out.processed) {
		return false
	}
	for i := range out.frames.len() {
		if frame := out.frames.at(i); frame.lastSeq >= seq {
			return last.Known && frame.number > last.Number
		}
	}
	return true
}

// Range is consecutive seqs of a stream.
type Range struct {
	// Stream is the stream's number.
	Stream uint64
	// First and Last are the ends, both in it.
	First, Last uint64
}

// Unknown lists the messages that nobody can say anything of once the link is down.
func (l *Link) Unknown() []Range {
	var unknown []Range
	for _, out := range l.flows {
		if out != nil && out.received+1 < out.nextSeq {
			unknown = append(unknown, Range{out.stream, out.received + 1, out.nextSeq - 1})
		}
	}
	return unknown
}

// openFlow is an outgoing flow that we have not closed, or nil.
func (l *Link) openFlow(flow uint32) *outFlow {
	if out := l.outFlow(flow); out != nil && !out.closing {
		return out
	}
	return nil
}

// outFlow is an outgoing flow whose number is taken, or nil.
func (l *Link) outFlow(flow uint32) *outFlow {
	if flow == 0 || uint64(flow) > uint64(len(l.flows)) {
		return nil
	}
	return l.flows[flow-1]
}
