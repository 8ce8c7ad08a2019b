package actorbridge

import (
	"context"
	"iter"
	"sync"
	"time"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A Subscription is the events of one ask. It holds at most 32 that nobody has taken; beyond that its actor waits. One goroutine at
// a time reads it. Close it, or read it to its end.
type Subscription struct {
	node        *Node
	ctx         context.Context
	cancel      context.CancelFunc
	from        *sender
	to          Ref
	waiter      *waiter
	placed      placed
	correlation uint64
	taken, told uint64
	by          *linkEnd // the link by which the last event came; nil = none, or from an actor of this node
	last        *Message // the answer, while events before it are read
	reply       *Message
	once        sync.Once
}

// came is an event, and by which link it came; nil = from an actor of this node.
type came struct {
	by      *linkEnd
	message *Message
}

// Subscribe asks for events: those that the actor sends by [Message.Emit] before it replies. They come until the reply, a failure,
// the end of ctx or of [Timeout] (there is none unless it is given), or [Subscription.Close]. An error of Subscribe means that the
// ask was certainly not handled. It is asked by the actor whose context is given, or by outside code.
func (n *Node) Subscribe(ctx context.Context, to Ref, message proto.Message, options ...AskOption) (*Subscription, error) {
	o := askOptions{within: longest}
	for _, set := range options {
		set(&o)
	}
	from, path := n.outside, []uint64(nil)
	if t := turnOf(ctx); t != nil {
		if _, err := t.stages(); err != nil {
			return nil, err
		}
		t.flushBefore(ctx)
		from, path = t.cell.sender(), t.askPath()
	}
	trace := n.traceOf(ctx)
	return n.subscribe(ctx, from, to, o.within, func(fields wire.BodyFields) (outgoing, error) {
		fields.AskPath, fields.Trace = path, trace
		return newOutgoingIn(n.codecOf(to), pb.Kind_KIND_ASK, message, fields)
	})
}

// subscribe is the same for what encode makes.
func (n *Node) subscribe(
	ctx context.Context, from *sender, to Ref, within time.Duration, encode func(wire.BodyFields) (outgoing, error),
) (*Subscription, error) {
	s := &Subscription{node: n, from: from, to: to, told: eventWindow}
	s.ctx, s.cancel = context.WithTimeout(ctx, min(within, longest))
	s.waiter = &waiter{caller: make(chan *Message, 1), events: make(chan came, eventWindow)}
	if err := s.ask(encode, within < longest); err != nil {
		s.cancel()
		n.countAsk(err)
		return nil, err
	}
	return s, nil
}

func (s *Subscription) ask(encode func(wire.BodyFields) (outgoing, error), limited bool) error {
	n := s.node
	until, _ := s.ctx.Deadline()
	now := n.now()
	deadline := max(millis(until.Sub(n.start)), now+1)
	var err error
	if s.correlation, err = n.beginAsk(now, deadline+lateEnd, s.waiter, s.to); err != nil {
		return err
	}
	out, err := encode(wire.BodyFields{Correlation: s.correlation})
	if err == nil {
		if limited || time.Until(until) < longest-time.Hour { // of its context
			out.deadline = deadline
		}
		s.placed, err = n.placeAsk(s.ctx, until, s.from, s.to, &out)
	}
	if err != nil {
		n.endAsk(s.correlation)
		return err
	}
	n.notePlaced(&out, s.placed)
	return nil
}

// All gives the events one by one; [Message.Decode] reads them. It ends with the reply, or with an error, as of [Node.Ask], that
// says why no more events come. To break out of it closes the subscription.
func (s *Subscription) All() iter.Seq2[*Message, error] {
	return func(yield func(*Message, error) bool) {
		defer s.Close()
		for {
			event, err := s.next()
			if event == nil && err == nil || !yield(event, err) || err != nil {
				return
			}
		}
	}
}

// next is the next event; nil = the actor has replied.
func (s *Subscription) next() (*Message, error) {
	if s.reply != nil {
		return nil, nil
	}
	if s.last == nil {
		select { // what is there comes before what ends it here
		case event := <-s.waiter.events:
			return s.took(event), nil
		default:
		}
		select {
		case event := <-s.waiter.events:
			return s.took(event), nil
		case s.last = <-s.waiter.caller:
		case <-s.ctx.Done():
			return nil, s.giveUp(s.ctx.Err())
		}
	}
	select { // they came before the answer
	case event := <-s.waiter.events:
		return s.took(event), nil
	default:
	}
	reply, err := readAnswer(s.to, s.last)
	s.reply = reply
	s.end(err)
	return nil, err
}

// giveUp ends it before its end: its time is over, or nobody wants more.
func (s *Subscription) giveUp(cause error) (err error) {
	s.once.Do(func() {
		s.cancel()
		if s.last != nil { // it has ended; not all of its events were read
			return
		}
		s.reply, err = s.node.withdraw(cause, s.waiter, s.placed, s.from, s.to, s.correlation)
		if s.by != nil && s.by != s.placed.link {
			s.node.tellOver(s.by, s.correlation)
		}
		s.node.tellOver(s.placed.link, s.correlation)
		s.node.countAsk(err)
	})
	return err
}

// end: it has its answer.
func (s *Subscription) end(err error) {
	s.once.Do(func() {
		s.cancel()
		s.node.countAsk(err)
	})
}

// Reply is what the actor replied in the end; nil before All has ended well.
func (s *Subscription) Reply() *Message { return s.reply }

// Close ends the subscription: its actor is told. It may be called again, and does nothing after the end.
func (s *Subscription) Close() { _ = s.giveUp(context.Canceled) }

// took makes room for another event; the actor is told of it now and then.
func (s *Subscription) took(event came) *Message {
	s.taken++
	s.by = event.by
	if upto := s.taken + eventWindow; upto-s.told >= eventWindow/2 {
		s.told = upto
		s.node.tellEmitter(event.by, &pb.EventCredit{Correlation: s.correlation, Upto: upto})
	}
	return event.message
}

// eventCame takes an event that has come by a link; nil = from an actor of this node.
func (n *Node) eventCame(by *linkEnd, m *Message) {
	n.asksMu.Lock()
	w := n.asks.Get(m.correlation)
	gone, unread, full := w == nil, w != nil && (*w).events == nil, false
	if !gone && !unread {
		full = len(m.body) > maxEvent
		select {
		case (*w).events <- came{by, m}:
		default:
			full = true
		}
	}
	n.asksMu.Unlock()
	switch {
	case gone:
		n.dead.lateReply()
		n.tellOver(by, m.correlation)
	case unread:
		n.tellEmitter(by, &pb.EventCredit{Correlation: m.correlation, Unread: true})
	case full:
		if w := n.endAsk(m.correlation); w != nil {
			n.failWaiter(m.correlation, w, CodeOutcomeUnknown, "its actor's node sends more events, or larger ones, than it may")
		}
		n.tellOver(by, m.correlation)
	}
}

func (n *Node) tellOver(link *linkEnd, correlation uint64) {
	n.tellEmitter(link, &pb.EventCredit{Correlation: correlation, Over: true})
}

// tellEmitter tells the node at the other end of a link; nil = this one.
func (n *Node) tellEmitter(link *linkEnd, credit *pb.EventCredit) {
	if link == nil {
		n.eventCredit(0, credit)
	} else if system, err := pinnedRef(link.peerName(), systemPath); err == nil {
		n.notify(system, notice(pb.Kind_KIND_TELL, credit))
	}
}

// Subscribe asks for events of type T: see [Node.Subscribe]. They end with the actor's reply, whatever it is. In an actor, ctx is its
// [Context] or derived from it; otherwise to is a Ref of a node.
func Subscribe[T proto.Message](ctx context.Context, to Ref, message proto.Message, options ...AskOption) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		var none T
		node, err := to.nodeFor(ctx)
		if err != nil {
			yield(none, err)
			return
		}
		subscription, err := node.Subscribe(ctx, to, message, options...)
		if err != nil {
			yield(none, err)
			return
		}
		for message, err := range subscription.All() {
			event := none
			if err == nil {
				var ok bool
				if event, ok = none.ProtoReflect().New().Interface().(T); !ok {
					err = newError(CodeInvalidArgument, to.text, "the type of the events has no messages of its own")
				} else if unreadable := message.Decode(event); unreadable != nil {
					event, err = none, answerError(to, unreadable)
				}
			}
			if !yield(event, err) || err != nil {
				return
			}
		}
	}
}
