package actorbridge

import (
	"context"
	"errors"
	"math/rand/v2"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
)

const (
	// redialDelay is about how long after the end of a link it is dialled again; it doubles with each attempt that fails.
	redialDelay = 50 * time.Millisecond
	// maxRedialDelay is about the longest delay.
	maxRedialDelay = 5 * time.Second
)

// redial: a link that this node dialled has ended. If its door makes links again, that is done here.
func (n *Node) redial(l *linkEnd) {
	again := l.returns()
	if again == nil {
		return
	}
	ctx, cancel := n.untilClosing()
	defer cancel()
	epoch := l.epoch
	for delay := redialDelay; ; delay = min(2*delay, maxRedialDelay) {
		// Jitter, so that many nodes that lost one peer do not come back at once.
		timer := time.NewTimer(delay/2 + rand.N(delay))
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		epoch++
		next, err := n.dial(ctx, again, again.Redial, epoch)
		switch {
		case err == nil:
			n.linkBack(l, next)
			return
		case ctx.Err() != nil:
			return
		case errors.Is(err, door.ErrGivenUp):
			n.setAbsent(l.peerName(), "the link to node "+l.peerName()+" is down: "+textOf(err))
			n.log.Error("a link is not made again", "peer", l.peerName(), "err", textOf(err))
			return
		}
		n.log.Warn("a link could not be made again", "peer", l.peerName(), "err", textOf(err))
	}
}

// returns is the door that makes the link again when it is lost; nil if it was never up, or this node ends it.
func (l *linkEnd) returns() door.Redialer {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.parting {
		return nil
	}
	return l.again
}

// keep says whether the link, which d made, is down already, and why. If not, d may have to make it again.
func (l *linkEnd) keep(d door.Door) (why string, isDown bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.machine.Phase() == machine.PhaseDown {
		return l.fate, true
	}
	l.again, _ = d.(door.Redialer)
	return "", false
}

// linkBack: next is the new link in the place of lost. Of another process at the other end, the actors that had moved
// there are gone: this node, if it is their home, has their addresses again.
func (n *Node) linkBack(lost, next *linkEnd) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.absent, lost.peerName())
	if lost.peerIncarnation() == next.peerIncarnation() {
		return
	}
	for path, o := range n.owned {
		if o.owner == lost.peerName() {
			n.owned[path] = owned{n.name, o.epoch + 1}
		}
	}
}

// setAbsent notes why there is no link to a node; empty = there is one.
func (n *Node) setAbsent(peer, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if delete(n.absent, peer); why != "" {
		n.absent[peer] = why
	}
}

// whyAbsent says why there is no link to a node that was there; without a name, to any node. Empty = nothing is known.
func (n *Node) whyAbsent(peer string) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	if peer == "" {
		for _, why := range n.absent {
			return why
		}
	}
	return n.absent[peer]
}

// untilClosing is a context that ends when the node shuts down.
func (n *Node) untilClosing() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	n.tasks.run(func() {
		select {
		case <-n.closing:
			cancel()
		case <-ctx.Done():
		}
	})
	return ctx, cancel
}
