package actorbridge

import (
	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Encode encodes a message as a tell, as a send does.
func Encode(message proto.Message) error {
	_, err := newOutgoing(pb.Kind_KIND_TELL, message, wire.BodyFields{})
	return err
}

// Arrived is a tell as its actor gets it, and the context of its handler.
func Arrived(node *Node, message proto.Message) (Context, *Message) {
	out, err := newOutgoing(pb.Kind_KIND_TELL, message, wire.BodyFields{})
	if err != nil {
		panic(err)
	}
	m := out.message(node, noWho)
	m.turn.message = m
	return &m.turn, m
}

// LateAsk is an ask that went by the link to a peer, which ended before its asker could note that: the answer that it gets at once.
func LateAsk(node *Node, peer string) (code Code, answered bool) {
	l := node.linkTo(peer)
	node.Disconnect(peer)
	<-l.down
	w := node.newWaiter()
	correlation, err := node.beginAsk(node.now(), node.now()+lateEnd, w, Ref{})
	if err != nil {
		panic(err)
	}
	out := outgoing{what: wire.NewWhat(pb.Kind_KIND_ASK, "late.v1.Ask", 1, 1, 0), correlation: correlation}
	node.notePlaced(&out, placed{link: l, flow: 1, seq: 1})
	select {
	case m := <-w.caller:
		return m.failure("").Code, true
	default:
		return CodeOK, false
	}
}

// WelcomedLate makes a link to a peer again, whose Welcome comes when the user has ended it: whether it takes messages then.
func WelcomedLate(node *Node, peer string, d door.Door) (isUp bool) {
	k := newKept(d)
	k.info.Peer = peer
	node.mu.Lock()
	node.kept[peer] = k
	node.mu.Unlock()
	l, err := node.newLink(machine.Dialer, d.String(), k)
	if err != nil {
		panic(err)
	}
	node.Disconnect(peer)
	welcome := &pb.Welcome{Protocol: machine.MaxProtocol, Node: peer, Incarnation: 1}
	l.admit(&wire.Packet{Head: &pb.Frame{Number: 1, Welcome: welcome}})
	isUp = l.isUp()
	l.lost("it has no transport")
	return isUp
}

// LoseAsks ends the asks that went by the link to a peer, as the link's end does, and returns what tells their askers.
func LoseAsks(node *Node, peer string) (tell func()) {
	l := node.linkTo(peer)
	node.asksMu.Lock()
	ended := node.asks.EndWhere(func(w **waiter) bool { return (*w).placed.link == l }, nil)
	node.asksMu.Unlock()
	return func() {
		for _, ask := range ended {
			node.askLost(ask.Correlation, ask.Waiter, &machine.Down{Detail: "the link is over"})
		}
	}
}

// AsksWaiting is how many asks of the node are not answered yet.
func (n *Node) AsksWaiting() int {
	n.asksMu.Lock()
	defer n.asksMu.Unlock()
	return n.asks.Waiting()
}
