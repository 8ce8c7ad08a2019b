package actorbridge_test

import (
	"context"
	"fmt"
	"log/slog"
	"runtime"
	"testing"
	"time"

	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// long is how long a test waits for what must happen.
const long = 10 * time.Second

// patience is how long it waits for what has many steps, before it says that it hangs.
const patience = time.Minute

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

const digestStart, digestFactor = 14695981039346656037, 1099511628211

// digest is the digest of 1 to n in order.
func digest(n uint64) uint64 {
	d := uint64(digestStart)
	for i := uint64(1); i <= n; i++ {
		d = d*digestFactor + i
	}
	return d
}

// worker does what each test message says.
type worker struct {
	count *testpb.Count
	// holding is told when a Hold is being handled, if there is somebody to tell.
	holding chan<- struct{}
}

func newWorker() ab.Receiver {
	return &worker{count: &testpb.Count{Digest: digestStart, Language: "go"}}
}

func (w *worker) Receive(ctx ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch x := message.(type) {
	case *testpb.Add:
		w.count.Total += x.By
		w.count.Handled++
		w.count.Digest = w.count.Digest*digestFactor + x.N
		if m.IsAsk() {
			return m.Reply(w.count)
		}
		return nil
	case *testpb.GetCount:
		return m.Reply(w.count)
	case *testpb.EchoRequest:
		return m.Reply(&testpb.EchoReply{Text: x.Text, Data: x.Data, Language: "go"})
	case *testpb.AskThrough:
		to, err := ctx.Node().Ref(x.Target)
		if err != nil {
			return err
		}
		reply, err := ab.Ask[*testpb.EchoReply](ctx, to, &testpb.EchoRequest{Text: x.Text})
		if err != nil {
			return err
		}
		return m.Reply(reply)
	case *testpb.Hold:
		if w.holding != nil {
			w.holding <- struct{}{}
		}
		<-ctx.Done()
		if m.IsAsk() {
			return m.Reply(&testpb.Held{Cancelled: true})
		}
		return nil
	case *testpb.PanicNow:
		if x.Text == "goexit" {
			runtime.Goexit()
		}
		panic(x.Text)
	case *testpb.FailNow:
		return &ab.UserError{Code: x.Code, Message: x.Message}
	}
	return m.Unsupported()
}

func (w *worker) Snapshot(context.Context) (proto.Message, error) { return w.count, nil }

func (w *worker) Restore(_ context.Context, state proto.Message) error {
	count, ok := state.(*testpb.Count)
	if !ok {
		return fmt.Errorf("a worker's state is a Count, not %T", state)
	}
	w.count = count
	return nil
}

// quiet is a logger for nodes whose actors panic on purpose.
var quiet = slog.New(slog.DiscardHandler)

// start starts a node with workers, which ends with the test.
func start(t testing.TB, name string, options ...ab.Option) *ab.Node {
	t.Helper()
	return abtest.Start(t, name, append([]ab.Option{ab.Factory("order/*", newWorker)}, options...)...)
}

// shutdown ends a node, which has to be well.
func shutdown(t testing.TB, node *ab.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), long)
	defer cancel()
	if err := node.Shutdown(ctx); err != nil {
		t.Errorf("node %s: %v", node.Name(), err)
	}
}

// spawn spawns a worker, or fails.
func spawn(t testing.TB, node *ab.Node, path string, options ...ab.SpawnOption) ab.Ref {
	t.Helper()
	ref, err := node.Spawn(path, newWorker, options...)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// spawnHolding spawns a worker, which says on the channel that it has begun to handle a Hold: until then it is only in the
// mailbox.
func spawnHolding(t testing.TB, node *ab.Node, path string, options ...ab.SpawnOption) (ab.Ref, <-chan struct{}) {
	t.Helper()
	holding := make(chan struct{}, 8)
	ref, err := node.Spawn(path, func() ab.Receiver {
		w := newWorker().(*worker)
		w.holding = holding
		return w
	}, options...)
	if err != nil {
		t.Fatal(err)
	}
	return ref, holding
}

func refOf(t testing.TB, node *ab.Node, text string) ab.Ref {
	t.Helper()
	ref, err := node.Ref(text)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// counts asks a worker what it has counted.
func counts(t testing.TB, to ab.Ref) *testpb.Count {
	t.Helper()
	count, err := ab.Ask[*testpb.Count](t.Context(), to, &testpb.GetCount{}, ab.Timeout(patience))
	if err != nil {
		t.Fatal(err)
	}
	return count
}

// tellMany tells Add{1, n} for n from first to last.
func tellMany(t testing.TB, node *ab.Node, to ab.Ref, first, last uint64) {
	t.Helper()
	ctx, cancel := deadline(t, patience)
	defer cancel()
	for n := first; n <= last; n++ {
		if err := node.Tell(ctx, to, &testpb.Add{By: 1, N: n}); err != nil {
			t.Errorf("message %d: %v", n, err)
			return
		}
	}
}

// expect compares what a worker has counted with n messages in order.
func expect(t testing.TB, to ab.Ref, n uint64) {
	t.Helper()
	if count := counts(t, to); count.Handled != n || count.Digest != digest(n) {
		t.Errorf("%s has handled %d messages with digest %d, want %d with %d", to, count.Handled, count.Digest, n, digest(n))
	}
}

// eventually waits until is holds, or fails.
func eventually(t testing.TB, what string, is func() bool) {
	t.Helper()
	for until := time.Now().Add(patience); !is(); time.Sleep(time.Millisecond) {
		if time.Now().After(until) {
			t.Fatalf("%s did not happen in %v", what, patience)
		}
	}
}

// receive takes the next value from a channel, or its end, or fails.
func receive[T any](t testing.TB, what string, from <-chan T) (value T) {
	t.Helper()
	timer := time.NewTimer(patience)
	defer timer.Stop()
	select {
	case value = <-from:
	case <-timer.C:
		t.Fatalf("%s did not come in %v", what, patience)
	}
	return value
}

func deadline(t testing.TB, within time.Duration) (context.Context, context.CancelFunc) {
	return context.WithTimeout(t.Context(), within)
}
