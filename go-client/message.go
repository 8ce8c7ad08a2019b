package actorbridge

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// permit is how a message's place in a mailbox is given back: to a stream, or, without link, as a local one.
type permit struct {
	stream machine.StreamKey
	seq    uint64
}

// A Message is one message as an actor gets it. It is always encoded, so that nothing is shared between two actors: who ++
// what ++ body are the bytes that its sender wrote.
type Message struct {
	*head
	payload []byte
	seq     uint64      // in its stream
	owed    atomic.Bool // an answer is owed
	turn    turn        // while it is handled
}

// head is what is known of a message beside its payload. The messages of a run have one together, so that each is small.
type head struct {
	node *Node
	who  *wire.Who
	what *wire.What
	// stream is the one that it came on; without a link there is none.
	stream   machine.StreamKey
	hops     uint32
	deadline uint64 // milliseconds of the node's clock; 0 = none
	// isShared: it is of more than one message, which have nothing of what follows.
	isShared    bool
	traced      bool   // it may be in a trace: its body has a context
	asks        uint32 // entries of the ask path
	correlation uint64
	body        []byte // nothing: the payload is all there is
	note        []byte
	slot        string // of an answer to a request: the node that made it
}

// spares are messages that are used again: answers whose askers have read them.
var spares sync.Pool

// reuse is for a message that nobody else has.
func (m *Message) reuse() {
	h := m.head
	*h = head{}
	m.payload, m.seq, m.turn = nil, 0, turn{}
	m.owed.Store(false)
	spares.Put(m)
}

// newAnswer is newMessage for an answer.
func newAnswer(h head, payload []byte) *Message {
	m, ok := spares.Get().(*Message)
	if !ok {
		return newMessage(h, payload)
	}
	*m.head, m.payload = h, payload
	return m
}

// newMessage is a message with a head of its own, made at once.
func newMessage(h head, payload []byte) *Message {
	m := &struct {
		Message
		own head
	}{own: h}
	m.head, m.payload = &m.own, payload
	return &m.Message
}

// ownHead is its head, to be changed: it is of this message alone.
func (m *Message) ownHead() *head {
	if m.isShared {
		h := *m.head
		h.isShared = false
		m.head = &h
	}
	return m.head
}

// permit is its place in a mailbox.
func (m *Message) permit() permit { return permit{m.stream, m.seq} }

// takeLocal: its place is a local one.
func (m *Message) takeLocal() {
	if m.stream.Link != 0 {
		h := m.ownHead()
		h.stream, m.seq = machine.StreamKey{}, 0
	}
}

// The fields that a who and a what may have.
const (
	whoFields  wire.Presence = 1<<4 | 1<<5 | 1<<10 | 1<<19
	whatFields wire.Presence = 1<<1 | 1<<6 | 1<<7 | 1<<8 | 1<<9 | 1<<14
)

// readMessage reads a message from its three parts. A field of who or what may be in the body instead, each once.
func readMessage(node *Node, who *wire.Who, what *wire.What, body []byte) (*Message, *wire.Refusal) {
	var e wire.Envelope
	if refusal := e.ReadBody(body, who.Present|what.Present); refusal != nil {
		return nil, refusal
	}
	inBody := e.Present &^ (who.Present | what.Present)
	if inBody&whoFields != 0 {
		who = &wire.Who{
			Source: cmp.Or(string(e.Source), who.Source), Target: cmp.Or(string(e.Target), who.Target),
			ReplyTo: cmp.Or(string(e.ReplyTo), who.ReplyTo), Tenant: cmp.Or(string(e.Tenant), who.Tenant),
			Present: who.Present, Bytes: who.Bytes,
		}
	}
	if inBody&whatFields != 0 {
		what = mergedWhat(what, wire.WhatOf(&e, nil))
	}
	h := head{
		node: node, who: who, what: what, body: body, correlation: e.Correlation, asks: e.AskPathLen,
		traced: len(e.Trace) > 0,
	}
	if what.Kind == uint32(pb.Kind_KIND_REPLY) {
		return newAnswer(h, e.Payload), nil
	}
	return newMessage(h, e.Payload), nil
}

// mergedWhat is what a message is when its body says part of it. The prefix stays as it was: the body is written after it.
func mergedWhat(what, body *wire.What) *wire.What {
	return &wire.What{
		Kind: max(what.Kind, body.Kind), TypeName: cmp.Or(body.TypeName, what.TypeName),
		Version: max(what.Version, body.Version), MinReader: max(what.MinReader, body.MinReader),
		ContentType: max(what.ContentType, body.ContentType), Compression: max(what.Compression, body.Compression),
		Present: what.Present, Bytes: what.Bytes,
	}
}

// Kind is what kind of message it is; it may be one of a later version.
func (m *Message) Kind() pb.Kind { return pb.Kind(m.what.Kind) }

// Type is the full name of the payload's message.
func (m *Message) Type() string { return m.what.TypeName }

// Version is the revision of the type that the sender wrote.
func (m *Message) Version() uint32 { return m.what.Version }

// Sender is who sent it; the zero Ref for outside code.
func (m *Message) Sender() Ref {
	ref, err := ParseRef(m.who.Source)
	if err != nil {
		return Ref{}
	}
	ref.node = m.node
	return ref
}

// Tenant is for which tenant its sender works; empty = for none. By a link with certificates it is one that the peer's certificate
// has: see docs/SECURITY.md.
func (m *Message) Tenant() string { return m.who.Tenant }

// Payload is the encoded payload, in whatever codec it came, and compressed if it came so: [Message.PlainPayload] is not. It must not be changed.
func (m *Message) Payload() []byte { return m.payload }

// IsAsk says whether the sender waits for an answer.
func (m *Message) IsAsk() bool { return m.Kind() == pb.Kind_KIND_ASK && m.correlation != 0 }

// Correlation joins an ask with its reply; 0 = none.
func (m *Message) Correlation() uint64 { return m.correlation }

// Note is what was given to [Context.Request], with its answer.
func (m *Message) Note() []byte { return m.note }

// Failure is why a [Context.Request] was not answered; nil for any other message.
func (m *Message) Failure() error {
	if m.Kind() != pb.Kind_KIND_FAILURE {
		return nil
	}
	if err := m.failure(m.who.Source); err != nil {
		return err
	}
	return nil
}

func (m *Message) failure(target string) *Error {
	if m.Kind() != pb.Kind_KIND_FAILURE {
		return nil
	}
	var e wire.Envelope
	if refusal := e.ReadBody(m.body, 0); refusal != nil {
		return refusedError(target, refusal)
	}
	failure, refusal := e.Failure()
	if refusal != nil {
		return refusedError(target, refusal)
	}
	return errorOf(target, failure, m.payload)
}

// Decode reads the payload into a message of its type, and brings what an older writer wrote to this program's version (see
// [Upcast]). It fails with UNSUPPORTED_TYPE, UNSUPPORTED_VERSION (it needs a
// newer reader; the payload was not touched), UNSUPPORTED_CODEC, UNDECODABLE, or TOO_LARGE (compressed, and
// over 16 MiB without). A handler returns that error, and the asker is told.
func (m *Message) Decode(into proto.Message) error {
	info := infoOf(into)
	refuse := func(code Code, detail string) *Error {
		e := newError(code, m.who.Target, detail)
		e.refusal = true
		return e
	}
	switch {
	case info.name != m.what.TypeName:
		return m.Unsupported()
	case m.what.MinReader > info.version:
		e := refuse(CodeUnsupportedVersion, fmt.Sprintf("%s of version %d needs a reader of version %d; this one reads version %d",
			info.name, m.what.Version, m.what.MinReader, info.version))
		e.ReaderVersion = info.version
		return e
	case m.what.ContentType > uint32(MessagePack):
		return refuse(CodeUnsupportedCodec, fmt.Sprintf("it came with content type %d; protobuf, JSON and MessagePack are read here",
			m.what.ContentType))
	}
	payload, unreadable := m.plainPayload()
	if unreadable != nil {
		return unreadable
	}
	if err := m.codec().unmarshal(payload, into); err != nil {
		return refuse(CodeUndecodable, undecodable(info.name, m.codec(), err))
	}
	if err := info.upcast(into, m.what.Version); err != nil {
		return refuse(CodeUndecodable, err.Error())
	}
	return nil
}

// Open decodes the payload into a new message of its Go type, for a type switch. It fails as Decode does; types that this
// program does not have are UNSUPPORTED_TYPE.
func (m *Message) Open() (proto.Message, error) {
	known, err := protoregistry.GlobalTypes.FindMessageByName(protoreflect.FullName(m.what.TypeName))
	if err != nil {
		return nil, m.Unsupported()
	}
	message := known.New().Interface()
	if err := m.Decode(message); err != nil {
		return nil, err
	}
	return message, nil
}

// Unsupported is what a handler returns for a message of a type that it does not handle.
func (m *Message) Unsupported() error {
	e := newError(CodeUnsupportedType, m.who.Target, m.what.TypeName+" is not a message of this actor")
	e.refusal = true
	return e
}

// isLarge says whether it travels in parts.
func (m *Message) isLarge() bool { return len(m.who.Bytes)+len(m.what.Bytes)+len(m.body) > inlineBytes }

// Context ends when the asker has stopped waiting, with the message's deadline, with the actor, or when the next message
// is taken. In a handler it is the handler's own.
func (m *Message) Context() context.Context { return &m.turn }

// Reply answers an ask. It fails with INVALID_ARGUMENT if there is no ask, or it has been answered, or the message does not
// encode; with TOO_LARGE for a message over 16 MiB. A handler returns that error, and the asker is told.
func (m *Message) Reply(message proto.Message) error {
	r, err := m.Responder()
	if err != nil {
		return err
	}
	if err = r.Reply(message); err != nil {
		m.owed.Store(true)
	}
	return err
}

// Fail answers an ask with a failure, as a handler does that returns err. It fails as Reply does.
func (m *Message) Fail(err error) error {
	r, missing := m.Responder()
	if missing != nil {
		return missing
	}
	r.Fail(err)
	return nil
}

// Responder takes over the duty to answer an ask, so that it can be done after the handler has returned. It fails as Reply
// does.
func (m *Message) Responder() (*Responder, error) {
	r := m.takeDuty()
	if r == nil {
		return nil, newError(CodeInvalidArgument, m.who.Target, "there is no ask to answer, or it has been answered")
	}
	return r, nil
}

// takeDuty takes over the duty to answer; nil = there is none.
func (m *Message) takeDuty() *Responder {
	if !m.owed.CompareAndSwap(true, false) {
		return nil
	}
	return &Responder{node: m.node, turn: &m.turn, replyTo: m.who.ReplyTo, correlation: m.correlation, codec: m.codec(), trace: m.answerTrace()}
}

// Forward passes the message on, its payload untouched. An ask is answered by the other actor. It waits for room; what a
// handler staged before leaves first.
func (m *Message) Forward(ctx context.Context, to Ref) error {
	if t := turnOf(ctx); t != nil {
		t.flushBefore(ctx)
	}
	if err := m.node.forward(ctx, m, to); err != nil {
		return err
	}
	m.owed.Store(false)
	return nil
}

// A Responder is the right to answer one ask. An ask that nobody answers fails at its deadline.
type Responder struct {
	node        *Node
	turn        *turn // of the ask
	replyTo     string
	correlation uint64
	codec       Codec // the ask's
	trace       *Trace
	used        atomic.Bool
	emitter     atomic.Pointer[emitter]
}

// Reply answers the ask. It fails with INVALID_ARGUMENT if it has been answered, or the message does not encode; with
// TOO_LARGE for a message over 16 MiB.
func (r *Responder) Reply(message proto.Message) error {
	out, err := newOutgoingIn(r.codec, pb.Kind_KIND_REPLY, message, wire.BodyFields{Correlation: r.correlation, Trace: r.trace})
	if err != nil {
		return err
	}
	return r.reply(&out)
}

func (r *Responder) reply(out *outgoing) error {
	if why := out.tooLarge(); why != "" {
		e := newError(CodeTooLarge, r.replyTo, why)
		e.Effect, e.refusal = EffectDone, true
		return e
	}
	if r.used.Swap(true) {
		return newError(CodeInvalidArgument, r.replyTo, "the ask has been answered")
	}
	r.node.answer(r.replyTo, out)
	return nil
}

// Fail answers the ask with a failure, as a handler does that returns err.
func (r *Responder) Fail(err error) {
	if !r.used.Swap(true) {
		f := failureOf(err)
		r.node.answerFailure(r.replyTo, r.correlation, &f, r.trace)
	}
}

// envelope is the complete envelope.
func (m *Message) envelope() []byte { return wire.Join(m.who.Bytes, m.what.Bytes, m.item()) }

// item is the item's bytes, as its sender wrote it.
func (m *Message) item() []byte {
	if len(m.body) == 0 { // it came in a run
		return wire.AppendBody(nil, wire.BodyFields{}, m.payload)
	}
	return m.body
}

func (m *Message) askPath() []uint64 {
	if m == nil || m.asks == 0 {
		return nil
	}
	return wire.AppendAskPath(nil, m.body)
}

// waitsFor says whether an actor waits in the chain of asks that led to m.
func (m *Message) waitsFor(c *cell) bool {
	return m.asks != 0 && m.IsAsk() && slices.Contains(m.askPath(), hashOfPath(c.path))
}
