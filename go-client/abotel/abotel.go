// Package abotel has a node's messages in the traces of OpenTelemetry: each ask, and each handler of a message that belongs to a
// trace, is a span. docs/TRACING.md has the whole.
//
//	node, err := actorbridge.Start(ctx, "shop", actorbridge.WithTracer(abotel.Tracer()))
package abotel

import (
	"context"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// scope is the name of the instrumentation.
const scope = "github.com/actorbridge/actorbridge/go-client/abotel"

// An Option changes how spans are made.
type Option func(*tracer)

// WithTracerProvider sets who makes the spans; the global provider of OpenTelemetry unless it is given.
func WithTracerProvider(provider trace.TracerProvider) Option {
	return func(t *tracer) { t.spans = provider.Tracer(scope) }
}

// Tracer makes the spans of a node.
//
// Asks are spans of kind client; handlers are of kind server if their sender waits for an answer, else consumer. They have the name
// of the message's type, and the attributes actorbridge.node, actorbridge.actor, actorbridge.type and, of handlers,
// actorbridge.sender; error.type is the code of what failed. What messages and errors say is not in them.
func Tracer(options ...Option) ab.Tracer {
	t := &tracer{}
	for _, set := range options {
		set(t)
	}
	if t.spans == nil {
		t.spans = otel.GetTracerProvider().Tracer(scope)
	}
	return t
}

type tracer struct{ spans trace.Tracer }

// Current implements [ab.Tracer].
func (t *tracer) Current(ctx context.Context) (ab.Trace, bool) {
	at := trace.SpanContextFromContext(ctx)
	if !at.IsValid() {
		return ab.Trace{}, false
	}
	return ab.Trace{
		TraceID: at.TraceID(), SpanID: at.SpanID(), Flags: byte(at.TraceFlags()), State: at.TraceState().String(),
	}, true
}

// Start implements [ab.Tracer].
func (t *tracer) Start(ctx context.Context, about ab.Span) (context.Context, func(ab.Code)) {
	kind := trace.SpanKindClient
	attributes := []attribute.KeyValue{
		attribute.String("actorbridge.node", about.Node), attribute.String("actorbridge.actor", about.Actor),
		attribute.String("actorbridge.type", about.Type),
	}
	if about.Handles {
		ctx = trace.ContextWithRemoteSpanContext(ctx, parentOf(about.Parent))
		attributes = append(attributes, attribute.String("actorbridge.sender", about.Sender))
		kind = trace.SpanKindConsumer
		if about.Ask {
			kind = trace.SpanKindServer
		}
	}
	ctx, span := t.spans.Start(ctx, about.Type, trace.WithSpanKind(kind), trace.WithAttributes(attributes...))
	return ctx, func(code ab.Code) {
		if code != ab.CodeOK {
			span.SetStatus(codes.Error, code.String())
			span.SetAttributes(attribute.String("error.type", code.String()))
		}
		span.End()
	}
}

func parentOf(parent ab.Trace) trace.SpanContext {
	// One that is not valid is left out: the trace counts more.
	state, err := trace.ParseTraceState(parent.State)
	if err != nil {
		state = trace.TraceState{}
	}
	return trace.NewSpanContext(trace.SpanContextConfig{
		TraceID: parent.TraceID, SpanID: parent.SpanID, TraceFlags: trace.TraceFlags(parent.Flags), TraceState: state, Remote: true,
	})
}
