package actorbridge

import (
	"fmt"
	"maps"
	"slices"
	"sync"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// maxOrigins is the most nodes whose relay is remembered for the answers to them.
	maxOrigins = 16_384
	// maxStrays is the most streams of a link that are remembered as lost behind its peer.
	maxStrays = 4_096
)

// relays are the nodes by which others are reached, and those that may speak for others.
type relays struct {
	routes   map[string]string // by node
	accepted map[string]bool

	mu      sync.Mutex
	origins map[string]string // by which relay a node was heard last
}

// WithRoute reaches node, while there is no link with it, by way of the relay via, which there is a link with. The relay must allow it,
// and node must accept the relay: see docs/RELAYS.md.
func WithRoute(node, via string) Option {
	return func(o *startOptions) {
		if o.routes == nil {
			o.routes = make(map[string]string)
		}
		o.routes[node] = via
	}
}

// WithAcceptedRelay takes messages that the node relay passes on, from whichever nodes and actors it says: it is trusted to have
// checked that. Without it they are refused with FORBIDDEN.
func WithAcceptedRelay(relay string) Option {
	return func(o *startOptions) {
		if o.accepted == nil {
			o.accepted = make(map[string]bool)
		}
		o.accepted[relay] = true
	}
}

// capabilities are those that the node has for the sake of relays.
func (r *relays) capabilities() []uint32 {
	if len(r.routes)+len(r.accepted) == 0 {
		return nil
	}
	return []uint32{uint32(pb.Capability_CAPABILITY_RELAY)}
}

// heard: a relay has passed on something of a node, and answers to that go back by it.
func (r *relays) heard(origin, relay string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.origins == nil || len(r.origins) >= maxOrigins && r.origins[origin] == "" {
		r.origins = make(map[string]string)
	}
	r.origins[origin] = relay
}

// backTo is the relay by which an answer goes to a node; empty = there is none.
func (r *relays) backTo(node string) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if relay := r.origins[node]; relay != "" {
		return relay
	}
	return r.routes[node]
}

// wayTo is the way to a node: its link, or that of a relay. False: there is none.
func (n *Node) wayTo(node string) (route, bool) {
	if link := n.linkTo(node); link != nil {
		return route{link: link}, true
	}
	if relay := n.linkTo(n.relays.routes[node]); relay != nil && relay.canRelay() {
		return route{link: relay, beyond: node}, true
	}
	return route{}, false
}

// whyNoRelay says why there is no way to a node by a relay; empty = it has none.
func (n *Node) whyNoRelay(node string) string {
	relay := n.relays.routes[node]
	if relay == "" {
		return ""
	}
	if n.linkTo(relay) != nil {
		return fmt.Sprintf("node %s, the way to node %s, relays nothing; allow it there", relay, node)
	}
	why := n.whyAway(relay)
	if why == "" {
		why = "no link to it is up"
	}
	return fmt.Sprintf("node %s is the way to node %s; %s", relay, node, why)
}

// nodesBeyond are the nodes that are reached by a relay alone.
func (n *Node) nodesBeyond() []string {
	return slices.DeleteFunc(slices.Sorted(maps.Keys(n.relays.routes)), func(node string) bool {
		way, ok := n.wayTo(node)
		return !ok || way.beyond == ""
	})
}

// canRelay says whether the peer knows streams that are passed on.
func (l *linkEnd) canRelay() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Contains(l.capabilities, uint32(pb.Capability_CAPABILITY_RELAY))
}

// forbidsStream says why the peer may not send a stream, as forbids does. The caller holds inboundMu.
func (l *linkEnd) forbidsStream(who *wire.Who, relayed machine.Relayed) (reason pb.RefusalReason, why string) {
	origin := relayed.Origin
	if origin == "" {
		return l.forbids(who)
	}
	reason = pb.RefusalReason_REFUSAL_REASON_FORGED_SOURCE
	if peer := l.peerName(); !l.node.relays.accepted[peer] {
		return reason, fmt.Sprintf(
			"node %s passes on what node %s sends, and node %s does not accept it as a relay; let it, if it is to be trusted",
			peer, origin, l.node.name)
	}
	if ref, err := ParseRef(who.Source); err == nil && ref.Host() != "" && ref.Host() != origin {
		return reason, fmt.Sprintf("node %s may not send as %s, which is of another node", origin, who.Source)
	}
	return 0, ""
}

// forbidsMessage says why a message may not be of a sender that its stream does not say, as forbids does. The caller holds inboundMu.
func (l *linkEnd) forbidsMessage(who *wire.Who, stream *inbound) (reason pb.RefusalReason, why string) {
	switch {
	case stream == nil || !stream.relayed:
		return l.forbids(who)
	case who.Source != stream.who.Source || who.Tenant != stream.who.Tenant:
		return pb.RefusalReason_REFUSAL_REASON_FORGED_SOURCE, "source and tenant of what is passed on are those of its stream"
	}
	return 0, ""
}

// sendBeyond sends on a flow that ends behind the peer: what is read there, nobody has said here.
func (l *linkEnd) sendBeyond(flow uint32, out *outgoing) machine.Sent {
	l.mu.Lock()
	sent := l.machine.Send(flow, out.what, out.deadline, out.hops, out.body)
	if sent.Result == machine.SendNoCredit {
		l.stall(flow)
	}
	l.mu.Unlock()
	l.ring()
	return sent
}

// wayLost: the peer, a relay, has lost the way to where one of our streams ends. Nobody can say what became of what it had.
func (l *linkEnd) wayLost(a *machine.Action) {
	first, last := a.First, a.Seq
	l.mu.Lock()
	if len(l.strays) >= maxStrays {
		clear(l.strays)
	}
	l.strays[a.Stream] = last
	l.mu.Unlock()
	why := l.whyStray()
	if first <= last {
		l.node.dead.push(DeadLetter{
			Target: l.targetOf(a.Flow), Code: CodeOutcomeUnknown, Effect: EffectMaybe,
			Detail: fmt.Sprintf("stream %016x, seq %d to %d: %s", a.Stream, first, last, why),
		})
	}
	n := l.node
	n.asksMu.Lock()
	lost := n.asks.EndWhere(func(w **waiter) bool {
		at := &(*w).placed
		return at.link == l && at.flow == a.Flow && at.stream == a.Stream
	}, nil)
	n.asksMu.Unlock()
	for _, ask := range lost {
		n.failWaiter(ask.Correlation, ask.Waiter, CodeOutcomeUnknown, why)
	}
}

// isStray says whether a message was sent before the way of its stream was lost.
func (l *linkEnd) isStray(stream, seq uint64) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	last, ok := l.strays[stream]
	return ok && seq <= last
}

func (l *linkEnd) whyStray() string {
	return "the relay, node " + l.peerName() + ", has lost its link on the way"
}

// answerBeyond sends an answer to an asker that there is no link with, by its name; false = it hears nothing.
func (n *Node) answerBeyond(node, replyTo string, out *outgoing) bool {
	relay := n.linkTo(n.relays.backTo(node))
	return relay != nil && relay.answerBeyond(replyTo, out)
}

func (l *linkEnd) answerBeyond(replyTo string, out *outgoing) bool {
	who := wire.NewWho("", replyTo, "").Bytes
	send := func(out *outgoing) machine.Sent {
		return l.machine.SendOffStream(out.what, wire.Join(who, nil, out.body))
	}
	l.mu.Lock()
	sent := send(out)
	if sent.Result == machine.SendRefused && out.correlation != 0 {
		f := failure{code: Code(sent.Refusal.Code), effect: EffectDone, detail: sent.Refusal.Detail}
		sent = send(failureOut(out.correlation, &f, nil))
	}
	l.mu.Unlock()
	l.ring()
	return sent.Result == machine.SendQueued
}

// refuseBack refuses a message of a stream that a relay has passed on, and that is not bound. Its asker is told by that relay, also
// where that may not speak for others, and so is no way to them.
func (l *linkEnd) refuseBack(m *Message, code Code, detail string) {
	l.node.deadLetter(m, code, EffectNone, detail)
	if m.IsAsk() {
		l.answerBeyond(m.who.ReplyTo, failureOut(m.correlation, &failure{code: code, effect: EffectNone, detail: detail}, nil))
	}
	l.node.outcome(m, code, EffectNone, detail)
}
