package machine

import (
	"errors"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// maxSkips is the most seqs that the Skips of one frame may withdraw: each is acted on by itself.
const maxSkips = 4_096

// payloadField is the number of Envelope.payload.
const payloadField = 2

// Receive acts on a frame. It keeps slices of the packet's bytes.
//
// What comes is checked and acted on in field order; a bad item costs that item, a bad frame the link.
func (l *Link) Receive(p *wire.Packet, out []Action) []Action {
	if l.phase == PhaseDown {
		return out
	}
	if number := p.Head.GetNumber(); number != l.lastNumber+1 {
		return l.BadFrame(fmt.Sprintf("frame %d came after frame %d", number, l.lastNumber), out)
	}
	// Also a frame that turns out bad may have been acted on in part: nobody may say NONE of what it carried.
	l.lastNumber = p.Head.GetNumber()
	l.silentPings = 0
	out, err := l.receiveHead(p.Head, out)
	for i := range p.Runs {
		if err != nil || l.phase != PhaseUp {
			break
		}
		out, err = l.receiveRun(&p.Runs[i], out)
	}
	if err != nil {
		out = l.BadFrame(err.Error(), out)
	}
	return out
}

// receiveHead acts on the head in field order. An error costs the link.
func (l *Link) receiveHead(head *pb.Frame, out []Action) ([]Action, error) {
	if head.Hello != nil {
		if l.phase != PhaseHandshake {
			return out, errors.New("a second Hello came on the same link")
		}
		out = l.onHello(head.Hello, out)
	}
	if head.Welcome != nil && l.phase != PhaseDown {
		out = l.onWelcome(head.Welcome, out)
	}
	if l.phase == PhaseHandshake && head.Goodbye == nil {
		return out, errors.New("the first frame holds neither Hello nor Welcome")
	}
	if l.phase == PhaseUp {
		return l.receiveUp(head, out)
	}
	if head.Goodbye != nil {
		out = l.onGoodbye(head.Goodbye, out)
	}
	return out, nil
}

func (l *Link) receiveUp(head *pb.Frame, out []Action) (_ []Action, err error) {
	for _, open := range head.Open {
		if out, err = l.onOpen(open, out); err != nil {
			return out, err
		}
	}
	for _, definition := range head.Type {
		if err = l.onType(definition); err != nil {
			return out, err
		}
	}
	for _, state := range head.State {
		if out, err = l.onState(state, out); err != nil {
			return out, err
		}
	}
	if out, err = l.onSkips(head.Skip, out); err != nil {
		return out, err
	}
	for _, reset := range head.Reset_ {
		out = l.onReset(reset, out)
	}
	for _, step := range head.Move {
		out = append(out, Action{Kind: ActionMoved, Move: step})
	}
	if head.Ping != nil {
		l.frame().Pong = &pb.Pong{Token: head.Ping.Token}
	}
	if head.Pong != nil {
		l.unansweredPings, l.hasPong, l.lastPong = 0, true, max(l.lastPong, head.Pong.Token)
	}
	if head.Goodbye != nil {
		out = l.onGoodbye(head.Goodbye, out)
	}
	if out, err = l.onFragments(head.Fragment, out); err != nil {
		return out, err
	}
	if err = l.readsAnswers(); err != nil {
		return out, err
	}
	if l.queue.allHeads() > MaxControls {
		l.refusedFor = pb.RefusalReason_REFUSAL_REASON_NEVER_READS
		return out, fmt.Errorf("more than %d answers wait; the peer binds streams and does not read", MaxControls)
	}
	return out, nil
}

func (l *Link) onSkips(skips []*pb.Skip, out []Action) ([]Action, error) {
	var all uint64
	for _, skip := range skips {
		all += uint64(skip.Count)
	}
	if all > maxSkips {
		return out, fmt.Errorf("the Skips of a frame name %d seqs; at most %d", all, maxSkips)
	}
	for _, skip := range skips {
		end := skip.First + min(uint64(skip.Count), math.MaxUint64-skip.First)
		for seq := skip.First; seq < end; seq++ {
			unseen := false
			if out, unseen = l.withdrawn(skip.Flow, seq, out); !unseen {
				out = append(out, Action{Kind: ActionSkipped, Delivery: Delivery{Flow: skip.Flow, Seq: seq}})
			}
		}
	}
	return out, nil
}

func (l *Link) onOpen(open *pb.StreamOpen, out []Action) ([]Action, error) {
	flow := open.Flow
	if open.Close {
		return l.onClose(flow, open.FirstSeq-min(open.FirstSeq, 1), out)
	}
	if flow == 0 || flow > l.limits.MaxFlows || l.inFlows[flow] != nil {
		return out, fmt.Errorf("flow %d is open already, or over the limit", flow)
	}
	if open.Mode != pb.Mode_MODE_FLOW || open.FirstSeq == 0 || open.FirstSeq > MaxSeq {
		return out, fmt.Errorf("flow %d: only streams in mode FLOW with a first_seq are known", flow)
	}
	who, refusal := wire.ParseWho(open.Prefix)
	if refusal != nil {
		return out, fmt.Errorf("flow %d: %w", flow, refusal)
	}
	if who.Target == "" {
		return out, fmt.Errorf("flow %d names no target", flow)
	}
	if max(len(open.Destination), len(open.Origin)) > MaxNodeName {
		return out, fmt.Errorf("flow %d names a node by more than %d bytes", flow, MaxNodeName)
	}
	lastSeq := open.FirstSeq - 1
	l.opened++
	l.inFlows[flow] = &inFlow{
		stream: open.Stream, opened: l.opened, whoPresent: who.Present, whoLen: len(who.Bytes), lastSeq: lastSeq,
		credit: lastSeq + uint64(l.limits.InitialCredit), relayed: open.Origin != "",
	}
	return append(out, Action{
		Kind: ActionOpened, Delivery: Delivery{Flow: flow, Seq: open.FirstSeq}, Stream: open.Stream, Opened: l.opened, Who: who,
		Binding: Binding{open.Binding, open.After}, Relayed: Relayed{open.Destination, open.Origin, open.Hops},
	}), nil
}

// onClose is the end of a binding: the peer is told what became of it, and that the flow's number is free again.
func (l *Link) onClose(flow uint32, lastSeq uint64, out []Action) ([]Action, error) {
	closed := l.inFlows[flow]
	if closed == nil {
		return out, fmt.Errorf("flow %d was closed and is not open", flow)
	}
	delete(l.inFlows, flow)
	l.dropAssembly(closed)
	l.largeDone(closed, math.MaxUint64)
	if lastSeq < closed.lastSeq {
		return out, fmt.Errorf("flow %d was closed at seq %d, and seq %d has come", flow, lastSeq, closed.lastSeq)
	}
	state := l.states[flow]
	delete(l.states, flow)
	if state == nil {
		state = new(pb.StreamState)
	}
	outcomes := state.Outcomes
	l.outcomes -= len(outcomes)
	state.Flow, state.Received, state.Outcomes = flow, closed.lastSeq, nil
	l.queue.pushState(state)
	for len(outcomes) > 0 {
		n := min(len(outcomes), outcomesInState)
		l.queue.pushState(&pb.StreamState{Flow: flow, Outcomes: outcomes[:n:n]})
		outcomes = outcomes[n:]
	}
	l.queue.pushReset(&pb.StreamReset{Flow: flow})
	return append(out, Action{
		Kind: ActionClosed, Delivery: Delivery{Flow: flow, Seq: lastSeq}, Stream: closed.stream,
	}), nil
}

func (l *Link) onType(definition *pb.TypeDef) error {
	next := uint32(len(l.inTypes)) + 1
	if definition.Id != next || next > MaxTypes {
		return fmt.Errorf("TypeDef %d came where %d was next", definition.Id, next)
	}
	what, refusal := wire.ParseWhat(definition.Prefix)
	if refusal != nil {
		return fmt.Errorf("TypeDef %d: %w", next, refusal)
	}
	l.inTypes = append(l.inTypes, what)
	return nil
}

// What is the what of a delivery's type id, nil if that is 0.
func (l *Link) What(typeID uint32) *wire.What {
	if typeID == 0 || uint64(typeID) > uint64(len(l.inTypes)) {
		return nil
	}
	return l.inTypes[typeID-1]
}

func (l *Link) onState(state *pb.StreamState, out []Action) ([]Action, error) {
	flow := state.Flow
	// A flow that we have never opened, or that the peer has confirmed closed, is nil.
	sent := l.outFlow(flow)
	if sent == nil {
		return out, fmt.Errorf("a state came of flow %d, which is not open", flow)
	}
	highest := max(state.Processed, state.Received)
	for _, outcome := range state.Outcomes {
		highest = max(highest, outcome.Seq)
	}
	if highest >= sent.nextSeq {
		return out, fmt.Errorf("the state of flow %d names a seq that was never sent", flow)
	}
	if sent.firstUntold += uint64(len(state.Outcomes)); sent.firstUntold > sent.nextSeq {
		return out, fmt.Errorf("the states of flow %d tell of more messages than were sent", flow)
	}
	sent.processed = max(sent.processed, state.Processed)
	sent.received = max(sent.received, state.Received, sent.processed)
	sent.trim()
	if credit := min(state.Credit, sent.processed+MaxWindow); credit > sent.credit {
		sent.credit = credit
		if !sent.closing {
			out = append(out, Action{Kind: ActionCredit, Delivery: Delivery{Flow: flow}})
		}
	}
	l.largeProcessed(sent, state.Processed)
	out = l.largeRoom(flow, sent, out)
	for _, outcome := range state.Outcomes {
		outcome.Detail = short(outcome.Detail)
		out = append(out, Action{Kind: ActionRefused, Delivery: Delivery{Flow: flow}, Outcome: outcome})
	}
	return out, nil
}

func (l *Link) onReset(reset *pb.StreamReset, out []Action) []Action {
	flow := reset.Flow
	sent := l.outFlow(flow)
	if sent == nil {
		return out
	}
	code := reset.Code
	if _, known := pb.Code_name[int32(code)]; !known {
		code = pb.Code_CODE_UNAVAILABLE // a later version's: the binding is gone, whatever the reason
	}
	// What was on its way is unknown also where the binding has been closed meanwhile.
	if code == pb.Code_CODE_OUTCOME_UNKNOWN {
		out = append(out, Action{
			Kind: ActionWayLost, Delivery: Delivery{Flow: flow, Seq: sent.nextSeq - 1}, Stream: sent.stream, First: sent.received + 1,
		})
	}
	if !sent.closing {
		l.Close(flow)
		return append(out, Action{
			Kind: ActionRebind, Delivery: Delivery{Flow: flow, Seq: sent.nextSeq - 1}, Code: code, Moved: reset.Moved,
		})
	}
	if code == pb.Code_CODE_OK {
		l.forgetLarge(flow, sent)
		l.closeNow(flow, sent)
		out = l.largeRoom(flow, sent, out)
		l.flows[flow-1] = nil
		l.free = append(l.free, flow)
	}
	return out
}

// ReceiveItems acts on messages that came past the packets.
func (l *Link) ReceiveItems(run *wire.Run, out []Action) []Action {
	if l.phase == PhaseDown {
		return out
	}
	err := errors.New("messages came before the handshake was over")
	if l.phase == PhaseUp {
		out, err = l.receiveRun(run, out)
	}
	if err != nil {
		out = l.BadFrame(err.Error(), out)
	}
	return out
}

// AcceptRun takes count tells of a stream with nothing but payloads, the longest of so many bytes, if there is nothing to say of
// any of them: then they are delivered. False: nothing has happened, and ReceiveItems says what is wrong with which.
func (l *Link) AcceptRun(flow uint32, firstSeq, count uint64, typeID, hops uint32, longest int) bool {
	in, what := l.inFlows[flow], l.What(typeID)
	if in == nil || what == nil || l.phase != PhaseUp || in.large.assembly != nil {
		return false
	}
	// The payload is written with a tag and its length.
	size := in.whoLen + len(what.Bytes) + longest + 8
	last := firstSeq + count - 1
	good := what.Kind == uint32(pb.Kind_KIND_TELL) &&
		(what.Present|1<<payloadField)&in.whoPresent == 0 && what.Present&(1<<payloadField) == 0 &&
		hops <= MaxHops && uint64(size) <= uint64(l.limits.InlineBytes) &&
		count > 0 && firstSeq > in.lastSeq && firstSeq <= MaxSeq && last <= in.credit
	if good {
		in.lastSeq = last
	}
	return good
}

func (l *Link) receiveRun(run *wire.Run, out []Action) ([]Action, error) {
	in := l.inFlows[run.Flow]
	if in == nil && run.Flow != 0 {
		return out, fmt.Errorf("a run came on flow %d, which is not open", run.Flow)
	}
	if in != nil && (run.FirstSeq == 0 || run.FirstSeq > MaxSeq) {
		return out, fmt.Errorf("a run of flow %d begins at seq %d", run.Flow, run.FirstSeq)
	}
	items := run.All()
	for i := range items {
		item := &items[i]
		d := Delivery{
			Flow: run.Flow, TypeID: item.TypeID, TTLMs: item.TTLMs, Attempt: run.Attempt, Hops: run.Hops, Body: item.Body,
		}
		if d.Seq = run.Seq(i); in != nil && d.Seq <= in.lastSeq {
			continue // a duplicate
		}
		if refusal := l.check(in, &d, uint64(l.limits.InlineBytes)); refusal != nil {
			out = l.refuseItem(&d, refusal, out)
		} else {
			out = append(out, Action{Kind: ActionDeliver, Delivery: d})
		}
	}
	return out, l.readsAnswers()
}

// readsAnswers fails if the peer does not read what is said of its messages, nor the answers to them.
func (l *Link) readsAnswers() error {
	switch {
	case l.outcomes > MaxOutcomes:
		l.refusedFor = pb.RefusalReason_REFUSAL_REASON_NEVER_READS
		return fmt.Errorf("more than %d refusals wait; the peer sends and does not read", MaxOutcomes)
	case l.answerLost:
		l.refusedFor = pb.RefusalReason_REFUSAL_REASON_NEVER_READS
		return fmt.Errorf("answers of more than %d MiB wait; the peer asks and does not read", (MaxQueuedAnswers+failuresBeyond)>>20)
	}
	return nil
}

// check checks one item, of at most so many bytes with its prefixes, and fills in what its bytes say. In is nil for an item outside any
// stream.
func (l *Link) check(in *inFlow, d *Delivery, limit uint64) *wire.Refusal {
	var prefixes wire.Presence
	size := len(d.Body)
	if in != nil {
		if d.Seq > in.credit {
			return in.beyondCredit(d.Flow, d.Seq)
		}
		in.lastSeq = d.Seq
		l.dropAssembly(in) // the rest of an earlier one does not come
		prefixes = in.whoPresent
		size += in.whoLen
	}
	if d.Hops > MaxHops {
		return refusal(pb.Code_CODE_NO_SUCH_ACTOR,
			"forwarded %d times: a routing loop; check who owns the actor", d.Hops)
	}
	if d.TypeID != 0 {
		what := l.What(d.TypeID)
		if what == nil {
			return refusal(pb.Code_CODE_UNDECODABLE, "type %d is not defined on this link; define it first", d.TypeID)
		}
		size += len(what.Bytes)
		if prefixes&what.Present != 0 {
			return refusal(pb.Code_CODE_BAD_OVERRIDE,
				"the stream's prefix and the type's prefix set the same field; set it in one of them")
		}
		prefixes |= what.Present
		d.Kind = what.Kind
	}
	if uint64(size) > limit {
		return refusal(pb.Code_CODE_TOO_LARGE, "a message of %d bytes is over the limit of %d", size, limit)
	}
	var view wire.Envelope
	if refused := view.ReadBody(d.Body, prefixes); refused != nil {
		return refused
	}
	d.Kind = max(d.Kind, view.Kind)
	d.Correlation = view.Correlation
	switch {
	case d.Kind == 0:
		return refusal(pb.Code_CODE_UNDECODABLE, "the envelope has no kind; set one")
	case !known(d.Kind):
		return refusal(pb.Code_CODE_UNSUPPORTED_KIND, "kind %d is not known here; upgrade this node", d.Kind)
	case d.Kind == uint32(pb.Kind_KIND_ASK) && d.Correlation == 0:
		return refusal(pb.Code_CODE_UNDECODABLE, "an ask has no correlation; set one")
	}
	return nil
}

func (in *inFlow) beyondCredit(flow uint32, seq uint64) *wire.Refusal {
	return refusal(pb.Code_CODE_MAILBOX_FULL, "seq %d of flow %d is beyond its credit of %d; wait for more", seq, flow, in.credit)
}

// commonKinds are the kinds below 128, so that no message costs a look into a map.
var commonKinds = func() (known [128]bool) {
	for number := range pb.Kind_name {
		if number < 128 {
			known[number] = true
		}
	}
	return known
}()

func known(kind uint32) bool {
	if kind < uint32(len(commonKinds)) {
		return commonKinds[kind]
	}
	_, known := pb.Kind_name[int32(kind)]
	return known
}

func refusal(code pb.Code, format string, args ...any) *wire.Refusal {
	return &wire.Refusal{Code: code, Detail: fmt.Sprintf(format, args...)}
}

func (l *Link) refuseItem(d *Delivery, refused *wire.Refusal, out []Action) []Action {
	// The body may be what is wrong with it: read it as far as it goes.
	kind, correlation := wire.Peek(d.Body)
	if what := l.What(d.TypeID); what != nil {
		kind = uint64(what.Kind)
	}
	var asked uint64
	if kind == uint64(pb.Kind_KIND_ASK) && correlation != 0 {
		if in := l.inFlows[d.Flow]; in != nil && in.relayed {
			asked = correlation
		} else {
			l.Fail(correlation, refused.Code, pb.Effect_EFFECT_NONE, refused.Detail)
		}
	}
	if d.Flow != 0 {
		l.Outcome(d.Flow, &pb.Outcome{
			Seq: d.Seq, Code: refused.Code, Effect: pb.Effect_EFFECT_NONE, Detail: refused.Detail,
		})
	}
	return append(out, Action{
		Kind: ActionBadItem, Delivery: Delivery{Flow: d.Flow, Seq: d.Seq, Body: d.Body, Correlation: asked}, Refusal: refused,
	})
}

// failureWhat is the what of every failure.
var failureWhat = wire.NewWhat(pb.Kind_KIND_FAILURE, "", 1, 1, pb.ContentType_CONTENT_TYPE_PROTOBUF)

// Fail answers an ask with a failure.
func (l *Link) Fail(correlation uint64, code pb.Code, effect pb.Effect, detail string) Sent {
	failure, err := proto.Marshal(&pb.Failure{Code: code, Effect: effect, Detail: short(detail)})
	if err != nil {
		panic("machine: a Failure did not encode: " + err.Error()) // its detail is UTF-8, so only a bug can
	}
	body := wire.AppendBody(nil, wire.BodyFields{Correlation: correlation, Failure: failure}, nil)
	sent := l.SendOffStream(failureWhat, body)
	l.answerLost = l.answerLost || sent.Result == SendNoRoom
	return sent
}
