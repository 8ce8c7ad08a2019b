package actorbridge_test

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

type spanKey struct{}

// spans is a tracer: each span has the next number, and ends with a code.
type spans struct {
	mu    sync.Mutex
	begun []ab.Span
	ended []ab.Code
}

func (s *spans) Current(ctx context.Context) (ab.Trace, bool) {
	trace, ok := ctx.Value(spanKey{}).(ab.Trace)
	return trace, ok
}

func (s *spans) Start(ctx context.Context, about ab.Span) (context.Context, func(ab.Code)) {
	parent := about.Parent
	if !about.Handles {
		parent, _ = s.Current(ctx)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.begun = append(s.begun, about)
	parent.SpanID[7] = byte(len(s.begun))
	return context.WithValue(ctx, spanKey{}, parent), func(code ab.Code) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.ended = append(s.ended, code)
	}
}

// aTrace is a trace, and a context in its first span.
func aTrace() (ab.Trace, context.Context) {
	trace := ab.Trace{TraceID: [16]byte{15: 7}, SpanID: [8]byte{0: 9}, Flags: 1, State: "shop=1"}
	return trace, context.WithValue(context.Background(), spanKey{}, trace)
}

// sent is a message that an actor got, and its trace.
type sent struct {
	name  string
	trace ab.Trace
}

// sendAll sends to an actor in every way that a handler has; its request's answer makes it send once more.
func sendAll(ctx ab.Context, m *ab.Message, to ab.Ref) error {
	if m.Note() != nil {
		return ctx.Tell(to, &testpb.EchoReply{})
	}
	if err := ctx.Tell(to, &testpb.EchoRequest{}); err != nil {
		return err
	}
	if err := ctx.Node().TellRaw(ctx, to, rawTick, []byte("x")); err != nil {
		return err
	}
	if _, err := ab.Ask[*testpb.EchoReply](ctx, to, &testpb.EchoRequest{}); err != nil {
		return err
	}
	if err := ctx.Request(to, &testpb.EchoRequest{}, time.Minute, []byte("note")); err != nil {
		return err
	}
	return m.Reply(&testpb.EchoReply{})
}

// askThrough has a node that traces ask an actor of another node, which sends on; what came of that.
func askThrough(t *testing.T, tracer *spans, options ...ab.Option) []sent {
	t.Helper()
	came := make(chan sent, 10)
	b := abtest.Start(t, "b", options...)
	last := spawnFunc(t, b, "last", func(_ ab.Context, m *ab.Message) error {
		trace, _ := m.Trace()
		came <- sent{m.Type(), trace}
		if m.IsAsk() {
			return m.Reply(&testpb.EchoReply{})
		}
		return nil
	})
	spawnFunc(t, b, "middle", func(ctx ab.Context, m *ab.Message) error { return sendAll(ctx, m, last) })
	a := abtest.Start(t, "a", ab.WithTracer(tracer), ab.WithLink(abtest.Door(b)))
	_, ctx := aTrace()
	if _, err := ab.Ask[*testpb.EchoReply](ctx, a.RefAt("ab:///middle"), &testpb.EchoRequest{}); err != nil {
		t.Fatal(err)
	}
	var all []sent
	for range cap(came) / 2 {
		all = append(all, <-came)
	}
	return all
}

func TestWhatAHandlerSendsIsOfTheTraceOfItsMessageAlsoWhereNobodyMakesSpans(t *testing.T) {
	var tracer spans
	expected, _ := aTrace()
	expected.SpanID[7] = 1 // of the ask
	for _, got := range askThrough(t, &tracer) {
		if got.trace != expected {
			t.Errorf("%s is of %v %q, not %v", got.name, got.trace, got.trace.State, expected)
		}
	}
	if len(tracer.begun) != 1 || tracer.begun[0].Actor != "ab:///middle" || tracer.begun[0].Type != "actorbridge.test.v1.EchoRequest" {
		t.Errorf("the asker's spans: %+v", tracer.begun)
	}
}

func TestEachHandlerAndEachAskOfATraceIsASpan(t *testing.T) {
	var asker, tracer spans
	parents := map[byte]int{}
	for _, got := range askThrough(t, &asker, ab.WithTracer(&tracer)) {
		parents[got.trace.SpanID[7]]++
	}
	tracer.mu.Lock()
	defer tracer.mu.Unlock()
	about := tracer.begun[0]
	if !about.Handles || !about.Ask || about.Parent.SpanID[7] != 1 || about.Node != "b" || about.Actor != "ab:///middle" {
		t.Errorf("the first span is the handler's, a child of the asker's span: %+v", about)
	}
	asks, handlers := map[byte]bool{}, 0
	for i, span := range tracer.begun {
		if span.Handles {
			handlers++
		} else {
			asks[byte(i+1)] = true
		}
	}
	if len(asks) != 1 || handlers != 7 {
		t.Errorf("%d asks and %d handlers have spans", len(asks), handlers)
	}
	for ask := range asks {
		if parents[ask] != 1 || parents[1] != 3 {
			t.Errorf("what the handler sent is of its span 1, and its ask of the ask's span %d: %v", ask, parents)
		}
	}
}

func TestASpanEndsWithTheCodeOfItsHandlerAlsoOfALoopAndAfterAPanic(t *testing.T) {
	var tracer spans
	node := abtest.Start(t, "a", ab.WithTracer(&tracer))
	_, ctx := aTrace()
	fails := spawnFunc(t, node, "fails", func(ab.Context, *ab.Message) error { return ab.CodeForbidden })
	panics := spawnFunc(t, node, "panics", func(ab.Context, *ab.Message) error { panic("in the handler") })
	loops, err := node.SpawnLoop("loops", func(_ ab.Context, in *ab.Inbox) error {
		for m := range in.All() {
			if err := node.Tell(m.Context(), fails, &testpb.EchoRequest{}); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, to := range []ab.Ref{loops, panics} {
		if err := node.Tell(ctx, to, &testpb.EchoRequest{}); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "three spans have ended", func() bool {
		tracer.mu.Lock()
		defer tracer.mu.Unlock()
		return len(tracer.ended) == 3
	})
	for _, code := range []ab.Code{ab.CodeOK, ab.CodeForbidden, ab.CodePanicked} {
		if !slices.Contains(tracer.ended, code) {
			t.Errorf("no span ended with %v: %v", code, tracer.ended)
		}
	}
}

func TestWhatOutsideCodeSendsIsOfTheTraceThatItIsInOrOfNone(t *testing.T) {
	var tracer spans
	node := abtest.Start(t, "a", ab.WithTracer(&tracer))
	came := make(chan bool, 10)
	to := spawnFunc(t, node, "last", func(_ ab.Context, m *ab.Message) error {
		_, ok := m.Trace()
		came <- ok
		return nil
	})
	_, in := aTrace()
	for _, ctx := range []context.Context{in, context.Background()} {
		if err := node.Tell(ctx, to, &testpb.EchoRequest{}); err != nil {
			t.Fatal(err)
		}
		if err := node.TellRaw(ctx, to, rawTick, []byte("x")); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if ok := <-came; ok != (ctx == in) {
				t.Errorf("in a trace: %v, sent as in one: %v", ctx == in, ok)
			}
		}
	}
}
