package actorbridge

import (
	"context"

	"github.com/actorbridge/actorbridge/go-client/door"
)

// inside is an ask whose handler runs on the asking goroutine, which cannot look at anything meanwhile: the node's tick looks for it. It
// is guarded by the node's asksMu.
type inside struct {
	ctx         context.Context
	deadline    uint64 // milliseconds of the node
	asker       door.Asker
	flow        uint32
	correlation uint64
	at          int // where in the node's list its waiter is
}

// enterAsk notes an ask that goes into its handler. The caller holds asksMu.
func (n *Node) enterAsk(w *waiter, correlation uint64) {
	w.inside.correlation, w.inside.at = correlation, len(n.inside)
	n.inside = append(n.inside, w)
}

// leaveAsk is for one that has come out of it. The caller holds asksMu.
func (n *Node) leaveAsk(w *waiter) {
	last := len(n.inside) - 1
	moved := n.inside[last]
	n.inside[w.inside.at], moved.inside.at = moved, w.inside.at
	n.inside[last] = nil
	n.inside = n.inside[:last]
	w.inside = inside{}
}

// asksInside are those that are inside their handlers. The caller holds asksMu.
func (n *Node) asksInside() (all []inside) {
	for _, w := range n.inside {
		all = append(all, w.inside)
	}
	return all
}

// look tells the handler of an ask that its asker would wait no longer. It may not have come there yet: the next look tells it again.
func (a inside) look(now uint64) {
	if a.ctx.Err() != nil || now >= a.deadline {
		a.asker.Cancel(a.flow, a.correlation)
	}
}

// setLeft says that an ask has come out of its handler, or that it was not taken, and is nowhere; false: it is answered, and whoever
// does that looks where it was.
func (n *Node) setLeft(w *waiter, correlation uint64, refused bool) bool {
	n.asksMu.Lock()
	defer n.asksMu.Unlock()
	n.leaveAsk(w)
	waits := n.asks.Get(correlation) != nil
	if waits && refused {
		w.placed = placed{}
	}
	return waits
}

// endInside ends an ask that has come out of its handler; false: somebody else has, and answers it.
func (n *Node) endInside(w *waiter, correlation uint64) bool {
	n.asksMu.Lock()
	defer n.asksMu.Unlock()
	n.leaveAsk(w)
	_, ended := n.asks.End(correlation)
	return ended
}

// inside is an ask that goes by it.
func (b inlinePath) inside(ctx context.Context, deadline uint64) inside {
	return inside{ctx: ctx, deadline: deadline, asker: b.asker, flow: b.flow}
}
