package actorbridge

import (
	"cmp"
	"slices"
	"sync/atomic"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// maxDeparted is the most stays at a node that are remembered after their end.
	maxDeparted = 4096
	// forwardTime is how long an old owner passes on what comes late.
	forwardTime = 30 * time.Second
)

// noWho is of a message that says nothing of who.
var noWho = &wire.Who{}

// senderOf tells senders apart: outside code of two nodes has the same source, but not the same address for replies.
func senderOf(who *wire.Who) string { return who.Source + " " + who.ReplyTo }

// forwarder is where an actor has gone.
type forwarder struct {
	path  string
	owner string
	epoch uint64
	since time.Time
	// committed is what the owner has to hear before anything that follows the actor; nil = another node tells it.
	committed *pb.Move
	// link is what that was said by, and all goes by while it is up, so that it stays in order. The node's following guards it.
	link *linkEnd
	// left is how many more messages are passed on. All that were promised room by the actor's pool are fewer.
	left atomic.Int64
}

func (f *forwarder) moved() *pb.Moved { return &pb.Moved{Owner: f.owner, ActorEpoch: f.epoch} }

// passOn sends a message after its actor, as a complete envelope outside any stream. It never waits.
func (n *Node) passOn(f *forwarder, m *Message) {
	n.following.Lock()
	defer n.following.Unlock()
	n.passOnInOrder(f, m)
}

// linkBehind is the link by which an actor is followed, or nil: behind the owner's Committed, and always the same one as long
// as it is up. first is the one to begin with. The caller holds the node's following.
func (n *Node) linkBehind(f *forwarder, first *linkEnd) *linkEnd {
	if f.link != nil && f.link.isUp() {
		return f.link
	}
	if first == nil || !first.isUp() || first.peerName() != f.owner {
		first = n.linkTo(f.owner)
	}
	if f.link = first; first != nil && f.committed != nil {
		first.sendMove(f.committed) // by this link it may be news; if it is lost too, the owner asks the actor's home
	}
	return first
}

// passOnInOrder is passOn for one who holds the node's following.
func (n *Node) passOnInOrder(f *forwarder, m *Message) {
	detail := "the actor lives at node " + f.owner + " now"
	switch {
	case m.hops > machine.MaxHops:
		n.refuseLater(m, CodeNoSuchActor, "it was passed on 8 times: it goes in circles")
		return
	case time.Since(f.since) > forwardTime || f.left.Add(-1) < 0:
	default:
		if link := n.linkBehind(f, nil); link != nil && link.forward(m, m.who.Bytes, f.epoch) {
			return
		}
		detail = "the link to node " + f.owner + ", where the actor lives now, is down or full"
	}
	n.refuseLater(m, CodeMoved, detail)
}

// refuseLater refuses a message while a cell's lock is held: who is told may be a cell too.
func (n *Node) refuseLater(m *Message, code Code, detail string) {
	n.tasks.run(func() { n.refuse(m, code, EffectNone, detail) })
}

// forwardAnswer sends an answer after the actor that asked. Its target says whose slot it had.
func (n *Node) forwardAnswer(path string, answer *Message) {
	link := n.linkTo(n.knownOwner(path))
	who := answer.who
	if answer.who.Target == "" {
		who = wire.NewWho("", "ab://"+answer.slot+"/"+path, "")
	}
	if link == nil || answer.hops >= machine.MaxHops || !link.forward(answer, who.Bytes, 0) {
		n.dead.lateReply()
	}
}

// knownOwner is the node that hosts an actor, as far as it is known here without asking; empty = not known.
func (n *Node) knownOwner(path string) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if o, ok := n.owned[path]; ok && o.owner != n.name {
		return o.owner
	}
	if owner, ok := n.owners[path]; ok { // heard of since it left
		return owner
	}
	if c := n.forwards[path]; c != nil {
		return c.forwarderNow().owner
	}
	return ""
}

// forwarderNow is where the actor has gone; nil = it is here.
func (c *cell) forwarderNow() *forwarder {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.moved
}

// tickForwards: time passes, and forwarders go.
func (n *Node) tickForwards() {
	n.mu.Lock()
	defer n.mu.Unlock()
	for path, cells := range n.departed {
		stays := slices.DeleteFunc(cells, func(c *cell) bool { return time.Since(c.forwarderNow().since) > forwardTime })
		n.stays -= len(cells) - len(stays)
		if n.departed[path] = stays; len(stays) == 0 {
			delete(n.departed, path)
		}
	}
	for path, c := range n.forwards {
		if f := c.forwarderNow(); time.Since(f.since) > forwardTime {
			delete(n.forwards, path)
		}
	}
}

// openMoved: a peer bound a stream to an actor that has gone. Its first messages are passed on; it is told where to.
func (c *cell) openMoved(key machine.StreamKey, o *opening) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.hold(key, o)
}

// streamClosed: nothing more comes on a binding; lost: its link is down. An old owner says so to the new one, behind the last
// message.
func (c *cell) streamClosed(stream *inbound, lost bool) {
	key := stream.key
	c.closeStream(key)
	c.mu.Lock()
	h, gone := c.holdBy(key), c.moved != nil
	if h != nil {
		h.closed, h.lost = true, lost
	}
	c.mu.Unlock()
	// Wherever the sender of a lost stream binds it next: nothing is late but what is held here, and goes where the actor goes.
	if h == nil && (gone || lost) {
		c.drainedUpto(stream.id, stream.binding)
	}
}

func (n *Node) sendDrained(f *forwarder, stream uint64, binding uint32) {
	n.following.Lock()
	defer n.following.Unlock()
	n.drainedInOrder(f, stream, binding)
}

// drainedInOrder is sendDrained for one who holds the node's following.
func (n *Node) drainedInOrder(f *forwarder, stream uint64, binding uint32) {
	if link := n.linkBehind(f, nil); link != nil { // without one, the new owner waits for drainTime
		link.sendMove(&pb.Move{
			Actor: "ab:///" + f.path, Epoch: f.epoch, Step: &pb.Move_Drained{Drained: &pb.Drained{Stream: stream, Binding: binding}},
		})
	}
}

// stayOf is the actor's stay here that something is for which follows it from an earlier one. What is for one stay goes through that
// one, although the actor may be here again: it would come before what went the whole way. The epoch of a stay is the one it was moved
// with, or higher. Not known: it is the newest, or nil.
func (n *Node) stayOf(path string, epoch uint64) (c *cell, known bool) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	stays := n.departed[path]
	at, _ := slices.BinarySearchFunc(stays, epoch, func(c *cell, epoch uint64) int { return cmp.Compare(c.epochNow(), epoch) })
	if epoch > 0 && at < len(stays) {
		return stays[at], true
	}
	if c = n.cells[path]; c == nil {
		return n.forwards[path], false
	}
	return c, epoch > 0 && c.epochNow() >= epoch
}

// heldBefore are the actor's stays here before that of c at which streams wait.
func (n *Node) heldBefore(path string, c *cell) (held []*cell) {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for _, then := range n.departed[path] {
		if then == c {
			break
		}
		if then.holdsAny() {
			held = append(held, then)
		}
	}
	return held
}

// wentOn is where an actor went from here, if it has been here since it had that epoch; empty = it has not.
func (n *Node) wentOn(path string, epoch uint64) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	stays := n.departed[path]
	if len(stays) == 0 || stays[len(stays)-1].epochNow() < epoch {
		return ""
	}
	return stays[len(stays)-1].forwarderNow().owner
}

// drainedStep takes a Drained, or passes it on.
func (n *Node) drainedStep(path string, step *pb.Move) {
	d := step.GetDrained()
	c, _ := n.stayOf(path, step.Epoch)
	if c == nil {
		return
	}
	for _, then := range n.heldBefore(path, c) { // that comes behind it; nothing new is bound there
		then.drainedUpto(d.Stream, d.Binding)
	}
	c.drainedUpto(d.Stream, d.Binding)
}

// forwarded takes a complete envelope that came outside any stream: from an actor's earlier stay, for that of an epoch.
func (n *Node) forwarded(m *Message, epoch uint64) {
	target, err := ParseRef(m.who.Target)
	if err != nil {
		n.refuse(m, CodeUnsupportedKind, EffectNone, "only answers may come outside a stream")
		return
	}
	c, known := n.stayOf(target.Path(), epoch)
	if epoch > 0 && !known {
		m.hops++ // it may be in a loop; without an epoch it has been counted
	}
	code := CodeNoSuchActor
	if c != nil {
		code = c.offerForwarded(m)
	}
	switch code {
	case CodeOK:
	case CodeMoved:
		n.passOn(c.forwarderNow(), m)
	case codeLate:
		n.refuse(m, CodeMoved, EffectNone, "it came by its old owner after its stream had gone on")
	case CodeUnsupportedKind:
		n.refuse(m, code, EffectNone, "only answers may come outside a stream")
	default:
		n.refuse(m, code, EffectNone, "")
	}
}
