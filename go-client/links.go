package actorbridge

import (
	"cmp"
	"slices"
)

// LinkState is what a link does at present.
type LinkState int

const (
	// LinkUp: messages flow.
	LinkUp LinkState = iota + 1
	// LinkRedialling: it was lost, and is dialled until it is up again.
	LinkRedialling
	// LinkGivenUp: it was lost, and its door makes it no more.
	LinkGivenUp
)

// String is "up", "redialling" or "given up".
func (s LinkState) String() string {
	switch s {
	case LinkUp:
		return "up"
	case LinkRedialling:
		return "redialling"
	case LinkGivenUp:
		return "given up"
	default:
		return "unknown"
	}
}

// A LinkInfo is a link as [Node.Links] shows it.
type LinkInfo struct {
	// Peer is the other node's name.
	Peer string
	// Door is the address that is dialled again when the link is lost; empty for a link that is not: the peer dialled it, or its
	// door makes links once.
	Door string
	// State is what it does.
	State LinkState
	// Redials is how often it has come back.
	Redials uint64
	// Attempts are those that failed since it was lost.
	Attempts uint64
	// Reason is why it was lost, or the last attempt failed; empty while it is up.
	Reason string
}

// Links are those that are up, and those that were lost and are dialled again or given up, by the peer's name.
func (n *Node) Links() []LinkInfo {
	var all []LinkInfo
	up := n.upLinks()
	n.mu.RLock()
	for _, k := range n.kept {
		all = append(all, k.info)
	}
	for _, l := range up {
		peer := l.peerName()
		if l.kept == nil || n.kept[peer] != l.kept {
			all = append(all, LinkInfo{Peer: peer, State: LinkUp})
		}
	}
	n.mu.RUnlock()
	slices.SortFunc(all, func(a, b LinkInfo) int { return cmp.Or(cmp.Compare(a.Peer, b.Peer), cmp.Compare(a.Door, b.Door)) })
	return all
}
