package actorbridge

import (
	"bytes"
	"context"
	"runtime"
	"sync/atomic"

	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// AskInline is [Ask] for a method that is declared inline: generated code calls it. Where the actor is behind a door that can do
// so (native), and has nothing else to do, its handler runs on the asking goroutine: then the ask is over when it returns, and
// neither ctx nor its deadline interrupts it. Everywhere else, and at other times, it is an ask like any other.
func AskInline[T proto.Message](ctx context.Context, to Ref, message proto.Message, options ...AskOption) (T, error) {
	return ask[T](ctx, to, message, options, true)
}

// inlineAsks counts the asks whose handlers run on asking goroutines: each keeps a thread of the operating system.
var inlineAsks atomic.Int64

// inlinePerProc is how many there may be for each of GOMAXPROCS.
const inlinePerProc = 4

// askNow has an ask handled on this goroutine, if that can be. The answer is nil if it was not handled; taken: it was all the
// same, and its answer comes.
func (n *Node) askNow(
	from *sender, to Ref, out *outgoing, w *waiter, wants *wire.What,
) (answer *Message, taken bool) {
	l, flow := from.outlet(to).flowNow()
	if l == nil {
		return nil, false
	}
	readable, unsupported := l.forPeer(out, to.text)
	if unsupported != nil {
		return nil, false // the usual way says so
	}
	asker, typeID := l.asksBeside(flow, readable)
	if asker == nil {
		return nil, false
	}
	defer inlineAsks.Add(-1)
	if inlineAsks.Add(1) > int64(inlinePerProc*runtime.GOMAXPROCS(0)) {
		return nil, false
	}
	n.setPlaced(w, placed{link: l, flow: flow})
	ttl := uint32(min(readable.deadline-min(readable.deadline, n.now()), 1<<31))
	envelope, taken := asker.Ask(flow, typeID, max(ttl, 1), readable.body)
	if envelope != nil {
		what := noWhat
		if bytes.HasPrefix(envelope, wants.Bytes) { // as nearly always: then what it is need not be read
			what = wants
		}
		if m, refusal := readMessage(n, noWho, what, envelope[len(what.Bytes):]); refusal == nil {
			return m, true
		}
	}
	if !taken {
		n.setPlaced(w, placed{})
	}
	return nil, taken
}

// noWhat is of a message that says itself what it is.
var noWhat = &wire.What{}

func (n *Node) setPlaced(w *waiter, where placed) {
	n.asksMu.Lock()
	defer n.asksMu.Unlock()
	w.placed = where
}

// flowNow is the flow of a link that a message would go by at once, or none.
func (o *outlet) flowNow() (*linkEnd, uint32) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.closed {
		return nil, 0
	}
	return o.link, o.flow
}

// asksBeside says whether an ask may go beside the link's packets now, and by whom: all that was sent before has been acted on, also
// what says the peer which flow and which type they are.
func (l *linkEnd) asksBeside(flow uint32, out *outgoing) (asker door.Asker, typeID uint32) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.asker == nil || l.carrying {
		return nil, 0
	}
	if typeID = l.machine.Beside(flow, out.what, len(out.body)); typeID == 0 {
		return nil, 0
	}
	return l.asker, typeID
}
