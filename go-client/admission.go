package actorbridge

import (
	"fmt"
	"slices"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// signOfLife is how long a link may take to show that it is alive, when another process of its peer's name comes.
	signOfLife = 2 * time.Second
	// lifeLook is how often that is looked for.
	lifeLook = 20 * time.Millisecond
)

// admit acts on the packet of a handshake. A link whose place it takes has ended before.
func (l *linkEnd) admit(packet *wire.Packet) {
	for probed := false; ; probed = true {
		twins := l.admitOnce(packet, probed)
		if len(twins) == 0 {
			return
		}
		for _, other := range twins {
			other.mustShowLife()
		}
	}
}

// admitOnce answers the links of another process of the peer's name, which may be gone without a word; then nothing has been done.
func (l *linkEnd) admitOnce(packet *wire.Packet, probed bool) (unclear []*linkEnd) {
	l.node.admission.Lock()
	defer l.node.admission.Unlock()
	twins, older, refused := l.verdict(packet.Head)
	// A dialer has nothing to wait for: the peer sends behind its Welcome.
	if len(twins) > 0 && !probed && l.accepted {
		return twins
	}
	if len(twins) > 0 {
		refused = "node " + twins[0].peerName() + " is linked with " + l.node.name + " already, and this is another of that name; " +
			"give each its own name, or disconnect the first"
		l.mu.Lock()
		l.isTwin = true
		l.mu.Unlock()
	}
	if refused != "" {
		l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.Refuse(refused, out) })
		return nil
	}
	for _, other := range older {
		other.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.Supersede(out) })
	}
	l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.Receive(packet, out) })
	if l.isUnwanted() {
		l.drain()
	}
	return nil
}

// verdict says what is in the way of a handshake: links of another process of the peer's name, older links of the peer itself, whose
// place it takes, or why it cannot be.
func (l *linkEnd) verdict(head *pb.Frame) (twins, older []*linkEnd, refused string) {
	name, incarnation, epoch := head.Hello.GetNode(), head.Hello.GetIncarnation(), head.Hello.GetLinkEpoch()
	if head.Hello == nil {
		name, incarnation = head.Welcome.GetNode(), head.Welcome.GetIncarnation()
	}
	l.mu.Lock()
	// The machine refuses what comes at the wrong time, and a name that is not the peer's: neither may end another link.
	isForged := l.identity != nil && !slices.Contains(l.identity.Nodes, name)
	isLate := l.machine.Phase() != machine.PhaseHandshake
	if !l.accepted {
		epoch = l.epoch
	} else if !isLate {
		l.epoch = epoch
	}
	l.mu.Unlock()
	if isForged || isLate {
		return nil, nil, ""
	}
	for _, other := range l.node.upLinks() {
		switch {
		case other == l || other.peerName() != name:
		case other.peerIncarnation() != incarnation:
			twins = append(twins, other)
		case l.accepted != other.accepted:
		case other.epochNow() < epoch:
			older = append(older, other)
		case other.epochNow() > epoch && !l.accepted:
			older = append(older, l) // the answers to two dials came in another order than the dials
		case other.epochNow() > epoch:
			refused = fmt.Sprintf("node %s has dialled again since: its link %d is up, and this is its link %d", name, other.epochNow(), epoch)
		}
	}
	return twins, older, refused
}

// epochNow is which one of the dials of the side that dialled a link is.
func (l *linkEnd) epochNow() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.epoch
}

// mustShowLife returns when the peer has answered a ping of now, or the link is over: without a sign of life that is now.
func (l *linkEnd) mustShowLife() {
	asked := l.node.now()
	l.with(func(m *machine.Link) { m.Probe(asked) })
	answered := func() bool {
		l.mu.Lock()
		defer l.mu.Unlock()
		return l.machine.HasAnswered(asked) || l.machine.Phase() == machine.PhaseDown
	}
	ticker := time.NewTicker(lifeLook)
	defer ticker.Stop()
	for left := signOfLife / lifeLook; !answered(); left-- {
		if left == 0 {
			l.lost("another process of the peer's name has come, and this one answered no ping")
			return
		}
		<-ticker.C
	}
}
