package actorbridge_test

import (
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb/testpbab"
)

// idle is a counter that allocates nothing itself.
type idle struct{ count *testpb.Count }

func (c idle) Add(ab.Context, *testpb.Add) (*testpb.Count, error) { return c.count, nil }

func (c idle) Release(ab.Context, *testpb.Release) error { return nil }

func newIdle() ab.Receiver {
	return testpbab.CounterReceiver(func() testpbab.Counter { return idle{&testpb.Count{Total: 1}} })()
}

func TestDecodingAndDispatchingATypedMessageAllocatesTheMessageAlone(t *testing.T) {
	actor := newIdle()
	ctx, m := ab.Arrived(start(t, "a"), &testpb.Add{By: 3, N: 4})
	allocated := testing.AllocsPerRun(100, func() {
		if err := actor.Receive(ctx, m); err != nil {
			t.Error(err)
		}
	})
	if allocated > 1 {
		t.Errorf("%v things are allocated, want the message alone", allocated)
	}
}

func TestEncodingAMessageAllocatesItsBytesAlone(t *testing.T) {
	message := &testpb.Add{By: 3, N: 4}
	allocated := testing.AllocsPerRun(100, func() {
		if err := ab.Encode(message); err != nil {
			t.Error(err)
		}
	})
	if allocated > 1 {
		t.Errorf("%v things are allocated, want its bytes alone", allocated)
	}
}

func BenchmarkDecodeAndDispatch(b *testing.B) {
	actor := newIdle()
	ctx, m := ab.Arrived(start(b, "a"), &testpb.Add{By: 3, N: 4})
	b.ReportAllocs()
	for b.Loop() {
		if err := actor.Receive(ctx, m); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	message := &testpb.Add{By: 3, N: 4}
	b.ReportAllocs()
	for b.Loop() {
		if err := ab.Encode(message); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkTell is a typed tell from outside code to an actor of the same node, up to the end of its handler.
func BenchmarkTell(b *testing.B) {
	node := start(b, "a")
	to, err := node.Spawn("idle", newIdle)
	if err != nil {
		b.Fatal(err)
	}
	message := &testpb.Add{By: 3, N: 4}
	b.ReportAllocs()
	for b.Loop() {
		if err := ab.Tell(b.Context(), to, message); err != nil {
			b.Fatal(err)
		}
	}
}

// BenchmarkAsk is a typed ask of outside code to an actor of the same node.
func BenchmarkAsk(b *testing.B) {
	node := start(b, "a")
	ref, err := node.Spawn("idle", newIdle)
	if err != nil {
		b.Fatal(err)
	}
	to, message := testpbab.CounterOf(ref), &testpb.Add{By: 3, N: 4}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := to.Add(b.Context(), message); err != nil {
			b.Fatal(err)
		}
	}
}
