package actorbridge

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"strings"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// act does what the machine says. The caller holds inboundMu.
func (l *linkEnd) act(a *machine.Action) {
	n := l.node
	switch a.Kind {
	case machine.ActionUp:
		n.linkUp(l, a.Up.Peer, a.Up.Incarnation)
		l.log().Info("the link is up")
		close(l.settled)
	case machine.ActionOpened:
		l.inbound[a.Flow] = l.host(a)
	case machine.ActionDeliver:
		l.deliver(&a.Delivery)
	case machine.ActionClosed:
		if stream := l.inbound[a.Flow]; stream != nil {
			delete(l.inbound, a.Flow)
			if stream.cell != nil {
				// Behind a relay the sender may be gone, and binds the stream anew by another way.
				stream.cell.streamClosed(stream, stream.relayed)
			}
		}
	case machine.ActionSkipped:
		l.skipped(a.Flow, a.Seq)
	case machine.ActionCredit, machine.ActionRoom:
		l.mu.Lock()
		var room [1]*bell
		owners := l.maySend(a, room[:0])
		l.mu.Unlock()
		ringAll(owners)
	case machine.ActionRefused:
		l.refused(a)
	case machine.ActionWayLost:
		l.wayLost(a)
	case machine.ActionRebind:
		l.rebind(a)
	case machine.ActionBadItem:
		l.badItem(a)
	case machine.ActionMoved:
		n.moveStep(l, a.Move)
	case machine.ActionDown:
		l.onDown(a.Down)
	}
}

// rebind: the binding of one of our streams is ended.
func (l *linkEnd) rebind(a *machine.Action) {
	n := l.node
	l.mu.Lock()
	o := l.outlets[a.Flow]
	delete(l.stalled, a.Flow)
	l.feed(a.Flow)
	delete(l.outlets, a.Flow)
	if o != nil {
		l.lastTargets[a.Flow] = o.target.text
	}
	l.mu.Unlock()
	if o == nil {
		return
	}
	if a.Code == pb.Code_CODE_FORBIDDEN {
		l.accuse(pb.RefusalReason_REFUSAL_REASON_REFUSED_BY_PEER, "it refuses messages of "+inWords(o.who)+": this node's certificate does not allow them, or no relay may pass them on")
	}
	n.forget(o.target.Path())
	if moved := a.Moved; moved != nil && moved.Owner != n.name {
		n.remember(o.target.Path(), moved.Owner)
	}
	o.unbind(l, a.Flow)
}

// allMaySend is who may send again, by what the machine says. The caller holds the lock.
func (l *linkEnd) allMaySend(actions []machine.Action) (owners []*bell) {
	for i := range actions {
		owners = l.maySend(&actions[i], owners)
	}
	return owners
}

// maySend adds who may send again, by an action. The caller holds the lock.
func (l *linkEnd) maySend(a *machine.Action, owners []*bell) []*bell {
	switch a.Kind {
	case machine.ActionRoom:
		for _, o := range l.outlets {
			owners = append(owners, o.owner)
		}
	case machine.ActionCredit:
		delete(l.stalled, a.Flow)
		l.feed(a.Flow)
		if o := l.outlets[a.Flow]; o != nil {
			owners = append(owners, o.owner)
		}
	}
	return owners
}

func (l *linkEnd) outlet(flow uint32) *outlet {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.outlets[flow]
}

// host finds who gets the messages of a stream that the peer bound.
func (l *linkEnd) host(a *machine.Action) *inbound {
	stream := &inbound{
		key: machine.StreamKey{Link: l.id, Flow: a.Flow, Opened: a.Opened}, id: a.Stream, binding: a.Binding.Number, who: a.Who, code: CodeNoSuchActor, relayed: a.Relayed.Origin != "",
	}
	if reason, why := l.forbidsStream(a.Who, a.Relayed); why != "" {
		l.node.counters.refused(reason)
		l.accuse(reason, why)
		stream.code, stream.detail = CodeForbidden, why
		l.reset(stream.key, stream.code)
		return stream
	}
	if stream.relayed {
		l.node.relays.heard(a.Relayed.Origin, l.peerName())
	}
	if to := a.Relayed.Destination; to != "" && to != l.node.name {
		stream.code, stream.detail = CodeForbidden, "node "+l.node.name+" relays nothing to node "+to+": Go nodes do not"
		l.reset(stream.key, stream.code)
		return stream
	}
	target, err := ParseRef(a.Who.Target)
	if err == nil && (target.Host() == "" || target.Host() == l.node.name) {
		o := &opening{stream: a.Stream, firstSeq: a.Seq, binding: a.Binding, sender: senderOf(a.Who)}
		if l.bind(stream, target.Path(), o) {
			return stream
		}
		if stream.code == CodeNoSuchActor {
			gone := l.node.gone(target)
			stream.code, stream.detail = gone.Code, gone.Detail
		}
	}
	l.reset(stream.key, stream.code)
	return stream
}

// bind joins a stream with its actor, or with where that has gone.
func (l *linkEnd) bind(stream *inbound, path string, o *opening) bool {
	n := l.node
	n.mu.RLock()
	c, gone := n.cells[path], n.forwards[path]
	owner, isHome := n.owned[path]
	n.mu.RUnlock()
	if c != nil {
		if c.openStream(stream.key, o) {
			stream.cell = c
			return true
		}
		if c.forwarderNow() == nil {
			stream.code = CodeStopped
			return false
		}
		gone = c
	}
	switch {
	case gone != nil:
		gone.openMoved(stream.key, o)
		stream.cell = gone
		l.resetMoved(stream.key, gone.forwarderNow().moved())
	case isHome && owner.owner != n.name:
		stream.code = CodeMoved
		l.resetMoved(stream.key, &pb.Moved{Owner: owner.owner, ActorEpoch: owner.epoch})
	default:
		return false
	}
	return true
}

// deliver brings a good item to its actor.
func (l *linkEnd) deliver(d *machine.Delivery) {
	what := l.what(d.TypeID)
	stream, who := l.inbound[d.Flow], noWho
	switch {
	case stream != nil:
		who = stream.who
	case d.Flow != 0:
		return
	}
	m, refusal := readMessage(l.node, who, what, d.Body)
	if refusal != nil {
		return // the machine has read it before: it cannot fail here
	}
	m.hops, m.deadline = d.Hops, l.node.deadlineIn(d.TTLMs)
	if stream != nil {
		m.stream, m.seq = stream.key, d.Seq
	}
	// Where its stream says nothing of the source or tenant, or there is none, a message may name its own.
	if m.who != who && l.refusesSender(stream, m) {
		return
	}
	if stream == nil {
		if m.Kind() == pb.Kind_KIND_EVENT {
			l.node.eventCame(l, m)
		} else {
			l.node.offStream(m, d.Seq)
		}
		return
	}
	code := stream.code
	if stream.cell != nil {
		if code = stream.cell.offerStream(m); code == CodeMoved {
			l.node.passOn(stream.cell.forwarderNow(), m)
			return
		}
	}
	switch {
	case code == CodeOK:
	case stream.cell == nil && stream.relayed:
		l.refuseBack(m, code, stream.detail)
	default:
		l.node.refuse(m, code, EffectNone, stream.detail)
	}
}

// deliverRun brings messages that the machine has taken to their actor. The caller holds inboundMu.
func (l *linkEnd) deliverRun(run *door.LaneRun, of payloads) {
	stream := l.inbound[run.Flow]
	if stream == nil {
		return
	}
	r := newRun(l, stream, run, of)
	if stream.cell == nil {
		l.offer(stream, r.all())
	} else {
		l.offer(stream, stream.cell.offerRun(r))
	}
}

// offer brings messages of a stream to its actor.
func (l *linkEnd) offer(stream *inbound, messages []Message) {
	for i := range messages {
		m := &messages[i]
		code := stream.code
		if stream.cell != nil {
			if code = stream.cell.offerStream(m); code == CodeMoved {
				l.node.passOn(stream.cell.forwarderNow(), m)
				continue
			}
		}
		if code != CodeOK {
			l.node.refuse(m, code, EffectNone, stream.detail)
		}
	}
}

// what is the what of a TypeDef; empty for 0.
func (l *linkEnd) what(typeID uint32) *wire.What {
	if what := l.types[typeID]; what != nil {
		return what
	}
	l.mu.Lock()
	what := l.machine.What(typeID)
	l.mu.Unlock()
	if what == nil {
		what = &wire.What{}
	}
	l.types[typeID] = what
	return what
}

// skipped: the peer has stopped waiting for the answer to an ask.
func (l *linkEnd) skipped(flow uint32, seq uint64) {
	stream := l.inbound[flow]
	if stream == nil || stream.cell == nil {
		return
	}
	p := permit{stream.key, seq}
	if m := stream.cell.cancelAsk(func(m *Message) bool { return m.permit() == p }); m != nil {
		l.node.outcome(m, CodeCancelled, EffectNone, "")
		stream.cell.release(p)
	}
}

// targetOf is whom the messages of an outgoing flow are for, also behind the reset of its stream; empty = nobody knows any more.
func (l *linkEnd) targetOf(flow uint32) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if o := l.outlets[flow]; o != nil {
		return o.target.text
	}
	return l.lastTargets[flow]
}

// refused: the receiver refused one of our messages.
func (l *linkEnd) refused(a *machine.Action) {
	l.node.dead.push(DeadLetter{
		Target: l.targetOf(a.Flow), Code: Code(a.Outcome.Code), Effect: Effect(a.Outcome.Effect),
		Detail: fmt.Sprintf("seq %d: %s", a.Outcome.Seq, a.Outcome.Detail),
	})
}

// badItem: an item was refused here, and the peer has been answered.
func (l *linkEnd) badItem(a *machine.Action) {
	if a.Refusal.Code == pb.Code_CODE_MAILBOX_FULL {
		l.node.counters.refused(pb.RefusalReason_REFUSAL_REASON_CREDIT_VIOLATION)
		l.accuse(pb.RefusalReason_REFUSAL_REASON_CREDIT_VIOLATION,
			"the peer sends more than the credit that it has; what is beyond it is refused")
	}
	target := ""
	if stream := l.inbound[a.Flow]; stream != nil {
		target = stream.who.Target
		if a.Correlation != 0 {
			f := failure{code: Code(a.Refusal.Code), effect: EffectNone, detail: a.Refusal.Detail}
			l.node.answerFailure(stream.who.ReplyTo, a.Correlation, &f, nil)
		}
		if stream.cell != nil {
			stream.cell.refusedStream(stream.key, a.Seq)
		}
	}
	l.node.dead.push(DeadLetter{
		Target: target, Code: Code(a.Refusal.Code), Effect: EffectNone, Detail: a.Refusal.Detail, Envelope: bytes.Clone(a.Body),
	})
}

// onDown: the link is over. The caller holds inboundMu.
func (l *linkEnd) onDown(down *machine.Down) {
	l.over.Store(down)
	l.mu.Lock()
	l.fate, l.fateStatus = down.Detail, down.Status
	l.lastCredit()
	if reason := l.machine.RefusedFor(); reason != 0 {
		l.node.counters.refused(reason)
	}
	unknown := l.machine.Unknown()
	outlets, watches := l.outlets, l.watches
	l.outlets, l.watches = make(map[uint32]*outlet), make(map[watch]struct{})
	l.mu.Unlock()
	for _, stream := range l.inbound {
		if stream.cell != nil {
			stream.cell.streamClosed(stream, true)
		}
	}
	clear(l.inbound)
	targets := make(map[uint64]string, len(outlets))
	for _, o := range outlets {
		targets[o.stream] = o.target.text
	}
	for _, u := range unknown {
		l.node.dead.push(DeadLetter{
			Target: targets[u.Stream], Code: CodeOutcomeUnknown, Effect: EffectMaybe,
			Detail: fmt.Sprintf("stream %016x, seq %d to %d: %s", u.Stream, u.First, u.Last, down.Detail),
		})
	}
	l.node.linkLost(l, down.Detail)
	l.node.movesLost(l, down.Detail)
	l.node.linkDown(l, down, watches)
	for flow, o := range outlets {
		o.unbind(l, flow)
	}
	select {
	case <-l.settled:
	default:
		close(l.settled)
	}
	close(l.down)
	l.ring()
}

// askLost: the link that an ask went by is over.
func (n *Node) askLost(correlation uint64, w *waiter, down *machine.Down) {
	code := CodeOutcomeUnknown
	w.placed.link.with(func(m *machine.Link) {
		// Without a seq it was handled beside the packets.
		if w.placed.seq != 0 && m.NeverLeft(w.placed.flow, w.placed.seq, down.LastFrame) {
			code = CodeUnavailable
		}
	})
	n.failWaiter(correlation, w, code, down.Detail)
}

// endCode is why it ended: for what the peer was refused, or the status.
func (l *linkEnd) endCode(status pb.Status) string {
	l.mu.Lock()
	defer l.mu.Unlock()
	if reason := l.machine.RefusedFor(); reason != 0 {
		return strings.TrimPrefix(reason.String(), "REFUSAL_REASON_")
	}
	return strings.TrimPrefix(status.String(), "STATUS_")
}

// linkDown: each ask that went by the link is answered, watchers are told.
func (n *Node) linkDown(l *linkEnd, down *machine.Down, watches map[watch]struct{}) {
	n.asksMu.Lock()
	ended := n.asks.EndWhere(func(w **waiter) bool { return (*w).placed.link == l }, nil)
	n.asksMu.Unlock()
	for _, ask := range ended {
		n.askLost(ask.Correlation, ask.Waiter, down)
	}
	n.emittersLost(l)
	for w := range watches {
		if actor, err := ParseRef(w.actor); err != nil || n.cell(actor.Path()) != nil {
			continue // it has come here meanwhile, with its watchers
		}
		if watcher, err := ParseRef(w.watcher); err == nil {
			n.notify(watcher, notice(pb.Kind_KIND_TERMINATED, &pb.Terminated{
				Actor: w.actor, Code: pb.Code_CODE_UNAVAILABLE, Detail: valid("the link to its node was lost: " + down.Detail),
			}))
		}
	}
	level, code := slog.LevelInfo, l.endCode(down.Status)
	if code != StatusLinkDown.String() {
		level = slog.LevelWarn // one side is to blame
	}
	l.log().Log(context.Background(), level, "the link is down", "code", code, "reason", down.Detail)
	n.mu.Lock()
	delete(n.links, l.id)
	n.showLinks()
	n.mu.Unlock()
}
