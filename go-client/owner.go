package actorbridge

import (
	"context"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// owned is an owner cell: who hosts an actor whose home is this node. The zero owned = nobody.
type owned struct {
	owner string
	epoch uint64
}

// ownerOf is the owner cell of a path, if this node is its home. The caller holds the node's lock.
func (n *Node) ownerOf(path string) (owned, bool) {
	if o, ok := n.owned[path]; ok {
		return o, true
	}
	if c := n.cells[path]; c != nil && c.home() == n.name {
		return owned{n.name, c.epochNow()}, true
	}
	return owned{}, false
}

// swapOwner compares the owner cell with from, and sets it to if they are the same; an empty owner removes it. It tells
// the present owner; known is false if this node is not the actor's home.
func (n *Node) swapOwner(path string, from, to owned) (now owned, swapped, known bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	now, known = n.ownerOf(path)
	if !known || now != from {
		return now, false, known
	}
	if to.owner == "" {
		delete(n.owned, path)
	} else {
		n.owned[path] = to
	}
	return to, true, true
}

// swapAtHome is swapOwner at the actor's home. It fails if that cannot be reached, or does not answer.
func (n *Node) swapAtHome(ctx context.Context, home, path string, from, to owned) (now owned, err error) {
	if home == n.name {
		now, _, known := n.swapOwner(path, from, to)
		if !known {
			return owned{}, newError(CodeNoSuchActor, path, "its home knows nothing of it")
		}
		return now, nil
	}
	system, err := pinnedRef(home, systemPath)
	if err != nil {
		return owned{}, err
	}
	answer, err := n.ask(ctx, n.itself, system, &pb.OwnerSwapRequest{
		Path: path, ExpectedOwner: from.owner, ExpectedEpoch: from.epoch, Owner: to.owner, Epoch: to.epoch,
	}, asking{within: findTime})
	if err != nil {
		return owned{}, err
	}
	var reply pb.OwnerSwapReply
	if err := answer.Decode(&reply); err != nil {
		return owned{}, err
	}
	if reply.Owner == "" && to.owner != "" {
		return owned{}, newError(CodeNoSuchActor, path, "its home knows nothing of it")
	}
	return owned{reply.Owner, reply.Epoch}, nil
}

// disown removes the owner cell of an actor that has stopped here.
func (n *Node) disown(c *cell) {
	mine := owned{n.name, c.epochNow()}
	if c.home() == n.name {
		n.swapOwner(c.path, mine, owned{})
		return
	}
	n.tasks.run(func() {
		if _, err := n.swapAtHome(context.Background(), c.home(), c.path, mine, owned{}); err != nil {
			n.log.Warn("the home of an actor that stopped was not told", "actor", c.ref.text, "home", c.home(), "err", err)
		}
	})
}
