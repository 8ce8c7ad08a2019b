package actorbridge

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// arrivalTime is how long one who looks for an actor waits for it to arrive.
const arrivalTime = 5 * time.Second

// arriving is a move whose destination this node is.
type arriving struct {
	node *Node
	link *linkEnd
	path string
	// total is the bytes on offer.
	total uint64

	mu          sync.Mutex
	destination *machine.MoveDestination
	cell        *cell // made, and running nothing
	snapshot    *Snapshot
}

// moveStep takes a step of a move that came by a link. It does not wait.
func (n *Node) moveStep(l *linkEnd, step *pb.Move) {
	actor, err := ParseRef(step.Actor)
	if err != nil || actor.Host() != "" {
		l.log().Warn("a step of a move names no actor")
		return
	}
	path := actor.Path()
	switch s := step.Step.(type) {
	case *pb.Move_Drained:
		n.drainedStep(path, step)
		return
	case *pb.Move_Offer:
		if refusal := n.offered(l, path, step, s.Offer); refusal != nil {
			l.sendMove(&pb.Move{Actor: step.Actor, Epoch: step.Epoch, Step: &pb.Move_Aborted{
				Aborted: &pb.Aborted{Code: refusal.Code, Detail: refusal.Detail},
			}})
		}
		return
	}
	n.movesMu.Lock()
	v, a := n.leaving[path], n.arriving[path]
	n.movesMu.Unlock()
	if v != nil && v.link == l {
		v.event(func(s *machine.MoveSource, out []machine.MoveAction) []machine.MoveAction {
			return s.Receive(step, out)
		})
	}
	if a != nil && a.destination.Subject().Source == l.peerName() { // by a newer link, if the first was lost
		a.event(func(d *machine.MoveDestination, out []machine.MoveAction) []machine.MoveAction {
			return d.Receive(step, n.now(), out)
		})
	}
}

func wireRefusal(code Code, detail string) *wire.Refusal {
	return &wire.Refusal{Code: pb.Code(code), Detail: valid(detail)}
}

// offered begins the taking of an actor, or says why it is not taken.
func (n *Node) offered(l *linkEnd, path string, step *pb.Move, offer *pb.Offer) *wire.Refusal {
	if refusal := n.mayArrive(path, step.Epoch); refusal != nil {
		return refusal
	}
	destination, refusal := machine.NewMoveDestination(machine.MoveSubject{
		Actor: step.Actor, Epoch: step.Epoch, Source: l.peerName(), Destination: n.name,
	}, offer, n.now())
	if refusal != nil {
		return refusal
	}
	void, refusal := n.expect(&arriving{node: n, link: l, path: path, total: offer.Total, destination: destination})
	if void != nil {
		void.event(func(d *machine.MoveDestination, out []machine.MoveAction) []machine.MoveAction {
			aborted := &pb.Move_Aborted{Aborted: &pb.Aborted{Detail: "it offers the actor anew"}}
			return d.Receive(&pb.Move{Actor: step.Actor, Epoch: d.Subject().Epoch, Step: aborted}, n.now(), out)
		})
	}
	return refusal
}

// mayArrive says why an actor is not taken here, whatever it is.
func (n *Node) mayArrive(path string, epoch uint64) *wire.Refusal {
	select {
	case <-n.closing:
		return wireRefusal(CodeUnavailable, "node "+n.name+" is shutting down")
	default:
	}
	if isReserved(path) {
		return wireRefusal(CodeForbidden, "paths below /system are reserved")
	}
	n.mu.RLock()
	here, gone := n.cells[path], n.forwards[path]
	n.mu.RUnlock()
	if here != nil {
		return wireRefusal(CodeAlreadyExists, "node "+n.name+" has an actor of this path")
	}
	if gone != nil && gone.forwarderNow().epoch >= epoch {
		return wireRefusal(CodeFenced, "the actor has left this node at a higher epoch")
	}
	if n.factoryFor(path) == nil {
		return wireRefusal(CodeNoSuchActor, "no factory matches "+path)
	}
	return nil
}

// expect adds an actor to those on their way to here, if there is room for it. An older offer of its source is void.
func (n *Node) expect(a *arriving) (void *arriving, refusal *wire.Refusal) {
	n.movesMu.Lock()
	defer n.movesMu.Unlock()
	void = n.arriving[a.path]
	subject := a.destination.Subject()
	if void != nil {
		if old := void.destination.Subject(); old.Source != subject.Source || old.Epoch > subject.Epoch {
			return nil, wireRefusal(CodeFenced, "another node offers it already")
		}
	}
	count, bytes := 1, a.total
	for path, other := range n.arriving {
		if path != a.path {
			count, bytes = count+1, bytes+other.total
		}
	}
	if count > machine.MaxArriving || bytes > machine.MaxArrivingBytes {
		return nil, wireRefusal(CodeMailboxFull, fmt.Sprintf(
			"%d actors of %d bytes would be on their way to node %s; it takes %d of %d bytes at once; try again",
			count, bytes, n.name, machine.MaxArriving, uint64(machine.MaxArrivingBytes)))
	}
	n.arriving[a.path] = a
	return void, nil
}

// event tells the machine of something, and does what it answers.
func (a *arriving) event(tell func(d *machine.MoveDestination, out []machine.MoveAction) []machine.MoveAction) {
	a.mu.Lock()
	defer a.mu.Unlock()
	for _, action := range tell(a.destination, nil) {
		a.act(&action)
	}
}

func (a *arriving) act(action *machine.MoveAction) {
	n := a.node
	switch action.Kind {
	case machine.MoveSend:
		a.link.sendMove(action.Step)
	case machine.MoveLoad:
		n.tasks.run(func() { a.load(action.Snapshot) })
	case machine.MoveActivate:
		n.activateArrived(a)
	case machine.MoveDrop:
		n.log.Info("a move to this node was dropped", "actor", a.destination.Subject().Actor, "reason", action.Detail)
		a.cell, a.snapshot = nil, nil
		n.forgetArriving(a)
	case machine.MovePoll:
		n.tasks.run(a.poll)
	}
}

func (n *Node) forgetArriving(a *arriving) {
	n.movesMu.Lock()
	defer n.movesMu.Unlock()
	if n.arriving[a.path] == a {
		delete(n.arriving, a.path)
		n.arrivals.ring()
	}
}

// awaitArrival waits until an actor on its way to here has come, or will not: its source may know before this node.
func (n *Node) awaitArrival(ctx context.Context, path string) {
	ctx, cancel := context.WithTimeout(ctx, arrivalTime)
	defer cancel()
	for {
		ended := n.arrivals.wait()
		n.movesMu.Lock()
		onItsWay := n.arriving[path] != nil
		n.movesMu.Unlock()
		if !onItsWay {
			return
		}
		select {
		case <-ended:
		case <-ctx.Done():
			return
		case <-n.closing:
			return
		}
	}
}

// load makes the actor of its snapshot. Nothing of it runs yet.
func (a *arriving) load(data []byte) {
	subject := a.destination.Subject()
	snapshot, c, err := a.node.loadMoved(subject, data)
	a.event(func(d *machine.MoveDestination, out []machine.MoveAction) []machine.MoveAction {
		if err != nil {
			f := failureOf(err)
			if e, ok := err.(*Error); ok {
				f = failed(e.Code, e.Detail)
			}
			return d.Loaded(wireRefusal(f.code, f.text()), out)
		}
		a.cell, a.snapshot = c, snapshot
		return d.Loaded(nil, out)
	})
}

func (n *Node) loadMoved(subject machine.MoveSubject, data []byte) (*Snapshot, *cell, error) {
	snapshot, err := ReadSnapshot(subject.Actor, data)
	if err != nil {
		return nil, nil, err
	}
	if snapshot.Actor != subject.Actor || snapshot.Epoch != subject.Epoch-1 {
		return nil, nil, newError(CodeInvalidArgument, subject.Actor, "the snapshot is of another actor or epoch than the offer")
	}
	ctx, cancel := context.WithTimeout(context.Background(), defaultGrace)
	defer cancel()
	r := n.factoryFor(strings.TrimPrefix(subject.Actor, "ab:///"))
	c, err := n.unpack(ctx, snapshot, r, subject.Epoch)
	return snapshot, c, err
}

// activateArrived: the actor lives here from now on.
func (n *Node) activateArrived(a *arriving) {
	c := a.cell
	c.unpackMail(a.snapshot.capsule, answerPatience)
	n.mu.Lock()
	n.cells[c.path] = c
	delete(n.forwards, c.path)
	delete(n.owners, c.path)
	n.mu.Unlock()
	n.forgetArriving(a)
	n.log.Info("an actor has come", "actor", c.ref.text, "from", a.destination.Subject().Source, "epoch", c.epoch)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.schedule()
}

// poll asks the actor's home who owns it. An expectation that nobody can meet changes nothing.
func (a *arriving) poll() {
	a.mu.Lock()
	snapshot := a.snapshot
	a.mu.Unlock()
	if snapshot == nil {
		return
	}
	now, err := a.node.swapAtHome(context.Background(), snapshot.capsule.Home, a.path, owned{}, owned{})
	if err != nil {
		return
	}
	a.event(func(d *machine.MoveDestination, out []machine.MoveAction) []machine.MoveAction {
		return d.Polled(now.owner, now.epoch, out)
	})
}

// movesNow are the moves under way.
func (n *Node) movesNow() (from []*leaving, to []*arriving) {
	n.movesMu.Lock()
	defer n.movesMu.Unlock()
	for _, v := range n.leaving {
		from = append(from, v)
	}
	for _, a := range n.arriving {
		to = append(to, a)
	}
	return from, to
}

// tickMoves brings time to moves and forwarders.
func (n *Node) tickMoves() {
	from, to := n.movesNow()
	for _, v := range from {
		v.tick()
	}
	for _, a := range to {
		a.event(func(d *machine.MoveDestination, out []machine.MoveAction) []machine.MoveAction {
			return d.Tick(n.now(), out)
		})
	}
	n.tickForwards()
}

// movesLost tells moves of the end of their link.
func (n *Node) movesLost(l *linkEnd, why string) {
	from, to := n.movesNow()
	for _, v := range from {
		if v.link == l {
			v.linkDown(why)
		}
	}
	for _, a := range to {
		if a.link == l {
			a.event(func(d *machine.MoveDestination, out []machine.MoveAction) []machine.MoveAction {
				return d.LinkDown(n.now(), out)
			})
		}
	}
}
