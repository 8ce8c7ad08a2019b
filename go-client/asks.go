package actorbridge

import (
	"context"
	"errors"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// defaultTimeout is the deadline of an ask that names none.
const defaultTimeout = 5 * time.Second

// longest is the longest that an ask or a timer may wait, so that adding it to the time cannot overflow.
const longest = 365 * 24 * time.Hour

// lateEnd is how many milliseconds after its deadline the table of asks drops an ask whose caller did not.
const lateEnd = 60_000

// An AskOption changes an ask.
type AskOption func(*askOptions)

type askOptions struct {
	within time.Duration
}

// Timeout is how long the answer may take; 5 s unless it is given. The context's deadline counts too, the earlier of both.
func Timeout(within time.Duration) AskOption {
	return func(o *askOptions) { o.within = within }
}

// Ask asks, and waits for the reply, which must be a T. In an actor, ctx is its [Context] or derived from it; otherwise to
// is a Ref of a node. It fails as [Node.Ask] does.
func Ask[T proto.Message](ctx context.Context, to Ref, message proto.Message, options ...AskOption) (T, error) {
	return ask[T](ctx, to, message, options, false)
}

func ask[T proto.Message](ctx context.Context, to Ref, message proto.Message, options []AskOption, inline bool) (T, error) {
	var none T
	node, err := to.nodeFor(ctx)
	if err != nil {
		return none, err
	}
	answer, ok := none.ProtoReflect().New().Interface().(T)
	if !ok {
		return none, newError(CodeInvalidArgument, to.text, "the type of the reply has no messages of its own")
	}
	reply, done := (*Message)(nil), false
	codec := node.codecOf(to)
	if inline && message != nil && node.isQuick(ctx, options) && codec == Protobuf {
		reply, done, err = node.askQuickly(ctx, to, message, answer)
		if done && err == nil && reply == nil {
			return answer, nil
		}
	}
	if !done {
		how := asking{inline: inline}
		if inline {
			how.wants = infoOf(none).what(pb.Kind_KIND_REPLY, codec)
		}
		reply, err = node.askWith(ctx, to, message, options, how)
	}
	if err != nil {
		return none, err
	}
	if err := reply.Decode(answer); err != nil {
		return none, answerError(to, err)
	}
	return answer, nil
}

// answerError is about a reply that its asker cannot read. The handler has done its work.
func answerError(to Ref, err error) error {
	f := refusalOf(err)
	e := newError(f.code, to.text, "the reply: "+f.detail)
	e.Effect, e.ReaderVersion = EffectDone, f.reader
	if f.code == CodeUnsupportedType {
		e.says = sentence{
			"the actor handled it, and its reply is of another type than the asker expects",
			"ask for the reply that the actor's protocol names",
		}
	}
	return e
}

// Ask asks, and waits for the reply, at most 5 s or as [Timeout] says. The error says why there is none, and whether the
// handler's effect happened. It is sent by the actor whose context is given, or by outside code.
func (n *Node) Ask(ctx context.Context, to Ref, message proto.Message, options ...AskOption) (*Message, error) {
	return n.askWith(ctx, to, message, options, asking{})
}

func (n *Node) askWith(
	ctx context.Context, to Ref, message proto.Message, options []AskOption, how asking,
) (reply *Message, err error) {
	within := defaultTimeout
	if len(options) > 0 { // else nothing is allocated for them
		o := askOptions{within: within}
		for _, set := range options {
			set(&o)
		}
		within = o.within
	}
	from := n.outside
	if t := turnOf(ctx); t != nil {
		if _, err := t.stages(); err != nil {
			return nil, err
		}
		t.flushBefore(ctx)
		from, how.path = t.cell.sender(), t.askPath()
	}
	if message != nil {
		how.name = infoOf(message).name
	}
	ctx, end := n.askSpan(ctx, to, how.name)
	defer func() { end(err) }()
	how.within, how.codec, how.trace = within, n.codecOf(to), n.traceOf(ctx)
	return n.ask(ctx, from, to, message, how)
}

// waiter is who waits for an answer, and how far the ask has come. It is guarded by the node's asksMu.
type waiter struct {
	placed placed
	caller chan *Message // and, of one who wants events too,
	events chan came     // or
	actor  string        // its path
	asked  string        // whom it asks, for people, and
	since  uint64        // when: milliseconds of the node
	timer  *time.Timer   // of a caller, used again
	inside inside
}

// timerAt is a timer for the end of the wait. It is to be stopped.
func (w *waiter) timerAt(until time.Time) *time.Timer {
	if w.timer == nil {
		w.timer = time.NewTimer(time.Until(until))
	} else {
		w.timer.Reset(time.Until(until))
	}
	return w.timer
}

// newWaiter is one of this node's, used again: what is in it may belong to a bubble of testing/synctest that the node is in.
func (n *Node) newWaiter() *waiter {
	if w, ok := n.waiters.Get().(*waiter); ok {
		return w
	}
	return &waiter{caller: make(chan *Message, 1)}
}

// freeWaiter is for a waiter that is in no table any more, whose channel is empty, and whose timer is stopped.
func (n *Node) freeWaiter(w *waiter) {
	w.placed = placed{}
	n.waiters.Put(w)
}

func (n *Node) beginAsk(now, deadline uint64, w *waiter, to Ref) (uint64, error) {
	w.asked, w.since = to.text, now
	n.asksMu.Lock()
	defer n.asksMu.Unlock()
	if n.asksOver {
		return 0, n.stopped(to.text)
	}
	correlation, ok := n.asks.Begin(deadline, w)
	if !ok {
		return 0, newError(CodeMailboxFull, to.text, "this node waits for a million asks already")
	}
	if w.inside.asker != nil {
		n.enterAsk(w, correlation)
	}
	return correlation, nil
}

func (n *Node) endAsk(correlation uint64) *waiter {
	n.asksMu.Lock()
	defer n.asksMu.Unlock()
	w, _ := n.asks.End(correlation)
	return w
}

// uncountAsk is for an ask that has ended and is made in another way.
func (n *Node) uncountAsk() {
	n.asksMu.Lock()
	defer n.asksMu.Unlock()
	n.asks.Uncount()
}

// notePlaced remembers where an ask went: what a lost link says of it depends on it.
func (n *Node) notePlaced(out *outgoing, where placed) {
	if out.what.Kind != uint32(pb.Kind_KIND_ASK) || where.link == nil {
		return
	}
	n.asksMu.Lock()
	if w := n.asks.Get(out.correlation); w != nil {
		(*w).placed = where
	}
	n.asksMu.Unlock()
	if where.link.isStray(where.stream, where.seq) { // or the way behind a relay
		if w := n.endAsk(out.correlation); w != nil {
			n.failWaiter(out.correlation, w, CodeOutcomeUnknown, where.link.whyStray())
		}
	}
	if down := where.link.over.Load(); down != nil { // it may have looked for the asks that went by it already
		if w := n.endAsk(out.correlation); w != nil {
			n.askLost(out.correlation, w, down)
		}
	}
}

// bodies are memory of raw asks that were copied when they were sent.
var bodies = sync.Pool{New: func() any { return new([]byte) }}

// asking is how an ask is made.
type asking struct {
	within time.Duration
	path   []uint64 // of the asks that wait for it
	inline bool     // it is declared so, and this is what its reply is
	wants  *wire.What
	codec  Codec
	trace  *Trace
	name   string // of the message's type
	// raw and payload are what is sent, where it is no message; or encode makes it.
	raw     *RawType
	payload []byte
	encode  func(wire.BodyFields) (outgoing, error)
}

// earlyEnd is how long before its asker's time is over the handler's may be. Whole milliseconds are told, so up to one is lost there, the
// receiver takes one off, since none would be no deadline, and counts whole ones of its own clock.
const earlyEnd = 3 * time.Millisecond

// ask asks and waits for the answer, the deadline, the link's end or ctx.
func (n *Node) ask(ctx context.Context, from *sender, to Ref, message proto.Message, how asking) (*Message, error) {
	until := time.Now().Add(min(how.within, longest))
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	answer, err := n.askUntil(ctx, until, from, to, message, how)
	n.countAsk(err)
	return answer, inTime(ctx, until, err)
}

// inTime is an error of an ask, with the end of its asker's time if that is over.
func inTime(ctx context.Context, until time.Time, err error) error {
	if e, ok := err.(*Error); ok && e.cause == nil {
		// What ended first, the handler or the wait for it, is a race: the asker finds the end of its own time in both.
		if e.ended = ctx.Err(); e.ended == nil && time.Until(until) <= earlyEnd {
			e.ended = context.DeadlineExceeded
		}
	}
	return err
}

func (n *Node) askUntil(
	ctx context.Context, until time.Time, from *sender, to Ref, message proto.Message, how asking,
) (*Message, error) {
	now := n.now()
	deadline := max(millis(until.Sub(n.start)), now+1)
	w := n.newWaiter()
	// The caller's own timer says more of the end than the table's: that one is for a caller that is never scheduled.
	correlation, err := n.beginAsk(now, deadline+lateEnd, w, to)
	if err != nil {
		return nil, err
	}
	fields := wire.BodyFields{Correlation: correlation, AskPath: how.path, Trace: how.trace}
	var out outgoing
	var memory *[]byte
	switch {
	case how.raw != nil:
		memory = bodies.Get().(*[]byte)
		out = how.raw.outgoingIn(*memory, how.raw.ask, how.payload, fields)
	case how.encode != nil:
		out, err = how.encode(fields)
	default:
		out, err = newOutgoingIn(how.codec, pb.Kind_KIND_ASK, message, fields)
	}
	if err != nil {
		n.endAsk(correlation)
		return nil, err
	}
	out.deadline = deadline
	taken := false
	if how.inline && ctx.Err() == nil {
		var answer *Message
		if answer, taken = n.askNow(ctx, w, from, to, &out, how.wants); answer != nil {
			if n.endAsk(correlation) != nil { // so nobody else answers it any more
				n.freeWaiter(w)
			}
			return readAnswer(to, answer)
		}
	}
	where := w.placed
	if !taken {
		if where, err = n.placeAsk(ctx, until, from, to, &out); err != nil {
			n.endAsk(correlation)
			return nil, err
		}
		n.notePlaced(&out, where)
	}
	if memory != nil && where.copied {
		*memory = out.body
		bodies.Put(memory)
	}
	return n.awaitAnswer(ctx, until, w, where, from, to, correlation)
}

// awaitAnswer waits for the answer, which a link or node that ends gives too, or the end of the wait.
func (n *Node) awaitAnswer(
	ctx context.Context, until time.Time, w *waiter, where placed, from *sender, to Ref, correlation uint64,
) (*Message, error) {
	timer := w.timerAt(until)
	select {
	case answer := <-w.caller:
		timer.Stop()
		n.freeWaiter(w)
		return readAnswer(to, answer)
	case <-ctx.Done():
		timer.Stop()
		return n.withdraw(ctx.Err(), w, where, from, to, correlation)
	case <-timer.C:
		return n.withdraw(context.DeadlineExceeded, w, where, from, to, correlation)
	}
}

// endAsks: the node ends, and whoever waits for an answer is told. It is no channel that all of them wait on: each would take turns
// with all others at its lock.
func (n *Node) endAsks() {
	n.asksMu.Lock()
	n.asksOver = true
	waiting := n.asks.EndWhere(func(w **waiter) bool { return (*w).caller != nil }, nil)
	n.asksMu.Unlock()
	for _, ask := range waiting {
		n.failWaiter(ask.Correlation, ask.Waiter, CodeOutcomeUnknown, "node "+n.name+" is shutting down")
	}
}

// placeAsk sends an ask, and waits for room until its time is over.
func (n *Node) placeAsk(ctx context.Context, until time.Time, from *sender, to Ref, out *outgoing) (placed, error) {
	if o := from.known(to); o != nil && ctx.Err() == nil { // as nearly always: it goes at once
		if where, result, err := o.trySend(n, out, true); err == nil && result == sentDone {
			return where, nil
		}
	}
	limited, cancel := context.WithDeadline(ctx, until)
	defer cancel()
	where, err := n.place(limited, from, to, out)
	if errors.Is(err, context.DeadlineExceeded) {
		err = gaveUp(to, context.DeadlineExceeded, "it never left: there was no room in time")
	}
	return where, err
}

func readAnswer(to Ref, answer *Message) (*Message, error) {
	if err := answer.failure(to.text); err != nil {
		return nil, err
	}
	return answer, nil
}

// withdraw ends an ask whose caller waits no longer, unless the answer is there by now.
func (n *Node) withdraw(
	cause error, w *waiter, where placed, from *sender, to Ref, correlation uint64,
) (*Message, error) {
	if n.endAsk(correlation) == nil {
		return readAnswer(to, <-w.caller)
	}
	if where.cell != nil {
		m := where.cell.cancelAsk(func(m *Message) bool {
			return m.correlation == correlation && m.who.ReplyTo == from.replyTo
		})
		if m != nil {
			where.cell.release(m.permit())
			return nil, gaveUp(to, cause, "it was still in the mailbox")
		}
	} else if where.seq == 0 { // it was taken beside the packets
		where.link.cancelBeside(where.flow, correlation)
	} else {
		where.link.cancel(where.flow, where.stream, where.seq)
	}
	detail := "the asker gave up"
	if errors.Is(cause, context.DeadlineExceeded) {
		detail = "no answer in time"
	}
	e := newError(CodeOutcomeUnknown, to.text, detail)
	e.cause = cause
	return nil, e
}

// answer brings an answer to the node that asked.
func (n *Node) answer(replyTo string, out *outgoing) {
	to, err := ParseRef(replyTo)
	if err != nil {
		n.log.Warn("an answer has no valid address to go to", "address", replyTo)
		return
	}
	if host := to.Host(); host != "" && host != n.name {
		link := n.linkTo(host)
		if link == nil && n.answerBeyond(host, replyTo, out) {
			return
		}
		if link != nil { // an ask of this node may have the same correlation
			n.emitterAnswered(link, out.correlation)
		}
		n.answerBy(link, replyTo, out)
		return
	}
	n.emitterAnswered(nil, out.correlation)
	n.answered(out.message(n, noWho))
}

// answerBy sends an answer by a link, or why the asker's node could not read it: the handler has done its work.
func (n *Node) answerBy(link *linkEnd, replyTo string, out *outgoing) {
	if link != nil {
		readable, unsupported := link.forPeer(out, replyTo)
		if unsupported != nil {
			f := unsupported.failure()
			f.detail, f.effect = "the reply: "+f.detail, EffectDone
			readable = failureOut(out.correlation, &f, nil)
		}
		if link.sendOffStream(readable) {
			return
		}
	}
	n.log.Warn("an answer was lost: no link to its asker is up", "address", replyTo)
}

func (n *Node) answerFailure(replyTo string, correlation uint64, f *failure, trace *Trace) {
	n.answer(replyTo, failureOut(correlation, f, trace))
}

// answered takes an answer that has come to this node.
func (n *Node) answered(m *Message) {
	w := n.endAsk(m.correlation)
	if w == nil {
		n.dead.lateReply()
		return
	}
	n.handOver(w, m)
}

func (n *Node) handOver(w *waiter, answer *Message) {
	if w.caller != nil {
		w.caller <- answer
		return
	}
	if failure := answer.failure(w.asked); failure != nil {
		n.countAsk(failure)
	}
	n.answerMoved(w.actor, requestKey{n.name, answer.correlation}, answer)
}

func (n *Node) failWaiter(correlation uint64, w *waiter, code Code, detail string) {
	f := failed(code, detail)
	n.handOver(w, failureOut(correlation, &f, nil).message(n, noWho))
}

// tickAsks: time passes, and requests expire.
func (n *Node) tickAsks() {
	n.asksMu.Lock()
	now := n.now()
	expired := n.asks.Expire(now, nil)
	inside := n.asksInside()
	n.asksMu.Unlock()
	for _, ask := range inside {
		ask.look(now)
	}
	for _, ask := range expired {
		n.failWaiter(ask.Correlation, ask.Waiter, CodeOutcomeUnknown, "no answer in time")
	}
}
