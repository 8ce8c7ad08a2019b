package actorbridge_test

import (
	"context"
	"errors"
	"io"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// ticker sends as many events as an Add says, and replies with their number. For a Hold it goes on in a goroutine until its asker
// has gone, and a GetCount it keeps until it ends.
type ticker struct{ sent, cancelled atomic.Int64 }

func (k *ticker) Receive(_ ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch x := message.(type) {
	case *testpb.Add:
		for n := uint64(1); n <= x.N; n++ {
			if err := m.Emit(&testpb.Add{N: n}); err != nil {
				k.note(err)
				return err
			}
			k.sent.Add(1)
		}
		return m.Reply(&testpb.Count{Handled: x.N})
	case *testpb.PanicNow:
		panic(x.Text)
	}
	if !m.IsAsk() {
		return nil
	}
	r, err := m.Responder()
	if err != nil {
		return err
	}
	if err := r.Emit(context.Background(), &testpb.Add{}); err != nil {
		return err
	}
	if _, ok := message.(*testpb.Hold); ok {
		go func() {
			<-r.Gone()
			k.note(r.Emit(context.Background(), &testpb.Add{}))
		}()
	}
	return nil
}

func (k *ticker) note(err error) {
	if errors.Is(err, ab.ErrCancelled) {
		k.cancelled.Add(1)
	}
}

// ticking has a test done with a ticker at the asker's own node, and behind a link.
func ticking(t *testing.T, test func(t *testing.T, asker *ab.Node, to ab.Ref, k *ticker)) {
	for name, start := range map[string]func(*testing.T) (asker, host *ab.Node){
		"here": func(t *testing.T) (asker, host *ab.Node) { a := start(t, "a"); return a, a },
		"by a link in memory": func(t *testing.T) (asker, host *ab.Node) {
			asker, host = pair(t)
			return asker, host
		},
		"by TCP": func(t *testing.T) (asker, host *ab.Node) {
			b, address := listening(t, "tcp://127.0.0.1:0")
			return start(t, "a", ab.WithLink(remote.Door(address))), b
		},
	} {
		t.Run(name, func(t *testing.T) {
			asker, host := start(t)
			k := new(ticker)
			_, err := host.Spawn("ticker", func() ab.Receiver { return k })
			must(t, err)
			spawn(t, host, "echo")
			test(t, asker, refOf(t, asker, "ab:///ticker"), k)
		})
	}
}

func TestEventsComeInOrderAndThenTheReply(t *testing.T) {
	ticking(t, func(t *testing.T, a *ab.Node, to ab.Ref, _ *ticker) {
		events, err := a.Subscribe(t.Context(), to, &testpb.Add{N: 200})
		must(t, err)
		next := uint64(1)
		for event, err := range events.All() {
			must(t, err)
			var add testpb.Add
			must(t, event.Decode(&add))
			if add.N != next || event.Kind() != actorbridgev1.Kind_KIND_EVENT || events.Reply() != nil {
				t.Fatalf("event %d is %v of %v, with the reply %v", next, &add, event.Kind(), events.Reply())
			}
			next++
		}
		var count testpb.Count
		must(t, events.Reply().Decode(&count))
		if next != 201 || count.Handled != 200 || a.Status(nil).AsksWaiting != 0 {
			t.Errorf("there were %d events, and the reply is %v; %d asks wait", next-1, &count, a.Status(nil).AsksWaiting)
		}
		next = 0
		for add, err := range ab.Subscribe[*testpb.Add](t.Context(), to, &testpb.Add{N: 40}) {
			must(t, err)
			next += add.N
		}
		if next != 40*41/2 {
			t.Errorf("the sum of 1 to 40 is %d", next)
		}
	})
}

func TestAnActorWaitsWhileItsAskerTakesNothing(t *testing.T) {
	ticking(t, func(t *testing.T, a *ab.Node, to ab.Ref, k *ticker) {
		events, err := a.Subscribe(t.Context(), to, &testpb.Add{N: 100})
		must(t, err)
		taken := int64(0)
		hasSent := func(want int64) {
			t.Helper()
			eventually(t, "as many events as there is room for", func() bool { return k.sent.Load() == want })
			for range 10 {
				_, err := ab.Ask[*testpb.EchoReply](t.Context(), refOf(t, a, "ab:///echo"), &testpb.EchoRequest{})
				must(t, err)
			}
			if k.sent.Load() != want {
				t.Fatalf("it has sent %d", k.sent.Load())
			}
		}
		hasSent(32)
		for _, err := range events.All() {
			must(t, err)
			switch taken++; taken {
			case 16, 48:
				hasSent(taken + 32)
			}
		}
		if taken != 100 {
			t.Errorf("there were %d", taken)
		}
	})
}

func TestAnActorIsToldThatItsAskerHasGone(t *testing.T) {
	ticking(t, func(t *testing.T, a *ab.Node, to ab.Ref, k *ticker) {
		for i, ask := range []proto.Message{&testpb.Add{N: 1 << 40}, &testpb.Hold{}} {
			for _, err := range ab.Subscribe[*testpb.Add](t.Context(), to, ask) {
				must(t, err)
				break
			}
			eventually(t, "the actor to know", func() bool { return k.cancelled.Load() == int64(i)+1 })
		}
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		for _, err := range ab.Subscribe[*testpb.Add](ctx, to, &testpb.Hold{}) {
			if ctx.Err() == nil {
				must(t, err)
				cancel()
			} else if !errors.Is(err, context.Canceled) || !errors.Is(err, ab.ErrOutcomeUnknown) {
				t.Errorf("it ends with %v", err)
			}
		}
		eventually(t, "the actor to know", func() bool { return k.cancelled.Load() == 3 })
		events, err := a.Subscribe(t.Context(), to, &testpb.Hold{}, ab.Timeout(soon))
		must(t, err)
		for _, err = range events.All() {
		}
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("at the end of its time it ends with %v", err)
		}
		eventually(t, "the actor to know", func() bool { return k.cancelled.Load() == 4 })
		eventually(t, "nothing to be left", func() bool { return a.Status(nil).AsksWaiting == 0 })
	})
}

func TestWhoOnlyAsksHasTheReplyAlone(t *testing.T) {
	ticking(t, func(t *testing.T, a *ab.Node, to ab.Ref, _ *ticker) {
		count, err := ab.Ask[*testpb.Count](t.Context(), to, &testpb.Add{N: 100})
		if err != nil || count.Handled != 100 {
			t.Errorf("it is answered %v, %v", count, err)
		}
	})
}

func TestAnActorThatEndsEndsItsEvents(t *testing.T) {
	ticking(t, func(t *testing.T, a *ab.Node, to ab.Ref, _ *ticker) {
		first := true
		for _, err := range ab.Subscribe[*testpb.Add](t.Context(), to, &testpb.GetCount{}) {
			if first {
				must(t, err)
				first = false
				must(t, a.Tell(t.Context(), to, &testpb.PanicNow{Text: "on purpose"}))
			} else if !errors.Is(err, ab.ErrOutcomeUnknown) {
				t.Errorf("it ends with %v", err)
			}
		}
	})
}

func TestALostLinkEndsTheEventsAtBothEnds(t *testing.T) {
	a, b := pair(t)
	k := new(ticker)
	_, err := b.Spawn("ticker", func() ab.Receiver { return k })
	must(t, err)
	first := true
	for _, err := range ab.Subscribe[*testpb.Add](t.Context(), refOf(t, a, "ab:///ticker"), &testpb.Hold{}) {
		if first {
			must(t, err)
			first = false
			a.Disconnect("b")
		} else if !errors.Is(err, ab.ErrOutcomeUnknown) {
			t.Errorf("it ends with %v", err)
		}
	}
	eventually(t, "the actor to know", func() bool { return k.cancelled.Load() == 1 })
}

func TestASubscriptionToNobodyIsRefused(t *testing.T) {
	a, _ := pair(t)
	if _, err := a.Subscribe(t.Context(), refOf(t, a, "ab:///nobody"), &testpb.Hold{}); !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("it is %v", err)
	}
}

// subscribeBy has a ticker at the node that a client calls, and the envelopes of the call.
func subscribeBy(t *testing.T, ctx context.Context, many uint64) (*ab.Node, *ticker, func() (*actorbridgev1.Envelope, error)) {
	conn, node := client(t)
	k := new(ticker)
	_, err := node.Spawn("ticker", func() ab.Receiver { return k })
	must(t, err)
	stream, err := conn.NewStream(ctx, &grpc.StreamDesc{ServerStreams: true}, "/actorbridge.v1.Bridge/Subscribe")
	must(t, err)
	ask, err := proto.Marshal(envelopeFor(t, "ab:///ticker", &testpb.Add{N: many}))
	must(t, err)
	must(t, stream.SendMsg(&actorbridgev1.Raw{Envelope: ask}))
	must(t, stream.CloseSend())
	return node, k, func() (*actorbridgev1.Envelope, error) {
		var raw actorbridgev1.Raw
		if err := stream.RecvMsg(&raw); err != nil {
			return nil, err
		}
		envelope := new(actorbridgev1.Envelope)
		return envelope, proto.Unmarshal(raw.Envelope, envelope)
	}
}

func TestAClientThatIsNoNodeSubscribesByOneCall(t *testing.T) {
	_, _, next := subscribeBy(t, t.Context(), 100)
	for n := uint64(1); n <= 100; n++ {
		envelope, err := next()
		must(t, err)
		var add testpb.Add
		must(t, proto.Unmarshal(envelope.Payload, &add))
		if add.N != n || envelope.Kind != actorbridgev1.Kind_KIND_EVENT || envelope.Type != "actorbridge.test.v1.Add" {
			t.Fatalf("event %d is %v", n, envelope)
		}
	}
	envelope, err := next()
	if err != nil || envelope.Kind != actorbridgev1.Kind_KIND_REPLY {
		t.Errorf("the reply is %v, %v", envelope, err)
	}
	if _, err := next(); !errors.Is(err, io.EOF) {
		t.Errorf("it ends with %v", err)
	}
}

func TestAClientThatEndsItsCallEndsTheEvents(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	node, k, next := subscribeBy(t, ctx, 1<<40)
	_, err := next()
	must(t, err)
	cancel()
	eventually(t, "the handler's end", func() bool { return k.cancelled.Load() == 1 })
	eventually(t, "nothing to be left", func() bool { return node.Status(nil).AsksWaiting == 0 })
}
