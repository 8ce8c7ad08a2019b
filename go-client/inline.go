package actorbridge

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// AskInline is [Ask] for a method that is declared inline: generated code calls it. Where the actor is behind a door that can do
// so (native), and has nothing else to do, its handler runs on the asking goroutine: then the ask is over when it returns. The end of
// ctx, and of its time, trips the handler's token a moment later, and does no more. Everywhere else, and at other times, it is an ask
// like any other.
func AskInline[T proto.Message](ctx context.Context, to Ref, message proto.Message, options ...AskOption) (T, error) {
	return ask[T](ctx, to, message, options, true)
}

// inlineAsks counts the asks whose handlers run on asking goroutines: each keeps a thread of the operating system.
var inlineAsks atomic.Int64

// inlinePerProc is how many there may be for each of GOMAXPROCS.
const inlinePerProc = 4

// inlineReply is how many bytes an answer may have that comes at once; a larger one comes as others do.
const inlineReply = 8 << 10

// scratch is the memory of one inline ask, used again for the next.
type scratch struct {
	body []byte
	room [inlineReply]byte
}

var scratches = sync.Pool{New: func() any { return new(scratch) }}

// inlinePath is the way of an ask whose handler runs on this goroutine.
type inlinePath struct {
	link   *linkEnd
	asker  door.Asker
	flow   uint32
	typeID uint32
	stream uint64 // that the flow stands for
}

// beside is how an ask of a type goes beside the packets of the link that it goes by, if that can be now. It is to be done with end.
func (s *sender) beside(to Ref, what *wire.What, size int) (b inlinePath, ok bool) {
	if b.link, b.flow, b.stream = s.outlet(to).flowNow(); b.link == nil {
		return b, false
	}
	if b.asker, b.typeID = b.link.asksBeside(b.flow, what, size); b.asker == nil {
		return b, false
	}
	// GOMAXPROCS takes a lock: it is asked only where it matters.
	if now := inlineAsks.Add(1); now > inlinePerProc && now > int64(inlinePerProc*runtime.GOMAXPROCS(0)) {
		b.end()
		return b, false
	}
	return b, true
}

func (inlinePath) end() { inlineAsks.Add(-1) }

// askNow has an ask handled on this goroutine, if that can be. The answer is nil if it was not handled; taken: it was all the
// same, and its answer comes.
func (n *Node) askNow(
	ctx context.Context, w *waiter, from *sender, to Ref, out *outgoing, wants *wire.What,
) (answer *Message, taken bool) {
	if out.what.MinReader > 1 { // the peer may read an older version only
		return nil, false
	}
	b, ok := from.beside(to, out.what, len(out.body))
	if !ok {
		return nil, false
	}
	defer b.end()
	n.asksMu.Lock()
	w.placed = placed{link: b.link, flow: b.flow}
	w.inside = b.inside(ctx, out.deadline)
	n.enterAsk(w, out.correlation)
	n.asksMu.Unlock()
	memory := scratches.Get().(*scratch)
	defer scratches.Put(memory)
	ttl := machine.TTL(out.deadline, n.now())
	envelope, taken := b.asker.Ask(b.flow, b.stream, b.typeID, ttl, out.body, memory.room[:])
	isOver := !n.setLeft(w, out.correlation, !taken && envelope == nil)
	if (taken || envelope != nil) && n.taps.any() {
		b.see(out.what, out.body, envelope)
	}
	if envelope != nil {
		if m := readReply(n, wants, envelope); m != nil {
			return m, true
		}
	}
	return nil, taken || isOver // its link is over, and it is answered
}

// readReply makes a message of an envelope, which is copied; nil = it is none.
func readReply(n *Node, wants *wire.What, envelope []byte) *Message {
	what := noWhat
	if bytes.HasPrefix(envelope, wants.Bytes) { // as nearly always: then what it is need not be read
		what = wants
	}
	m, refusal := readMessage(n, noWho, what, bytes.Clone(envelope[len(what.Bytes):]))
	if refusal != nil {
		return nil
	}
	return m
}

// correlationOverhead is what a correlation takes in a body, at most.
const correlationOverhead = 11

// A quick ask is one of outside code that is asked and answered in memory that is used again.
type quick struct {
	what, wants *wire.What
	// size is the payload's.
	size int
	// A message is asked, and its reply is read into answer; or, without one, raw is asked, and reply is the reply.
	message, answer proto.Message
	raw, reply      []byte
}

// put appends the payload.
func (q *quick) put(b []byte) ([]byte, error) {
	if q.message == nil {
		return append(b, q.raw...), nil
	}
	return proto.MarshalOptions{UseCachedSize: true}.MarshalAppend(b, q.message)
}

// read reads the reply's payload, which is not its to keep.
func (q *quick) read(payload []byte) error {
	if q.message == nil {
		q.reply = bytes.Clone(payload)
		return nil
	}
	return proto.Unmarshal(payload, q.answer)
}

// askQuick is askNow for a quick ask. Not done: ask the usual way. Done without an error: read was called, or the answer is another one
// than it wants.
func (n *Node) askQuick(ctx context.Context, to Ref, q *quick) (other *Message, done bool, err error) {
	b, ok := n.outside.beside(to, q.what, q.size+plainOverhead+correlationOverhead)
	if !ok {
		return nil, false, nil
	}
	defer b.end()
	now := n.now()
	w := n.newWaiter()
	deadline := now + uint64(defaultTimeout/time.Millisecond)
	w.placed, w.inside = placed{link: b.link, flow: b.flow}, b.inside(ctx, deadline)
	correlation, err := n.beginAsk(now, deadline+lateEnd, w, to)
	if err != nil {
		return nil, true, err
	}
	memory := scratches.Get().(*scratch)
	defer scratches.Put(memory)
	var envelope []byte
	taken := false
	if err = memory.write(correlation, q); err == nil {
		envelope, taken = b.asker.Ask(b.flow, b.stream, b.typeID, uint32(defaultTimeout/time.Millisecond), memory.body, memory.room[:])
		if (taken || envelope != nil) && n.taps.any() {
			b.see(q.what, memory.body, envelope)
		}
	}
	if taken && envelope == nil {
		n.setLeft(w, correlation, false)
		until := n.quickUntil(ctx, now)
		other, err = n.awaitAnswer(ctx, until, w, w.placed, n.outside, to, correlation)
		n.countAsk(err)
		return other, true, inTime(ctx, until, err)
	}
	if n.endInside(w, correlation) { // so nobody else answers it any more
		n.freeWaiter(w)
	}
	if envelope == nil {
		n.uncountAsk()
		return nil, false, nil // also what does not encode: the usual way says so
	}
	if other, err = q.readReply(n, to, correlation, envelope); err != nil {
		n.countAsk(err)
		err = inTime(ctx, n.quickUntil(ctx, now), err)
	}
	return other, true, err
}

// quickUntil is how long a quick ask that was made then may take.
func (n *Node) quickUntil(ctx context.Context, asked uint64) time.Time {
	until := n.timeOf(asked).Add(defaultTimeout)
	if end, ok := ctx.Deadline(); ok && end.Before(until) {
		until = end
	}
	return until
}

// write writes the body of an ask.
func (m *scratch) write(correlation uint64, q *quick) (err error) {
	m.body = wire.AppendBody(m.body[:0], wire.BodyFields{Correlation: correlation}, nil)
	if q.size > 0 {
		m.body = wire.AppendPayloadHead(m.body, q.size)
		end := len(m.body) + q.size
		if m.body, err = q.put(m.body); err == nil && len(m.body) != end {
			err = errChanged
		}
	}
	return err
}

var errChanged = errors.New("the message was changed while it was encoded")

// readReply reads an answer that came at once; one that is not what is wanted is copied.
func (q *quick) readReply(n *Node, to Ref, correlation uint64, envelope []byte) (*Message, error) {
	if bytes.HasPrefix(envelope, q.wants.Bytes) { // as nearly always
		if payload, ok := wire.ReplyPayload(envelope[len(q.wants.Bytes):], correlation); ok && q.read(payload) == nil {
			return nil, nil
		}
		var e wire.Envelope
		refusal := e.ReadBody(envelope[len(q.wants.Bytes):], q.wants.Present)
		if refusal == nil && e.ContentType == 0 && q.read(e.Payload) == nil { // else it is in another codec than it wants
			return nil, nil
		}
	}
	m := readReply(n, noWhat, envelope)
	if m == nil {
		return nil, newError(CodeUndecodable, to.text, "the answer is no envelope")
	}
	return readAnswer(to, m)
}

// isQuick says whether an inline ask may be a quick one.
func (n *Node) isQuick(ctx context.Context, options []AskOption) bool {
	return len(options) == 0 && ctx.Err() == nil && turnOf(ctx) == nil && n.spanOf(ctx) == nil
}

// askQuickly is an ask of a message whose reply is read into answer, if it can be a quick one.
func (n *Node) askQuickly(ctx context.Context, to Ref, message, answer proto.Message) (other *Message, done bool, err error) {
	info := infoOf(message)
	if info.minReader > 1 { // the peer may read an older version only
		return nil, false, nil
	}
	return n.askQuick(ctx, to, &quick{
		what: info.ask, wants: infoOf(answer).reply, size: proto.Size(message), message: message, answer: answer,
	})
}

// askRawNow is the same for raw messages.
func (n *Node) askRawNow(ctx context.Context, to Ref, t *RawType, payload []byte) (reply []byte, done bool, err error) {
	q := quick{what: t.ask, wants: t.reply, size: len(payload), raw: payload}
	other, done, err := n.askQuick(ctx, to, &q)
	if err == nil && other != nil {
		q.reply, err = t.read(to, other)
	}
	return q.reply, done, err
}

// noWhat is of a message that says itself what it is.
var noWhat = &wire.What{}

// flowNow is the flow, and its stream, of a link that a message would go by at once, or none.
func (o *outlet) flowNow() (link *linkEnd, flow uint32, stream uint64) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, 0, 0
	}
	return o.link, o.flow, o.stream
}

// asksBeside says whether an ask may go beside the link's packets now, and by whom: all that was sent before has been acted on, also
// what says the peer which flow and which type they are.
func (l *linkEnd) asksBeside(flow uint32, what *wire.What, size int) (asker door.Asker, typeID uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asker == nil || l.carrying || l.unsent != nil {
		return nil, 0
	}
	if typeID = l.machine.Beside(flow, what, size); typeID == 0 {
		return nil, 0
	}
	return l.asker, typeID
}
