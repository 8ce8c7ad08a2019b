package actorbridge

import (
	"context"
	"errors"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// handshakeTime is how long a peer may take to answer the handshake.
	handshakeTime = 10 * time.Second
	// goodbyeTime is how long a link that is down may take to bring its last words away.
	goodbyeTime = time.Second
	// keptActions is for how many actions there is memory that is used again: what a frame of asks or answers has.
	keptActions = 256
	// toldLater is how long a sender's node is not told of what it does not need yet: packets in which nothing else leaves are few so.
	toldLater = 5 * time.Millisecond
	// chunkOverhead is what a step of a move takes in a frame beside the chunk.
	chunkOverhead = 4 << 10
	software      = "actorbridge-go 0.1.0"
)

var lastLinkID atomic.Uint64

// A linkEnd is a node's end of a link: what the door is fed with and what it brings.
//
// mu, around the machine, is a leaf: nothing is locked or called under it but bells and a lane. The actions that the machine answers are
// carried out after it is released, in order, which inboundMu sees to.
type linkEnd struct {
	id   uint64
	node *Node
	// wake has a token when takePacket may have something.
	wake chan struct{}
	// settled is closed when the handshake is over, or the link is; down when the link is.
	settled, down chan struct{}
	over          atomic.Pointer[machine.Down] // set before its asks are answered

	inboundMu sync.Mutex
	inbound   map[uint32]*inbound
	// actions is memory for those of one event, used again.
	actions []machine.Action
	types   map[uint32]*wire.What

	mu      sync.Mutex
	machine *machine.Link
	outlets map[uint32]*outlet
	// lastTargets are those of flows that were reset, until another stream has the number.
	lastTargets map[uint32]string
	peer        string
	// asker is the transport, if it can ask beside its packets; carrying: it carries one at present.
	asker    door.Asker
	carrying bool
	// lane is the transport, if it is memory that both sides share, until it is closed; unsent a packet that found no room there.
	lane door.Lane
	// isShared is lane != nil, for one who does not hold the lock.
	isShared atomic.Bool
	unsent   *wire.Packet
	// starved are the flows on which senders wait for credit, where the peer tells it only then.
	starved map[uint32]struct{}
	// statesWait: states wait in the machine until toTell rings.
	statesWait bool
	toTell     *time.Timer
	// reads is the highest version of each type that the peer says it reads.
	reads map[string]uint32
	// incarnation is the peer's.
	incarnation uint64
	// accepted: the peer dialled it; else dialled is the door's name. kept is by what it is dialled again, nil if it is not.
	accepted bool
	dialled  string
	kept     *keptLink
	// wasUp: this node dialled it, and it has been up.
	wasUp atomic.Bool
	// epoch counts the dials of the side that dialled.
	epoch uint64
	// strays are the streams whose way was lost behind the peer, with the last seq that was sent.
	strays map[uint64]uint64
	// isTwin: the handshake failed, since another process of the peer's name is linked.
	isTwin bool
	// capabilities are those that both sides have.
	capabilities []uint32
	// compression is by what payloads are compressed that leave; 0 = they are not.
	compression Compression
	// fate is why it is down, fateStatus the same as a number.
	fate       string
	fateStatus pb.Status
	// stalled are the flows that have used up their credit since they were last given some.
	stalled map[uint32]struct{}
	since   uint64 // milliseconds of the node
	meter   atomic.Pointer[meter]
	watches map[watch]struct{}

	// identity is what the peer may do by its certificate, nil where it showed none; accused: what the log has been told of
	// the peer, a bit for each reason. Both are settled, or used, under inboundMu.
	identity *door.Identity
	accused  uint32
}

// inbound is an incoming stream. Without cell, each message is refused with code and detail.
type inbound struct {
	key machine.StreamKey
	id  uint64
	// binding is how many times the stream has been bound.
	binding uint32
	who     *wire.Who
	cell    *cell
	code    Code
	detail  string
	// relayed: a relay has passed it on.
	relayed bool
}

// watch is an actor at the other end that one of ours watches.
type watch struct{ actor, watcher string }

// newLink is an end of a link; of one that this node dials, by the door that dialled names.
func (n *Node) newLink(role machine.Role, dialled string, kept *keptLink) (*linkEnd, error) {
	reads := n.reads()
	var epoch uint64
	if role == machine.Dialer {
		epoch = n.dials.Add(1)
	}
	l := &linkEnd{
		id: lastLinkID.Add(1), node: n, accepted: role == machine.Acceptor, dialled: dialled, kept: kept, epoch: epoch,
		wake: make(chan struct{}, 1), settled: make(chan struct{}), down: make(chan struct{}),
		inbound: make(map[uint32]*inbound), types: make(map[uint32]*wire.What), outlets: make(map[uint32]*outlet),
		lastTargets: make(map[uint32]string),
		watches:     make(map[watch]struct{}), starved: make(map[uint32]struct{}), stalled: make(map[uint32]struct{}), since: n.now(),
		strays: make(map[uint64]uint64),
		machine: machine.NewLink(machine.Config{
			Role: role, Node: n.name, Incarnation: n.incarnation, LinkEpoch: epoch,
			MinProtocol: machine.MinProtocol, MaxProtocol: machine.MaxProtocol, Software: software,
			Capabilities: slices.Concat(
				[]uint32{uint32(pb.Capability_CAPABILITY_FRAGMENTS), uint32(pb.Capability_CAPABILITY_MOVE)}, readableCompressions(),
				n.relays.capabilities(),
			),
			Types: reads,
		}, n.now()),
	}
	l.meter.Store(n.counters.early())
	if left := len(reads) - l.machine.TypesTold(); left > 0 {
		n.log.Warn("a peer is not told of all types that are read here: there are too many; it writes them as it does, and what "+
			"cannot be read is refused here", "types", len(reads), "untold", left, "first", reads[len(reads)-left].Type)
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	select {
	case <-n.closing:
		return nil, n.stopped(n.name)
	default:
	}
	n.links[l.id] = l
	n.showLinks()
	return l, nil
}

// Dial links the node with another, and returns its name when the link is up. It fails with UNAVAILABLE: nobody is there,
// or the peer refused the link, and why; with INVALID_ARGUMENT for a door that can make no link, such as one with a bad
// address; with ALREADY_EXISTS where another node of the peer's name is linked already.
//
// A link of a [door.Redialer] that is lost later is dialled again: after a random time up to 100 ms, then up to twice as long after
// each attempt that fails, up to 5 s (60 s where the peer refuses the link), until it is up, its door gives up, or
// [Node.Disconnect] ends it. Meanwhile what is sent there fails with UNAVAILABLE. [Node.Links] shows it; the log has a line for each
// change. Of several dials at once by doors of one name the last one's link stands, and counts for all.
func (n *Node) Dial(ctx context.Context, d door.Door) (peer string, err error) {
	l, err := n.dial(ctx, d, d.Dial, newKept(d))
	if err == nil {
		return l.peerName(), nil
	}
	if l != nil {
		if newer := n.laterLink(ctx, l); newer != nil {
			return newer.peerName(), nil
		}
	}
	return "", err
}

// dial makes a link by open, which is a call of the door d, and returns when it is up. The link of an error may be nil.
func (n *Node) dial(
	ctx context.Context, d door.Door, open func(context.Context) (door.Link, error), kept *keptLink,
) (*linkEnd, error) {
	unavailable := func(why string, cause error) error { return notLinked(d, CodeUnavailable, why, cause) }
	transport, err := open(door.WithLogger(ctx, n.log))
	var setup *door.SetupError
	var refused *door.RefusedError
	if errors.As(err, &refused) {
		n.counters.refused(refused.Reason)
	}
	switch {
	case errors.As(err, &setup):
		return nil, notLinked(d, CodeInvalidArgument, "", err)
	case err != nil:
		return nil, unavailable("", err)
	}
	l, err := n.newLink(machine.Dialer, d.String(), kept)
	if err != nil {
		_ = transport.Close()
		return nil, err
	}
	n.tasks.run(func() {
		l.carry(transport)
		n.redial(l)
	})
	timer := time.NewTimer(handshakeTime)
	defer timer.Stop()
	select {
	case <-l.settled:
	case <-timer.C:
		l.lost("the peer did not answer the handshake in 10 s")
	case <-ctx.Done():
		l.lost("dialling was given up")
		return l, unavailable("", ctx.Err())
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	switch {
	case l.machine.Phase() != machine.PhaseDown:
		return l, nil
	case l.isTwin:
		return l, notLinked(d, CodeAlreadyExists, l.fate, nil)
	}
	return l, unavailable(l.fate, nil)
}

// notLinked is why a door made no link. What to do depends on the reason, which says it.
func notLinked(d door.Door, code Code, why string, cause error) *Error {
	e := newError(code, d.String(), why)
	e.cause, e.says = cause, sentence{means: "no link was made"}
	return e
}

// Accept implements door.Acceptor: it runs a link that another node dialled, until it ends.
func (n *Node) Accept(transport door.Link) error {
	l, err := n.newLink(machine.Acceptor, "", nil)
	if err != nil {
		_ = transport.Close()
		return err
	}
	l.carry(transport)
	return nil
}

// Disconnect ends the link to a node, for good; also one that is being dialled again. A link that the other node dialled is dialled
// again from there, unless it is ended there.
func (n *Node) Disconnect(node string) {
	n.keepNoMore(node)
	if l := n.linkTo(node); l != nil {
		l.drain()
	}
}

// carry moves packets between the machine and the transport until the link ends.
func (l *linkEnd) carry(transport door.Link) {
	l.identify(transport)
	l.mu.Lock()
	l.asker, _ = transport.(door.Asker)
	l.mu.Unlock()
	if lane, ok := transport.(door.Lane); ok {
		l.carryLane(lane)
		return
	}
	written, closed := make(chan struct{}), make(chan struct{})
	l.node.tasks.run(func() {
		defer close(written)
		l.write(transport)
	})
	// Closing unblocks both directions, but the last words should leave first.
	l.node.tasks.run(func() {
		defer close(closed)
		<-l.down
		timer := time.NewTimer(goodbyeTime)
		defer timer.Stop()
		select {
		case <-written:
		case <-timer.C:
		}
		_ = transport.Close()
	})
	l.read(transport)
	// The writer may be in a Send that only the end of the call unblocks whose link it is, which is after this.
	<-closed
}

func (l *linkEnd) read(transport door.Link) {
	for {
		packet, err := transport.Recv()
		if err == nil {
			l.meterNow().received(packet.FrameBytes)
			l.receive(packet)
			continue
		}
		var refusal *wire.Refusal
		switch {
		case errors.As(err, &refusal):
			l.drive(func(m *machine.Link, out []machine.Action) []machine.Action {
				if refusal.Code == pb.Code_CODE_TOO_LARGE {
					return m.OversizedFrame(refusal.Error(), out)
				}
				return m.BadFrame(refusal.Error(), out)
			})
		default:
			l.lost("the connection ended: " + err.Error())
			return
		}
	}
}

// receive acts on a packet of the peer.
func (l *linkEnd) receive(packet *wire.Packet) {
	if packet.Head.Hello != nil || packet.Head.Welcome != nil {
		l.admit(packet)
		return
	}
	l.mu.Lock()
	l.machine.Charge(packet, l.node.now())
	l.mu.Unlock()
	l.receiveRuns(packet)
}

func (l *linkEnd) write(transport door.Link) {
	for {
		_, last := l.end()
		// Who sends now and has not yet come to it goes with the same packet.
		runtime.Gosched()
		for packet := l.takePacket(); packet != nil; packet = l.takePacket() {
			counted := l.meterNow() // the answer to a Hello may be there before it is counted
			if err := transport.Send(packet); err != nil {
				// A peer that ended the link has said why, which the reader brings.
				timer := time.NewTimer(goodbyeTime)
				defer timer.Stop()
				select {
				case <-l.down:
				case <-timer.C:
					l.lost("the connection ended: " + err.Error())
				}
				return
			}
			counted.sent(packet.FrameBytes)
			packet.Sent()
		}
		if last {
			return
		}
		<-l.wake
	}
}

// takePacket is the next packet to carry, or nil.
func (l *linkEnd) takePacket() *wire.Packet {
	l.mu.Lock()
	packet, actions := l.machine.Poll(l.node.now(), nil)
	l.carrying = packet != nil
	owners := l.allMaySend(actions)
	l.mu.Unlock()
	ringAll(owners)
	for _, a := range actions {
		if a.Kind == machine.ActionDown { // a drain ends with the packet that holds its Goodbye
			l.inboundMu.Lock()
			l.onDown(a.Down)
			l.inboundMu.Unlock()
		}
	}
	return packet
}

// drive tells the machine of an event, and does what it answers.
func (l *linkEnd) drive(event func(m *machine.Link, out []machine.Action) []machine.Action) {
	l.driveBy(nil, func(m *machine.Link, _ *wire.Packet, out []machine.Action) []machine.Action { return event(m, out) })
}

// driveBy is drive for an event of a packet, which costs no memory.
func (l *linkEnd) driveBy(p *wire.Packet, event func(*machine.Link, *wire.Packet, []machine.Action) []machine.Action) {
	l.inboundMu.Lock()
	l.mu.Lock()
	actions := event(l.machine, p, l.actions[:0])
	if len(actions) > 0 && actions[0].Kind == machine.ActionUp {
		// The peer can have the Welcome from now on, and who hears from it that the link is up must find it up.
		up := actions[0].Up
		l.peer, l.incarnation, l.capabilities, l.reads = up.Peer, up.Incarnation, up.Capabilities, versionsOf(up.Types)
		l.compressFor()
		l.meter.Store(l.node.counters.up(up.Peer))
	}
	l.mu.Unlock()
	isSeen := l.node.taps.any()
	for i := range actions {
		if isSeen {
			l.seeDelivery(&actions[i])
		}
		l.act(&actions[i])
	}
	clear(actions)
	if cap(actions) <= keptActions {
		l.actions = actions
	}
	l.inboundMu.Unlock()
	l.ring()
}

// lost: the transport is gone, and why.
func (l *linkEnd) lost(why string) {
	l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.Lost(why, out) })
}

func (l *linkEnd) drain() {
	l.drive(func(m *machine.Link, out []machine.Action) []machine.Action {
		m.Drain()
		return out
	})
}

func (l *linkEnd) tick() {
	now := l.node.now()
	l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.Tick(now, out) })
}

// ring has what waits written: here, or by the writer.
func (l *linkEnd) ring() {
	l.mu.Lock()
	shared := l.lane != nil
	waits := shared && (l.unsent != nil || l.machine.HasOutput())
	l.mu.Unlock()
	if waits {
		l.fillLane()
	}
	if shared {
		return
	}
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *linkEnd) peerName() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.peer
}

func (l *linkEnd) peerIncarnation() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.incarnation
}

// isUp says whether new messages can go by it.
func (l *linkEnd) isUp() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.IsUp()
}

// end says whether the link is over, and why.
func (l *linkEnd) end() (why string, isDown bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fate, l.machine.Phase() == machine.PhaseDown
}

// with calls the machine, and has the writer look again.
func (l *linkEnd) with(call func(m *machine.Link)) {
	l.mu.Lock()
	call(l.machine)
	l.mu.Unlock()
	l.ring()
}

func (l *linkEnd) open(o *outlet, firstSeq uint64, binding machine.Binding, beyond string) (uint32, *wire.Refusal) {
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.strays, o.stream)
	flow, refusal := l.machine.OpenBeyond(o.stream, o.who.Bytes, firstSeq, binding, beyond)
	if refusal == nil {
		l.outlets[flow] = o
		delete(l.lastTargets, flow)
		if l.lane != nil {
			l.lane.Forget(flow)
		}
	}
	return flow, refusal
}

// sendMove queues a step of a move. If that cannot be, the link is down, and the move is told so.
func (l *linkEnd) sendMove(step *pb.Move) {
	l.with(func(m *machine.Link) { m.SendMove(step) })
}

// chunkBytes is how many bytes of a snapshot fit into a step.
func (l *linkEnd) chunkBytes() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return int(l.machine.PeerLimits().MaxFrameBytes) - chunkOverhead
}

func (l *linkEnd) can(capability pb.Capability) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.canNow(uint32(capability))
}

// canNow is can for one who holds the lock.
func (l *linkEnd) canNow(capability uint32) bool { return slices.Contains(l.capabilities, capability) }

func (l *linkEnd) closeFlow(flow uint32) {
	l.with(func(m *machine.Link) {
		l.feed(flow)
		delete(l.stalled, flow)
		delete(l.outlets, flow)
		m.Close(flow)
	})
}

// cancel does nothing if the flow's number stands for another stream by now.
func (l *linkEnd) cancel(flow uint32, stream, seq uint64) {
	l.mu.Lock()
	var owners []*bell
	if l.machine.StreamOf(flow) == stream {
		owners = l.allMaySend(l.machine.Cancel(flow, seq, nil))
	}
	l.mu.Unlock()
	ringAll(owners)
	l.ring()
}

// cancelBeside tells the handler of an ask that was taken beside the packets.
func (l *linkEnd) cancelBeside(flow uint32, correlation uint64) {
	l.mu.Lock()
	asker := l.asker
	l.mu.Unlock()
	asker.Cancel(flow, correlation)
}

// noteWatch remembers whom to tell when this link is lost.
func (l *linkEnd) noteWatch(other, watcher Ref, unwatch bool) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	key := watch{other.text, watcher.text}
	switch {
	case unwatch:
		delete(l.watches, key)
	case l.machine.Phase() == machine.PhaseDown:
		return newError(CodeUnavailable, other.text, "the link to its node was lost")
	case len(l.watches) >= maxWatchers:
		return newError(CodeMailboxFull, other.text, "65,536 actors at the other end of this link are watched already")
	default:
		l.watches[key] = struct{}{}
	}
	return nil
}
