package abotel_test

import (
	"context"
	"errors"
	"strings"
	"testing"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abotel"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

func attributeOf(span sdktrace.ReadOnlySpan, key attribute.Key) string {
	for _, a := range span.Attributes() {
		if a.Key == key {
			return a.Value.AsString()
		}
	}
	return ""
}

func spawn(t *testing.T, node *ab.Node, path string, receive ab.ReceiverFunc) ab.Ref {
	t.Helper()
	ref, err := node.Spawn(path, func() ab.Receiver { return receive })
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestAnAskAndItsHandlerAreSpansWithTheirParentsOnOtherNodesAndCodesOfWhatFailed(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	provider := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	option := ab.WithTracer(abotel.Tracer(abotel.WithTracerProvider(provider)))
	own := provider.Tracer("test")

	b := abtest.Start(t, "b", option)
	a := abtest.Start(t, "a", option, ab.WithLink(abtest.Door(b)))
	told := make(chan struct{})
	spawn(t, a, "told", func(ab.Context, *ab.Message) error { close(told); return nil })
	spawn(t, a, "asks", func(ctx ab.Context, _ *ab.Message) error {
		in, span := own.Start(ctx, "looks it up")
		defer span.End()
		if err := a.Tell(in, a.RefAt("ab:///told"), &testpb.EchoReply{}); err != nil {
			return err
		}
		return errors.New("a secret")
	})
	ctx, order := own.Start(context.Background(), "order")
	to := b.RefAt("ab:///asks")
	if _, err := ab.Ask[*testpb.EchoReply](ctx, to, &testpb.EchoRequest{}); err == nil {
		t.Fatal("the handler fails")
	}
	<-told
	order.End()
	for _, node := range []*ab.Node{a, b} { // then all spans have ended
		if err := node.Shutdown(context.Background()); err != nil {
			t.Fatal(err)
		}
	}

	parents := make(map[trace.SpanID]sdktrace.ReadOnlySpan)
	for _, span := range recorder.Ended() {
		parents[span.Parent().SpanID()] = span
	}
	at := parents[trace.SpanID{}]
	for _, expected := range []struct {
		name, actor, node string
		kind              trace.SpanKind
		status            codes.Code
	}{
		{"order", "", "", trace.SpanKindInternal, codes.Unset},
		{"actorbridge.test.v1.EchoRequest", "ab:///asks", "b", trace.SpanKindClient, codes.Error},
		{"actorbridge.test.v1.EchoRequest", "ab:///asks", "a", trace.SpanKindServer, codes.Error},
		{"looks it up", "", "", trace.SpanKindInternal, codes.Unset},
		{"actorbridge.test.v1.EchoReply", "ab:///told", "a", trace.SpanKindConsumer, codes.Unset},
	} {
		if at == nil {
			t.Fatalf("%s has no span", expected.name)
		}
		if at.Name() != expected.name || attributeOf(at, "actorbridge.actor") != expected.actor ||
			attributeOf(at, "actorbridge.node") != expected.node || at.SpanKind() != expected.kind || at.Status().Code != expected.status {
			t.Errorf("%s %v %v, status %v, is not %+v", at.Name(), at.SpanKind(), at.Attributes(), at.Status(), expected)
		}
		if failed := at.Status().Code == codes.Error; failed && attributeOf(at, "error.type") != "HANDLER_ERROR" {
			t.Errorf("%s failed with %v", at.Name(), at.Attributes())
		}
		if strings.Contains(at.Status().Description, "secret") {
			t.Errorf("%s says what the error says", at.Name())
		}
		at = parents[at.SpanContext().SpanID()]
	}
	if n := len(recorder.Ended()); n != 5 {
		t.Errorf("%d spans", n)
	}
}
