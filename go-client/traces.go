package actorbridge

import (
	"context"
	"errors"

	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A Trace is a W3C trace context: the trace that a message belongs to, and the span that sent it.
type Trace = wire.Trace

// A Tracer makes spans of what a node does. Package abotel has one for OpenTelemetry.
//
// A node continues traces and never begins one: what is sent outside of a trace has none, and costs nothing. Without a tracer
// a handler's sends go on with the trace of its message as it came; with one, each handler and each ask of a trace is a span.
type Tracer interface {
	// Current is the trace that ctx is in, with its span as the parent of what comes next; false = it is in none.
	Current(ctx context.Context) (Trace, bool)
	// Start begins a span. It ends when end is called, once, with [CodeOK] or the code of the error. The context, derived from
	// ctx, is what the ask or the handler goes on with.
	Start(ctx context.Context, about Span) (in context.Context, end func(Code))
}

// A Span is what a [Tracer] is told of a span that begins.
type Span struct {
	// Parent is the span that sent the message that is handled; the zero Trace of an ask, whose parent is in its context.
	Parent Trace
	// Node is this node's name.
	Node string
	// Actor is the address of the actor that is asked, or that handles.
	Actor string
	// Sender is the address of the sender, of a message that is handled; empty = outside code.
	Sender string
	// Type is the full name of the message.
	Type string
	// Handles: a message is handled. Else one is asked.
	Handles bool
	// Ask: the sender waits for an answer.
	Ask bool
}

// WithTracer has the node make spans of the messages of traces: see docs/TRACING.md.
func WithTracer(tracer Tracer) Option {
	return func(o *startOptions) { o.tracer = tracer }
}

// Trace is the trace that the sender says the message belongs to. False: it belongs to none.
func (m *Message) Trace() (Trace, bool) {
	if !m.traced {
		return Trace{}, false
	}
	return wire.TraceOf(m.body)
}

// traceOf is the trace of what is sent with ctx now; nil = it has none.
func (n *Node) traceOf(ctx context.Context) *Trace {
	if trace := n.spanOf(ctx); trace != nil {
		return trace
	}
	if t := turnOf(ctx); t != nil && t.message != nil {
		if trace, ok := t.message.Trace(); ok {
			return &trace
		}
	}
	return nil
}

// spanOf is the trace of the span that ctx is in; nil = there is none.
func (n *Node) spanOf(ctx context.Context) *Trace {
	if n.tracer == nil {
		return nil
	}
	if trace, ok := n.tracer.Current(ctx); ok && trace.IsValid() {
		return &trace
	}
	return nil
}

// answerTrace is the trace of the answer to m.
func (m *Message) answerTrace() *Trace {
	if !m.traced {
		return nil
	}
	return m.node.traceOf(&m.turn)
}

// askSpan begins the span of an ask, if ctx is in a trace.
func (n *Node) askSpan(ctx context.Context, to Ref, messageType string) (in context.Context, end func(error)) {
	if n.tracer == nil || n.traceOf(ctx) == nil {
		return ctx, func(error) {}
	}
	in, ended := n.tracer.Start(ctx, Span{Node: n.name, Actor: to.text, Type: messageType, Ask: true})
	return in, func(err error) { ended(codeOf(err)) }
}

// handleSpan begins the span of the handling of m, which its context is in from then on.
func (c *cell) handleSpan(m *Message) (end func(error)) {
	parent, ok := m.Trace()
	if c.node.tracer == nil || !ok {
		return func(error) {}
	}
	in, ended := c.node.tracer.Start(c.ctx(), Span{
		Parent: parent, Node: c.node.name, Actor: c.ref.text, Sender: m.who.Source, Type: m.Type(), Handles: true, Ask: m.IsAsk(),
	})
	m.turn.realOf(in)
	return func(err error) { ended(handledCode(err)) }
}

// receiveTraced has a message of a trace handled.
func (a *activation) receiveTraced(m *Message) error {
	end := a.cell.handleSpan(m)
	err := errPanicked // also where the handler never returns
	defer func() { end(err) }()
	err = a.actor.Receive(&m.turn, m)
	return err
}

// handledCode is the code of an error that a handler ended with.
func handledCode(err error) Code {
	switch {
	case err == nil:
		return CodeOK
	case errors.Is(err, errPanicked):
		return CodePanicked
	}
	return failureOf(err).code
}
