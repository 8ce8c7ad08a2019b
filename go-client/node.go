package actorbridge

import (
	"context"
	"log/slog"
	"maps"
	"math"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A Node is actors, and links to other nodes. Its methods may be called from any goroutine.
//
// Locks are taken in this order, and none is held while a handler runs: sender, outlet, node, parent cell, cell; below
// them all a link's.
type Node struct {
	codec Codec // of what it sends, where a Ref says nothing
	// compression is used for what leaves by links, in payloads of least bytes and more; 0 = none.
	compression Compression
	least       int
	name        string
	tenant      string // for whom it works; empty = for nobody in particular
	incarnation uint64
	log         *slog.Logger
	tracer      Tracer // nil = none
	start       time.Time
	factories   []registered
	alsoReads   []Reads
	outside     *sender
	itself      *sender // of what the node asks other nodes: it works for no tenant
	tasks       tasks
	closing     chan struct{} // closed when the shutdown begins
	ended       chan struct{} // closed when its actors have ended
	dead        deadLetters
	relays      relays
	counters    counters
	taps        taps
	// reconnectAfter is what peers are asked to stay away for when it shuts down, in milliseconds.
	reconnectAfter atomic.Uint32
	// dials counts the links that this node dialled.
	dials atomic.Uint64
	// admission is held while it is decided whether a link may be, so that of two of one node the older one ends. It is taken first.
	admission sync.Mutex

	mu    sync.RWMutex
	cells map[string]*cell
	links map[uint64]*linkEnd
	// linksNow are the same, for one who may not take mu.
	linksNow atomic.Pointer[[]*linkEnd]
	owners   map[string]string // path to node, of actors elsewhere
	owned    map[string]owned  // owner cells of actors that have moved, and whose home this is
	// fallen is why actors stopped that panicked too often, by path.
	fallen map[string]string
	// kept are the links that this node dials again when they are lost, by peer.
	kept map[string]*keptLink
	// met is the last incarnation of each peer.
	met map[string]uint64
	// forwards are the actors that left in the last 30 s.
	forwards map[string]*cell
	// departed are the stays of actors that ended in the last 30 s, by path, oldest first; stays counts them.
	departed map[string][]*cell
	stays    int

	movesMu  sync.Mutex
	leaving  map[string]*leaving
	arriving map[string]*arriving
	// arrivals rings when an actor that was on its way to here is not any more.
	arrivals bell
	// following is held while something follows an actor to its new owner, and from Committed until what came behind the cut
	// has followed: what an earlier stay forwards must not slip between. It is taken behind cells' locks.
	following sync.Mutex

	waiters sync.Pool
	// emitters are of asks that actors of this node answer by events.
	emitters emitters
	asksMu   sync.Mutex
	asks     *machine.Asks[*waiter]
	// asksOver: the node has ended, and nobody waits for answers any more.
	asksOver bool
	// inside are those whose handlers run on the goroutines that ask.
	inside []*waiter
}

// Name is the node's name.
func (n *Node) Name() string { return n.name }

// Logger is where the node logs.
func (n *Node) Logger() *slog.Logger { return n.log }

// Ref reads an address; the Ref works with [Ask]. It fails as [ParseRef] does.
func (n *Node) Ref(text string) (Ref, error) {
	ref, err := ParseRef(text)
	ref.node = n
	return ref, err
}

// RefAt is Ref for an address that is known to be valid. One that is not shows at the first use of the Ref, which fails with
// INVALID_ARGUMENT and the reason.
func (n *Node) RefAt(address string) Ref {
	ref, err := n.Ref(address)
	if err != nil {
		return Ref{node: n, text: address}
	}
	return ref
}

// Spawn makes an actor at path, such as "orders/42", by its factory, which is called at once, and again after a panic. It fails
// with ALREADY_EXISTS, INVALID_ARGUMENT (also for a factory that returns nil), FORBIDDEN (a reserved path) or STOPPED.
//
// Paths are this node's own: a linked node that hosts an actor at the same path is not asked, and keeps it. What this node sends
// to ab:///path comes to the actor that it spawned; the log warns where it went to the other one before.
func (n *Node) Spawn(path string, make func() Receiver, options ...SpawnOption) (Ref, error) {
	return n.spawn(path, factory{handler: make}, options)
}

// SpawnLoop makes an actor of a function that ranges over its inbox, in a goroutine of its own. When it returns, the actor
// stops; an error is its watchers' reason. After a panic it is called again, as the supervision says. It cannot move. It
// fails as Spawn does.
func (n *Node) SpawnLoop(path string, loop func(ctx Context, in *Inbox) error, options ...SpawnOption) (Ref, error) {
	return n.spawn(path, factory{loop: loop}, options)
}

func (n *Node) spawn(path string, f factory, options []SpawnOption) (Ref, error) {
	if isReserved(path) {
		return Ref{}, newError(CodeForbidden, path, "paths below /system are reserved")
	}
	c, err := n.spawnCell(path, f, spawnOptionsOf(options), nil)
	if err != nil {
		return Ref{}, err
	}
	return c.ref, nil
}

// Tell sends a message, and waits for room in the receiver's mailbox, or for credit on the link, as long as ctx allows.
// Nil: it will be handled, or dead-lettered with a reason. An error: it was certainly not handled. With the context of a
// handler it is that handler's [Context.Tell], which never waits.
func (n *Node) Tell(ctx context.Context, to Ref, message proto.Message) error {
	if n.tellNow(ctx, to, message) {
		return nil
	}
	out, err := newOutgoingIn(n.codecOf(to), pb.Kind_KIND_TELL, message, wire.BodyFields{Trace: n.traceOf(ctx)})
	if err != nil {
		return err
	}
	return n.tellOut(ctx, to, &out)
}

// tellOut sends, or stages, what is encoded.
func (n *Node) tellOut(ctx context.Context, to Ref, out *outgoing) error {
	from := n.outside
	if t := turnOf(ctx); t != nil {
		stages, err := t.stages()
		if err != nil {
			return err
		}
		if stages {
			staged := *out
			return t.cell.stage(to, &staged)
		}
		from = t.cell.sender()
	}
	_, err := n.place(ctx, from, to, out)
	return err
}

// TryTell sends a message if that is possible at once, and never waits. The error is an *Error with the message in it:
// MAILBOX_FULL, or another reason.
func (n *Node) TryTell(to Ref, message proto.Message) error {
	out, err := newOutgoingIn(n.codecOf(to), pb.Kind_KIND_TELL, message, wire.BodyFields{})
	if err == nil {
		var done bool
		_, done, err = n.tryPlace(context.Background(), n.outside, to, &out, false)
		if err == nil && !done {
			err = newError(CodeMailboxFull, to.text, "")
		}
	}
	if e, ok := err.(*Error); ok {
		e.Message = message
	}
	return err
}

// Stop stops an actor of this node and its children, and returns when it is Done: its stop hook has returned. After the
// grace time the handler's context ends; also when ctx does. It fails with NO_SUCH_ACTOR, and with HANDLER_TIMEOUT if the
// handler does not end.
func (n *Node) Stop(ctx context.Context, actor Ref, grace time.Duration) error {
	if err := actor.check(); err != nil {
		return err
	}
	c := n.hosted(actor)
	if c == nil || isReserved(c.path) {
		if n.isClosing() {
			return n.stopped(actor.text)
		}
		return n.gone(actor)
	}
	if !n.stopCell(ctx, c, grace) {
		return newError(CodeHandlerTimeout, actor.text, "its handler ignores its cancelled context")
	}
	return nil
}

// Done gives a channel that is closed when an actor of this node is Done: its stop hook has returned, nothing of it is
// left. For an actor that is not here it is closed already.
func (n *Node) Done(actor Ref) <-chan struct{} {
	if c := n.hosted(actor); c != nil {
		return c.done.wait()
	}
	gone := make(chan struct{})
	close(gone)
	return gone
}

// hosted is the actor's cell, if it is here.
func (n *Node) hosted(actor Ref) *cell {
	if host := actor.Host(); actor.path == 0 || host != "" && host != n.name {
		return nil
	}
	return n.cell(actor.Path())
}

// Terminated is what a watcher is told.
type Terminated struct {
	// Actor is the address of the one that was watched.
	Actor string
	// Code is CodeStopped, CodePanicked (too many restarts), CodeHandlerError (a loop ended with an error) or
	// CodeUnavailable (its link was lost).
	Code Code
	// Detail is what happened.
	Detail string
}

// Watch gives a channel on which it is told when an actor, here or elsewhere, has stopped or its link is lost. When ctx
// ends, or the node, the channel is closed and nothing was told. It fails with NO_SUCH_ACTOR or UNAVAILABLE.
func (n *Node) Watch(ctx context.Context, actor Ref) (<-chan Terminated, error) {
	told := make(chan Terminated, 1)
	path := systemPath + "/watch/" + hex(randomID())
	watcher := ReceiverFunc(func(_ Context, m *Message) error {
		var t pb.Terminated
		if err := m.Decode(&t); err != nil {
			return err
		}
		select {
		case told <- Terminated{Actor: t.Actor, Code: Code(t.Code), Detail: t.Detail}:
		default:
		}
		c := n.cell(path)
		if c != nil && c.beginStop(CodeStopped, "") {
			n.tasks.run(func() { n.endCell(context.Background(), c, defaultGrace) })
		}
		return nil
	})
	c, err := n.spawnCell(path, factory{handler: func() Receiver { return watcher }}, spawnOptionsOf(nil), nil)
	if err != nil {
		return nil, err
	}
	ref, err := pinnedRef(n.name, path)
	if err == nil {
		err = n.watch(ctx, actor, ref, false)
	}
	if err != nil {
		n.stopCell(context.Background(), c, defaultGrace)
		return nil, err
	}
	n.tasks.run(func() {
		select {
		case <-ctx.Done():
			n.unwatch(actor, ref)
			n.stopCell(context.Background(), c, defaultGrace)
		case <-c.done.wait():
		}
		<-c.done.wait()
		close(told)
	})
	return told, nil
}

// unwatch ends a watch, as far as that can be done.
func (n *Node) unwatch(actor, watcher Ref) {
	ctx, cancel := context.WithTimeout(context.Background(), watchTime)
	defer cancel()
	if err := n.watch(ctx, actor, watcher, true); err != nil {
		n.log.Debug("a watch could not be ended", "actor", actor.text, "err", err)
	}
}

// Peers are the names of the nodes that links are up to.
func (n *Node) Peers() []string {
	var names []string
	for _, link := range n.upLinks() {
		names = append(names, link.peerName())
	}
	return names
}

// SetReconnectAfter says how long the nodes that dialled this one are to stay away when it shuts down: about as long as it needs to
// come back. They wait 5 minutes at the most. Unless it is called they dial as after any lost link.
func (n *Node) SetReconnectAfter(d time.Duration) {
	n.reconnectAfter.Store(uint32(min(millis(d), math.MaxUint32)))
}

// Shutdown stops all actors and ends all links and goroutines. Handlers may end within two fifths of the time that ctx leaves
// (5 s without a deadline), then their contexts end, and they have as long again. HANDLER_TIMEOUT names what had to be abandoned:
// without a deadline that takes 11 s. A second call waits for nothing.
func (n *Node) Shutdown(ctx context.Context) error {
	n.mu.Lock()
	select {
	case <-n.closing:
		n.mu.Unlock()
		return nil
	default:
		close(n.closing)
	}
	n.mu.Unlock()
	grace := defaultGrace
	if end, ok := ctx.Deadline(); ok {
		grace = min(grace, max(time.Until(end)*2/5, 0))
	}
	stuck := n.stopAll(ctx, grace)
	for _, link := range n.allLinks() {
		link.with(func(m *machine.Link) { m.ReconnectAfter(n.reconnectAfter.Load()) })
		link.drain()
	}
	n.outside.clear()
	n.itself.clear()
	close(n.ended)
	n.endAsks()
	limit := max(grace, time.Second)
	if len(stuck) > 0 { // they will not end: only what else there is gets a moment
		limit = min(grace/2, time.Second)
	}
	patience, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	n.tasks.wait(patience.Done())
	if len(stuck) > 0 {
		return newError(CodeHandlerTimeout, strings.Join(stuck, ", "), "these handlers ignore their cancelled context")
	}
	return nil
}

// stopAll stops every actor without parent, and names those that do not end.
func (n *Node) stopAll(ctx context.Context, grace time.Duration) []string {
	var (
		mu    sync.Mutex
		stuck []string
		all   sync.WaitGroup
	)
	for _, c := range n.allCells() {
		if c.parent != nil {
			continue
		}
		all.Go(func() {
			if !n.stopCell(ctx, c, grace) {
				mu.Lock()
				defer mu.Unlock()
				stuck = append(stuck, c.path)
			}
		})
	}
	all.Wait()
	return stuck
}

// now is the milliseconds since the node started, and one more: a deadline of 0 is none.
func (n *Node) now() uint64 { return millis(time.Since(n.start)) }

// timeOf is the time of a number that now gave.
func (n *Node) timeOf(ms uint64) time.Time { return n.start.Add(time.Duration(ms) * time.Millisecond) }

func (n *Node) cell(path string) *cell {
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.cells[path]
}

func (n *Node) allCells() []*cell {
	n.mu.RLock()
	defer n.mu.RUnlock()
	all := make([]*cell, 0, len(n.cells))
	for _, c := range n.cells {
		all = append(all, c)
	}
	return all
}

func (n *Node) link(id uint64) *linkEnd {
	if id == 0 {
		return nil
	}
	n.mu.RLock()
	defer n.mu.RUnlock()
	return n.links[id]
}

func (n *Node) allLinks() []*linkEnd {
	n.mu.RLock()
	defer n.mu.RUnlock()
	all := make([]*linkEnd, 0, len(n.links))
	for _, l := range n.links {
		all = append(all, l)
	}
	return all
}

func (n *Node) upLinks() []*linkEnd {
	var up []*linkEnd
	for _, l := range n.allLinks() {
		if l.isUp() {
			up = append(up, l)
		}
	}
	return up
}

// linkTo is the link to a node, if one is up. It takes no lock of the node.
func (n *Node) linkTo(node string) *linkEnd {
	links := n.linksNow.Load()
	if node == "" || links == nil {
		return nil
	}
	var newest *linkEnd // where there are several: who made a link anew may have ended the old one already
	for _, l := range *links {
		if l.peerName() == node && l.isUp() && (newest == nil || l.id > newest.id) {
			newest = l
		}
	}
	return newest
}

// showLinks is called under the node's lock when its links have changed.
func (n *Node) showLinks() {
	links := slices.Collect(maps.Values(n.links))
	n.linksNow.Store(&links)
}

// grant tells senders on other nodes what an actor's pool grants.
func (n *Node) grant(grants []machine.Grant) {
	for _, g := range grants {
		if link := n.link(g.Key.Link); link != nil {
			link.state(&g)
		}
	}
}
