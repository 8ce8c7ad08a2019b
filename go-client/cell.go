package actorbridge

import (
	"context"
	"sync"
	"sync/atomic"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
)

// offer is what became of a message that was offered to a cell.
type offer int

const (
	offerTaken offer = iota
	// offerWait: no permit. The sender's bell rings when there may be one.
	offerWait
	// offerGone: it is not here any more; resolve again.
	offerGone
	offerStopped
)

// A cell is an actor's mailbox, credit pool and life. An idle one has no goroutine: the first message schedules an
// activation. A loop actor's goroutine is one long activation. What an actor that does nothing does not need is made when it is needed:
// there may be a million of them.
type cell struct {
	node    *Node
	path    string
	ref     Ref
	options spawnOptions
	factory factory
	parent  *cell
	// sends is nil until it sends something, life until its context is looked at; that ends when the grace time of a stop is over.
	sends atomic.Pointer[sender]
	life  atomic.Pointer[inner]
	// staging is what handlers staged; nil until one does.
	staging atomic.Pointer[outbox]
	done    latch
	idle    bell
	// thawed rings when a freeze is over.
	thawed  bell
	lingers lingers

	mu sync.Mutex
	// attention: the activation should look at the mailbox before it handles the next message of a run. It is read without the lock.
	attention atomic.Bool
	endCode   Code
	phase     pb.Phase
	active    bool // a goroutine handles messages
	frozen    bool
	mailbox   mailbox
	pool      *machine.Pool
	moved     *forwarder // not nil: the actor has left for another node
	epoch     uint64
	away      *string  // the node that keeps its owner cell, from the beginning; nil = its own
	actor     Receiver // nil while it is active
	prepared  Receiver // made with its state, and not started yet
	handled   uint64
	running   *Message // the ask that is being handled
	rare      *seldom
}

// seldom is what few actors have.
type seldom struct {
	children []*cell
	watchers map[string]struct{}
	waiters  []*bell
	requests map[requestKey]*request
	arrival  arrival
	timers   map[string]*timer
	restarts *machine.Supervisor // nil until it panics
	// exclusive has a token while a stop, a snapshot or a move is under way; nil before the first.
	exclusive chan struct{}
	// wake has a token when a message came for a goroutine that waits; nil until one does.
	wake      chan struct{}
	cut       int // messages of the mailbox that a move has taken with it, while frozen
	endDetail string
}

// seldom is what it has of that, to be read. The caller holds the lock.
func (c *cell) seldom() seldom {
	if c.rare == nil {
		return seldom{}
	}
	return *c.rare
}

// holdBy is what holds a stream of a peer, or nil. The caller holds the lock.
func (c *cell) holdBy(key machine.StreamKey) *hold {
	if c.rare == nil { // nearly always, and it is asked for each message
		return nil
	}
	return c.rare.arrival.holds[key]
}

// own is the same as seldom, to be changed. The caller holds the lock.
func (c *cell) own() *seldom {
	if c.rare == nil {
		c.rare = new(seldom)
	}
	return c.rare
}

// takeWaiters are those that wait for room, who do so no more. The caller holds the lock.
func (c *cell) takeWaiters() (waiters []*bell) {
	if c.rare != nil {
		waiters, c.rare.waiters = c.rare.waiters, nil
	}
	return waiters
}

// timer is a message that comes later.
type timer struct {
	at      time.Time
	message *Message
	stop    func() bool
}

func newCell(node *Node, ref Ref, f factory, options spawnOptions, parent *cell, epoch uint64) *cell {
	path := ref.Path()
	ref.node = node
	c := &cell{
		node: node, path: path, ref: ref, options: options, factory: f, parent: parent,
		pool: machine.NewPool(options.mailbox), phase: phaseRunning, epoch: epoch, endCode: CodeStopped,
	}
	return c
}

// home is the node that keeps its owner cell.
func (c *cell) home() string {
	if c.away == nil {
		return c.node.name
	}
	return *c.away
}

// setHome says so, before anybody else has the cell; empty = its own.
func (c *cell) setHome(node string) {
	if c.away = nil; node != "" && node != c.node.name {
		c.away = &node
	}
}

// sender is who this actor sends as.
func (c *cell) sender() *sender {
	if s := c.sends.Load(); s != nil {
		return s
	}
	c.sends.CompareAndSwap(nil, newSender(c.ref.text, "ab://"+c.node.name+"/"+c.path, c.node.tenant))
	return c.sends.Load()
}

// ctx is what the contexts of its handlers are made of.
func (c *cell) ctx() context.Context {
	if made := c.life.Load(); made != nil {
		return made
	}
	made := new(inner)
	made.Context, made.cancel = context.WithCancel(context.Background())
	if !c.life.CompareAndSwap(nil, made) {
		made.cancel() // another goroutine was faster
	}
	return c.life.Load()
}

// endedLife is of actors whose contexts nobody looked at before they ended.
var endedLife = func() *inner {
	ended := new(inner)
	ended.Context, ended.cancel = context.WithCancel(context.Background())
	ended.cancel()
	return ended
}()

// cancel ends its context.
func (c *cell) cancel() {
	if !c.life.CompareAndSwap(nil, endedLife) {
		c.life.Load().cancel()
	}
}

// wakes is wake, for its goroutine to wait at: it has a token if there is something to do already.
func (c *cell) wakes() <-chan struct{} {
	c.mu.Lock()
	defer c.mu.Unlock()
	own := c.own()
	if own.wake == nil {
		own.wake = make(chan struct{}, 1)
		if !c.mailbox.isEmpty() || c.phase != phaseRunning {
			c.rouse()
		}
	}
	return own.wake
}

// rouse wakes its goroutine, if it waits or will. The caller holds the lock.
func (c *cell) rouse() {
	if c.rare == nil {
		return
	}
	select {
	case c.rare.wake <- struct{}{}:
	default: // also where it is nil
	}
}

// offerLocal offers a message of this node; who rings when there may be room.
func (c *cell) offerLocal(m *Message, who *bell) offer {
	deadlock := m.waitsFor(c)
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.moved != nil:
		return offerGone
	case c.phase != phaseRunning:
		return offerStopped
	case deadlock:
		// In a goroutine: the answer may go to a cell or a link, and this lock is held.
		c.node.tasks.run(func() { c.node.refuse(m, CodeDeadlock, EffectNone, "") })
		return offerTaken
	case !c.pool.TakeLocal():
		c.addWaiter(who)
		return offerWait
	}
	c.mailbox.push(m)
	c.schedule()
	return offerTaken
}

func (c *cell) addWaiter(who *bell) {
	own := c.own()
	for _, w := range own.waiters {
		if w == who {
			return
		}
	}
	own.waiters = append(own.waiters, who)
}

// offerForced offers a message that must not be refused for want of room: an answer, a timer, a notice.
func (c *cell) offerForced(m *Message) offer {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.moved != nil:
		return offerGone
	case c.phase != phaseRunning:
		return offerStopped
	}
	m.takeLocal()
	c.pool.ForceLocal()
	c.mailbox.push(m)
	c.schedule()
	return offerTaken
}

// offerStream offers a message of an incoming stream. CodeOK: it was taken; CodeMoved: forward it.
func (c *cell) offerStream(m *Message) Code {
	c.mu.Lock()
	code := c.arrive(m)
	c.mu.Unlock()
	if code == CodeDeadlock {
		c.release(m.permit())
	}
	return code
}

// arrive takes a message of an incoming stream. The caller holds the lock, and gives the permit back after CodeDeadlock.
func (c *cell) arrive(m *Message) Code {
	key := m.stream
	if h := c.holdBy(key); h != nil {
		return c.keep(h, m)
	}
	if c.moved != nil {
		return CodeMoved
	}
	if c.phase != phaseRunning {
		return CodeStopped
	}
	switch c.pool.Arrive(key, m.seq) {
	case machine.Full:
		return CodeMailboxFull
	case machine.NotBound:
		return CodeStopped
	}
	if m.waitsFor(c) {
		return CodeDeadlock
	}
	if m.isLarge() {
		c.pool.AwaitProcessed(key, m.seq)
	}
	c.mailbox.push(m)
	c.schedule()
	return CodeOK
}

// openStream: a peer bound a stream. False = this actor takes no more.
func (c *cell) openStream(key machine.StreamKey, o *opening) bool {
	c.mu.Lock()
	if c.moved != nil || c.phase != phaseRunning {
		c.mu.Unlock()
		return false
	}
	var grants []machine.Grant
	if !c.hold(key, o) {
		c.pool.Open(key, o.firstSeq, machine.InitialCredit)
		grants = c.pool.Grants(true, nil)
	}
	c.mu.Unlock()
	c.node.grant(grants)
	return true
}

// closeStream: a stream ended. What was promised to it is there for others.
func (c *cell) closeStream(key machine.StreamKey) {
	c.mu.Lock()
	c.pool.Close(key)
	grants := c.pool.Grants(c.mailbox.isEmpty(), nil)
	waiters := c.takeWaiters()
	c.mu.Unlock()
	c.node.grant(grants)
	ringAll(waiters)
}

// refusedStream: a seq came that was refused before it could arrive. Its credit is used up.
func (c *cell) refusedStream(key machine.StreamKey, seq uint64) {
	c.mu.Lock()
	if h := c.holdBy(key); h != nil {
		h.refused = max(h.refused, seq)
	} else {
		c.pool.Refused(key, seq)
	}
	grants := c.pool.Grants(c.mailbox.isEmpty(), nil)
	c.mu.Unlock()
	c.node.grant(grants)
}

// schedule has somebody handle what is in the mailbox. The caller holds the lock.
func (c *cell) schedule() {
	switch {
	case c.active:
		c.rouse()
	case !c.frozen && c.phase == phaseRunning:
		c.active = true
		c.activate()
	}
}

// fewGrants is how many streams are granted something after a message, nearly always.
const fewGrants = 2

// next gives back what was handled, and takes what is next. Halted: the cell is stopping or frozen.
func (c *cell) next(done permits) (next mail, halted bool) {
	c.mu.Lock()
	c.running = nil
	var waiters []*bell
	if done.count > 0 {
		c.giveBack(done)
		waiters = c.takeWaiters()
	}
	halted = c.frozen || c.phase != phaseRunning
	c.attention.Store(halted)
	if !halted {
		next = c.mailbox.pop()
	}
	if m := next.message; m != nil {
		m.turn.cell, m.turn.message = c, m
		if m.IsAsk() {
			m.owed.Store(true)
			c.running = m
		}
	}
	var room [fewGrants]machine.Grant // on the stack: it is asked for each message
	grants := c.pool.Grants(c.mailbox.isEmpty(), room[:0])
	c.mu.Unlock()
	c.node.grant(grants)
	ringAll(waiters)
	return next, halted
}

func ringAll(bells []*bell) {
	for _, b := range bells {
		b.ring()
	}
}

// giveBack gives permits back, of messages that were handled. The caller holds the lock.
func (c *cell) giveBack(done permits) {
	c.handled += done.count
	if done.first.stream.Link == 0 {
		c.pool.ReleaseLocal()
	} else {
		c.pool.ReleaseRun(done.first.stream, done.first.seq, done.count)
	}
}

// release gives back the permit of a message that was not handled.
func (c *cell) release(p permit) {
	c.releaseAll(permits{p, 1}, 0)
}

// releaseAll gives permits back, so many of them of messages that were handled.
func (c *cell) releaseAll(done permits, handled uint64) {
	c.mu.Lock()
	c.giveBack(done)
	c.handled -= done.count - handled
	grants := c.pool.Grants(c.mailbox.isEmpty(), nil)
	waiters := c.takeWaiters()
	c.mu.Unlock()
	c.node.grant(grants)
	ringAll(waiters)
}

// rest ends the activation, unless there is a message to handle; then it is false, and the activation keeps the actor.
func (c *cell) rest(actor Receiver) bool {
	c.mu.Lock()
	if !c.mailbox.isEmpty() && !c.frozen && c.phase == phaseRunning {
		c.mu.Unlock()
		return false
	}
	c.actor = actor
	c.active = false
	c.mu.Unlock()
	c.idle.ring()
	return true
}

// takeActor takes the actor for a goroutine that uses it.
func (c *cell) takeActor() Receiver {
	c.mu.Lock()
	defer c.mu.Unlock()
	actor := c.actor
	c.actor = nil
	return actor
}

// waitIdle waits until no goroutine runs the actor; false if that took longer.
func (c *cell) waitIdle(limit time.Duration) bool {
	return c.waitFor(limit, func() bool { return !c.active })
}

// waitFor waits until is, which is called under the lock, holds; idle rings when it may. False if that took longer.
func (c *cell) waitFor(limit time.Duration, is func() bool) bool {
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		idle := c.idle.wait()
		c.mu.Lock()
		holds := is()
		c.mu.Unlock()
		if holds {
			return true
		}
		select {
		case <-idle:
		case <-timer.C:
			return false
		}
	}
}

// cancelAsk: an asker has stopped waiting. Held: the message is taken out and returned. Running: its context ends.
func (c *cell) cancelAsk(is func(*Message) bool) *Message {
	c.mu.Lock()
	if m := c.running; m != nil && is(m) {
		c.mu.Unlock()
		m.turn.end()
		return nil
	}
	defer c.mu.Unlock()
	if c.seldom().cut > 0 {
		return nil // it may have left already
	}
	return c.mailbox.take(is)
}

func (c *cell) isRunning() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.phase == phaseRunning
}

// whyStopped is why it takes no more messages, if it panicked too often.
func (c *cell) whyStopped() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.endCode != CodePanicked {
		return ""
	}
	return c.seldom().endDetail
}

// isDone says whether it is Done, and out of its node's table.
func (c *cell) isDone() bool { return c.done.isOpen() }

func (c *cell) epochNow() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.epoch
}

func (c *cell) info() *pb.ActorInfo {
	c.mu.Lock()
	defer c.mu.Unlock()
	dispatcher, restarts := "pool", uint32(0)
	if c.factory.loop != nil {
		dispatcher = "loop"
	}
	if supervisor := c.seldom().restarts; supervisor != nil {
		restarts = supervisor.Restarts()
	}
	return &pb.ActorInfo{
		Path: c.path, Phase: c.phase, Depth: uint32(c.pool.Used()), Mailbox: c.options.mailbox, Handled: c.handled,
		Restarts: restarts, Epoch: c.epoch, Language: "go", Dispatcher: dispatcher,
	}
}
