package actorbridge

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const (
	// redialDelay is the most time until a link that was lost is dialled again; it doubles with each attempt that fails.
	redialDelay = 100 * time.Millisecond
	// maxRedialDelay is the most that it becomes,
	maxRedialDelay = 5 * time.Second
	// longestAway is the most that a peer which shuts down is stayed away from for its asking.
	longestAway = 5 * time.Minute
	// refusedDelay where the peer says that there can be no link: only a change at one side helps.
	refusedDelay = time.Minute
	// sayAgain is how often the log says that the same thing still fails, after the first sayFirst attempts.
	sayAgain = time.Minute
	sayFirst = 3
	// maxMet is the most peers whose incarnation is remembered.
	maxMet = 16_384
)

// A keptLink is a link that this node dialled, and dials again when it is lost.
type keptLink struct {
	door door.Redialer
	// ended is closed when the user has ended the link, or dialled the peer otherwise: for good.
	ended chan struct{}
	// info is under the node's lock.
	info LinkInfo
}

// newKept is what a node keeps of a door that it dials; nil for one whose links do not come back.
func newKept(d door.Door) *keptLink {
	again, ok := d.(door.Redialer)
	if !ok {
		return nil
	}
	return &keptLink{door: again, ended: make(chan struct{}), info: LinkInfo{Door: d.String(), State: LinkUp}}
}

// isUnwanted: while the link was made again, the user has ended it, or dialled its peer otherwise.
func (l *linkEnd) isUnwanted() bool {
	if l.kept == nil {
		return false
	}
	select {
	case <-l.kept.ended:
		return true
	default:
		return false
	}
}

// linkUp: a link has come up. What this node dialled last is what it keeps for the peer, or nothing.
func (n *Node) linkUp(l *linkEnd, peer string, incarnation uint64) {
	n.mu.Lock()
	defer n.mu.Unlock()
	before, known := n.met[peer]
	if !known && len(n.met) >= maxMet {
		clear(n.met)
	}
	if n.met[peer] = incarnation; known && before != incarnation {
		n.reclaim(peer)
	}
	if l.accepted || l.isUnwanted() {
		return
	}
	l.wasUp.Store(true)
	old := n.kept[peer]
	delete(n.kept, peer)
	if k := l.kept; k != nil {
		if n.kept[k.info.Peer] == k { // another node is at the door now: as behind a load balancer
			delete(n.kept, k.info.Peer)
		}
		if k.info.State == LinkRedialling {
			k.info.Redials++
		}
		k.info.Peer, k.info.State, k.info.Attempts, k.info.Reason = peer, LinkUp, 0, ""
		n.kept[peer] = k
	}
	if old != nil && old != l.kept {
		close(old.ended)
	}
}

// reclaim: another process of a node's name has come. The actors that had moved to the one before it are gone: this node, if it
// is their home, has their addresses again. The caller holds the node's lock.
func (n *Node) reclaim(peer string) {
	for path, o := range n.owned {
		if o.owner == peer {
			n.owned[path] = owned{n.name, o.epoch + 1}
		}
	}
}

// stayAway is how long the peer has asked this side to stay away, within bounds.
func (l *linkEnd) stayAway() time.Duration {
	l.mu.Lock()
	defer l.mu.Unlock()
	return min(time.Duration(l.machine.StayAwayMs())*time.Millisecond, longestAway)
}

// linkLost: a link is over. It is called before the senders know, so that they find the reason.
func (n *Node) linkLost(l *linkEnd, why string) {
	if away := l.stayAway(); away > 0 {
		why += fmt.Sprintf("; as it asks, it is dialled again after %g s", away.Seconds())
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	// The link of an attempt that fails is not lost.
	if k := l.kept; k != nil && n.kept[k.info.Peer] == k && k.info.State == LinkUp && !n.isClosing() {
		k.info.State, k.info.Reason = LinkRedialling, why
	}
}

// keepNoMore: the user has ended the link to a node.
func (n *Node) keepNoMore(peer string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if k := n.kept[peer]; k != nil {
		delete(n.kept, peer)
		close(k.ended)
	}
}

// redialWaits are the times between attempts: random ones, up to most.
type redialWaits struct{ most time.Duration }

func newRedialWaits() redialWaits { return redialWaits{redialDelay} }

// next is the next one, by a random number of 0 to 1. Full jitter, so that many nodes that lost one peer do not come back at once.
func (w redialWaits) next(random float64) time.Duration {
	return time.Duration(random * float64(w.most))
}

// failed: an attempt has failed, since the peer refused the link or otherwise.
func (w *redialWaits) failed(refused bool) {
	if w.most = min(2*w.most, maxRedialDelay); refused {
		w.most = refusedDelay
	}
}

// redial: a link that this node dialled has ended. If it is kept, it is made again here.
func (n *Node) redial(l *linkEnd) {
	k := l.kept
	if k == nil || !l.wasUp.Load() || !n.keeps(k) {
		return // an attempt that failed is its caller's
	}
	ctx, cancel := n.untilEnded(k)
	defer cancel()
	var said string
	var saidAt time.Time
	away := l.stayAway()
	waits := newRedialWaits()
	for attempt := 1; ; attempt++ {
		timer := time.NewTimer(away + waits.next(rand.Float64()))
		away = 0
		select {
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return
		}
		n.laterDials(ctx, l)
		if ctx.Err() != nil || !n.keeps(k) {
			return
		}
		next, err := n.dial(ctx, k.door, k.door.Redial, k)
		if err == nil || ctx.Err() != nil || next != nil && next.wasUp.Load() {
			return // a link that was up is made again by its own goroutine
		}
		why := textOf(err)
		if errors.Is(err, door.ErrGivenUp) {
			n.attemptFailed(k, LinkGivenUp, why)
			l.log().Error("a link is not made again", "code", codeOf(err).String(), "err", why)
			return
		}
		n.attemptFailed(k, LinkRedialling, why)
		if attempt <= sayFirst || why != said || time.Since(saidAt) >= sayAgain {
			l.log().Warn("a link could not be made again", "code", codeOf(err).String(), "err", why)
			said, saidAt = why, time.Now()
		}
		waits.failed(next.wasRefused())
	}
}

func (n *Node) attemptFailed(k *keptLink, state LinkState, why string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	k.info.State, k.info.Reason = state, why
	k.info.Attempts++
}

// wasRefused says whether the peer, or this node, will not have a link as it was dialled. A link may be nil: it was not there.
func (l *linkEnd) wasRefused() bool {
	if l == nil {
		return false
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fateStatus > pb.Status_STATUS_LINK_DOWN
}

// laterDials waits until each later dial of this node has found its peer, or none: it may be the link's place that it takes.
func (n *Node) laterDials(ctx context.Context, l *linkEnd) {
	for _, other := range n.allLinks() {
		if other.accepted || other.epoch <= l.epoch {
			continue
		}
		select {
		case <-other.settled:
		case <-ctx.Done():
			return
		}
	}
}

// laterLink is the link of a later dial by the same door, which has taken the place of one that ended while it was dialled; nil if
// there is none.
func (n *Node) laterLink(ctx context.Context, l *linkEnd) *linkEnd {
	newest := l
	for _, other := range n.allLinks() {
		if !other.accepted && other.dialled == l.dialled && other.epoch > newest.epoch {
			newest = other
		}
	}
	if newest == l {
		return nil
	}
	select {
	case <-newest.settled:
	case <-ctx.Done():
		return nil
	}
	if newest.isUp() {
		return newest
	}
	return n.laterLink(ctx, newest)
}

// keeps says whether k is what there is for its peer.
func (n *Node) keeps(k *keptLink) bool {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.kept[k.info.Peer] == k
}

// whyAway says why there is no link to a node that was there; without a name, to any node. Empty = nothing is known.
func (n *Node) whyAway(peer string) string {
	n.mu.RLock()
	defer n.mu.RUnlock()
	for name, k := range n.kept {
		if peer != "" && peer != name || k.info.State == LinkUp || n.linkTo(name) != nil {
			continue
		}
		if k.info.State == LinkGivenUp {
			return "the link to node " + name + " is down: " + k.info.Reason
		}
		tried := ""
		if k.info.Attempts > 0 {
			tried = fmt.Sprintf(" after %d attempts", k.info.Attempts)
		}
		return "the link to node " + name + " is being made again" + tried + ": " + k.info.Reason
	}
	return ""
}

// untilEnded is a context that ends when a link is not to be made again, or the node shuts down.
func (n *Node) untilEnded(k *keptLink) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancel(context.Background())
	n.tasks.run(func() {
		select {
		case <-n.closing:
		case <-k.ended:
		case <-ctx.Done():
		}
		cancel()
	})
	return ctx, cancel
}
