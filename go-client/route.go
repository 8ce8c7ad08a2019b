package actorbridge

import (
	"cmp"
	"context"
	"errors"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// findTime is how long another node may take to say whether it hosts an actor.
	findTime = 2 * time.Second
	// noticeTime is how long a notice to another node waits for room.
	noticeTime = 5 * time.Second
	// maxOwners is the most resolved addresses that a node remembers.
	maxOwners = 131_072
	// maxSearches is how often the other nodes are asked for an actor that they say is here, and that has gone on when it
	// is looked for.
	maxSearches = 16
	// maxRoutes is how often a message follows a route that changes under it.
	maxRoutes = 4
)

// route is where a message goes next: a cell, or a link, or what is beyond that, a node that its peer relays to.
type route struct {
	cell   *cell
	link   *linkEnd
	beyond string
}

// resolve finds who hosts an address. With mayAsk it asks other nodes, and waits for them.
func (n *Node) resolve(ctx context.Context, to Ref, mayAsk bool) (route, error) {
	if err := to.check(); err != nil {
		return route{}, err
	}
	found, err := n.search(ctx, to, mayAsk)
	if err != nil && n.isClosing() {
		err = n.stopped(to.text)
	}
	return found, err
}

func (n *Node) search(ctx context.Context, to Ref, mayAsk bool) (route, error) {
	host, path := to.Host(), to.Path()
	if host != "" && host != n.name {
		if way, ok := n.wayTo(host); ok {
			return way, nil
		}
		return route{}, newError(CodeUnavailable, to.text, cmp.Or(n.whyNoRelay(host), n.whyAway(host), "no link to node "+host+" is up"))
	}
	if c := n.cell(path); c != nil {
		return route{cell: c}, nil
	}
	gone := n.gone(to)
	if why := n.whyAway(""); why != "" && host == "" { // it may live there
		gone = newError(CodeUnavailable, to.text, "no node that there is a link to has it; "+why)
	}
	if host != "" {
		return route{}, gone
	}
	if way, ok := n.wayTo(n.knownOwner(path)); ok {
		return way, nil
	}
	if !mayAsk && len(n.upLinks()) > 0 {
		return route{}, newError(CodeUnavailable, to.text, "no linked node has been asked for it yet; tell or ask it first")
	}
	for range maxSearches {
		owner, epoch := n.find(ctx, path)
		if owner == "" && ctx.Err() != nil {
			return route{}, gaveUp(to, ctx.Err(), "nobody had said by then where it is")
		}
		if owner == n.name { // it is on its way to here, or has gone on meanwhile
			if next := n.wentOn(path, epoch); next != "" {
				owner = next
			} else {
				n.awaitArrival(ctx, path)
			}
		}
		if c := n.cell(path); c != nil {
			return route{cell: c}, nil
		}
		if way, ok := n.wayTo(owner); ok {
			n.remember(path, owner)
			return way, nil
		}
		if owner != n.name {
			break
		}
	}
	return route{}, gone
}

// find asks each linked node for an actor; empty = none has it. A node that names another one is believed before one that
// names this node.
func (n *Node) find(ctx context.Context, path string) (owner string, epoch uint64) {
	asked := n.nodesBeyond()
	for _, link := range n.upLinks() {
		asked = append(asked, link.peerName())
	}
	for _, node := range asked {
		system, err := pinnedRef(node, systemPath)
		if err != nil {
			continue
		}
		reply, err := n.ask(ctx, n.itself, system, &pb.FindRequest{Path: path}, asking{within: findTime})
		if err != nil {
			continue
		}
		var found pb.FindReply
		if reply.Decode(&found) != nil {
			continue
		}
		if owner, epoch = found.Owner, found.Epoch; owner != n.name {
			break
		}
	}
	return owner, epoch
}

func (n *Node) remember(path, owner string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.owners) >= maxOwners {
		clear(n.owners)
	}
	n.owners[path] = owner
}

func (n *Node) forget(path string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.owners, path)
}

// tryPlace tries once to send; false = there is no room, and from's bell will ring.
func (n *Node) tryPlace(ctx context.Context, from *sender, to Ref, out *outgoing, mayAsk bool) (placed, bool, error) {
	if err := to.check(); err != nil { // before there is an outlet for it
		return placed{}, false, err
	}
	for range maxRoutes {
		outlet := from.outlet(to)
		where, result, err := outlet.trySend(n, out, mayAsk)
		if err != nil || result == sentDone || result == sentWait {
			return where, result == sentDone, err
		}
		if result == sentClosed {
			continue
		}
		route, err := n.resolve(ctx, to, mayAsk)
		if err != nil {
			return placed{}, false, err
		}
		if err := outlet.bind(route); err != nil {
			return placed{}, false, err
		}
	}
	return placed{}, false, newError(CodeUnavailable, to.text, "its route changed faster than it could be followed")
}

// place sends, and waits for room as long as ctx allows.
func (n *Node) place(ctx context.Context, from *sender, to Ref, out *outgoing) (placed, error) {
	var room <-chan struct{}
	for {
		where, done, err := n.tryPlace(ctx, from, to, out, true)
		if done || err != nil {
			return where, err
		}
		if room == nil { // there may be room since: look again before waiting
			room = from.room.wait()
			continue
		}
		select {
		case <-room:
			room = nil
		case <-ctx.Done():
			return placed{}, gaveUp(to, ctx.Err(), "there was no room in time")
		case <-n.closing:
			return placed{}, n.stopped(to.text)
		}
	}
}

// gaveUp is a message that certainly did not leave before its context ended.
func gaveUp(to Ref, cause error, detail string) *Error {
	code := CodeCancelled
	if errors.Is(cause, context.DeadlineExceeded) {
		code = CodeExpired
	}
	e := newError(code, to.text, detail)
	e.cause = cause
	return e
}

func codeOf(err error) Code {
	if err == nil {
		return CodeOK
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeUnavailable
}

// textOf is an error's detail and cause, without code and target.
func textOf(err error) string {
	var e *Error
	if !errors.As(err, &e) {
		return err.Error()
	}
	switch {
	case e.cause == nil:
		return e.Detail
	case e.Detail == "":
		return e.cause.Error()
	}
	return e.Detail + ": " + e.cause.Error()
}

func detailOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Detail
	}
	return err.Error()
}

// refuse: a message was not handled. The dead letters, its asker and the sender's node are told, in this order: who is told
// finds the dead letter.
func (n *Node) refuse(m *Message, code Code, effect Effect, detail string) {
	n.deadLetter(m, code, effect, detail)
	if m.IsAsk() {
		n.answerFailure(m.who.ReplyTo, m.correlation, &failure{code: code, effect: effect, detail: detail}, nil)
	}
	n.outcome(m, code, effect, detail)
}

// outcome tells the node of a message's sender what became of it.
func (n *Node) outcome(m *Message, code Code, effect Effect, detail string) {
	if link := n.link(m.stream.Link); link != nil {
		link.outcome(m.stream, &pb.Outcome{
			Seq: m.seq, Code: pb.Code(code), Effect: pb.Effect(effect), Detail: valid(detail),
		})
	}
}

// notify sends a notice: to an actor here at once, elsewhere in the background, as soon as there is room.
func (n *Node) notify(to Ref, out *outgoing) {
	if host := to.Host(); host == "" || host == n.name {
		if c := n.cell(to.Path()); c != nil {
			c.offerForced(out.message(n, wire.NewWho("", to.text, "")))
			return
		}
	}
	n.tasks.run(func() {
		ctx, cancel := context.WithTimeout(context.Background(), noticeTime)
		defer cancel()
		if _, err := n.place(ctx, n.itself, to, out); err != nil {
			f := failed(CodeUnavailable, "a notice could not be delivered: "+err.Error())
			n.deadOutgoing(n.itself, to, out, &f)
		}
	})
}

// forward sends the same what and body to another actor; who says who sent it first.
func (n *Node) forward(ctx context.Context, m *Message, to Ref) error {
	from := newSender(m.who.Source, m.who.ReplyTo, m.who.Tenant)
	defer from.clear()
	_, err := n.place(ctx, from, to, &outgoing{
		what: m.what, body: m.item(), payload: m.payload, correlation: m.correlation, asks: m.asks, deadline: m.deadline,
		hops: m.hops + 1, traced: m.traced,
	})
	return err
}

// offStream takes an envelope that came outside any stream.
func (n *Node) offStream(m *Message, epoch uint64) {
	switch m.Kind() {
	case pb.Kind_KIND_REPLY, pb.Kind_KIND_FAILURE:
		if m.who.Target == "" { // as nearly always
			n.answered(m)
			return
		}
		target, err := ParseRef(m.who.Target)
		if err == nil && target.Host() != "" && target.Host() != n.name {
			n.answerMoved(target.Path(), requestKey{target.Host(), m.correlation}, m)
			return
		}
		n.answered(m)
	default:
		n.forwarded(m, epoch)
	}
}

// deadlineIn is the deadline of a message that came with so many milliseconds left; 0 = none. With 1 it has passed: none travels with 0.
func (n *Node) deadlineIn(ttlMs uint32) uint64 {
	if ttlMs == 0 {
		return 0
	}
	return n.now() + uint64(ttlMs) - 1
}
