package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/native"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// lines is a slog.Handler that keeps what it gets.
type lines struct {
	slog.Handler
	mu  sync.Mutex
	all []string
}

func (l *lines) Enabled(context.Context, slog.Level) bool { return true }

func (l *lines) WithAttrs([]slog.Attr) slog.Handler { return l }

func (l *lines) Handle(_ context.Context, r slog.Record) error {
	text := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	if age := time.Since(r.Time); age < 0 || age > 2*patience {
		text += " at a wrong time"
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.all = append(l.all, text)
	return nil
}

// with are the lines that have all of these in them.
func (l *lines) with(parts ...string) (found []string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, line := range l.all {
		all := true
		for _, part := range parts {
			all = all && strings.Contains(line, part)
		}
		if all {
			found = append(found, line)
		}
	}
	return found
}

func (l *lines) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Join(l.all[max(0, len(l.all)-30):], "\n")
}

// world is a Go node and its door to a Rust node.
type world struct {
	*testing.T
	node *ab.Node
	log  *lines
}

func newWorld(t *testing.T) *world {
	w := &world{T: t, log: &lines{}}
	var err error
	if w.node, err = ab.Start(t.Context(), "go", ab.WithLogger(slog.New(w.log))); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { w.shutdown() })
	return w
}

func (w *world) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := w.node.Shutdown(ctx); err != nil {
		w.Error(err)
	}
}

func (w *world) ref(address string) ab.Ref {
	ref, err := w.node.Ref(address)
	if err != nil {
		w.Fatal(err)
	}
	return ref
}

func ask[T proto.Message](w *world, to string, message proto.Message) (T, error) {
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	return ab.Ask[T](ctx, w.ref(to), message)
}

func (w *world) spawn(path string) {
	w.Helper()
	if _, err := ask[*pb.SpawnReply](w, "ab://rust/system", &pb.SpawnRequest{Path: path}); err != nil {
		w.Fatal(err)
	}
}

func (w *world) tell(to string, message proto.Message) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if err := w.node.Tell(ctx, w.ref(to), message); err != nil {
		w.Fatal(err)
	}
}

func (w *world) until(what string, holds func() bool) {
	w.Helper()
	for deadline := time.Now().Add(patience); !holds(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(deadline) {
			w.Fatalf("not in time: %s; the log ends with\n%s", what, w.log)
		}
	}
}

func (w *world) dial(d door.Door) {
	w.Helper()
	ctx, cancel := context.WithTimeout(w.Context(), patience)
	defer cancel()
	if peer, err := w.node.Dial(ctx, d); err != nil || peer != "rust" {
		w.Fatalf("the link is to %q, %v", peer, err)
	}
}

func TestARustPanicIsInTheGoNodesLog(t *testing.T) {
	w := newWorld(t)
	w.dial(native.Door(native.Name("rust")))
	w.spawn("counter/log")
	w.tell("ab:///counter/log", &testpb.PanicNow{Text: "no more"})
	w.until("the supervisor's line", func() bool {
		return len(w.log.with("ERROR the actor panicked: planned: no more; it is made anew; at ", ".rs:", " target=rust actor=counter/log")) == 1
	})
}

func TestARustNodeEndsWithItsLastLinkAndComesAnewWithTheNext(t *testing.T) {
	w := newWorld(t)
	d := native.Door(native.Name("rust"), native.Grace(100*time.Millisecond))
	var before, now resources
	defer func() {
		if t.Failed() {
			t.Logf("the process has %+v, and had %+v", now, before)
		}
	}()
	for round := range 100 {
		w.dial(d)
		if round == 1 {
			before = held(t).and(20) // with one node open; a leak is one a round
		}
		w.disconnectAtWork(round)
	}
	w.dial(d)
	w.until("nothing is left of the nodes before", func() bool {
		now = held(t)
		return now.within(before)
	})
	w.node.Disconnect("rust")
	w.shutdown()
	w.until("no thread is left", func() bool { return held(t).threads == 0 })
}

// disconnectAtWork ends the Rust node's last link while one of its actors is in its handler with messages behind it, and
// another waits for an answer from Go.
func (w *world) disconnectAtWork(round int) {
	w.Helper()
	const tells = 50
	asked, linkGone := make(chan struct{}), make(chan struct{})
	mute, err := w.node.Spawn(fmt.Sprint("mute/", round), func() ab.Receiver {
		return ab.ReceiverFunc(func(ctx ab.Context, _ *ab.Message) error {
			close(asked)
			select {
			case <-linkGone:
			case <-ctx.Done():
			}
			return nil
		})
	})
	if err != nil {
		w.Fatal(err)
	}
	for _, path := range []string{"hold/x", "through/x"} {
		w.spawn(path)
	}
	key := fmt.Sprint(time.Now().UnixNano()) // gates belong to the process, which may run this test often
	w.tell("ab:///hold/x", &testpb.Hold{Key: key})
	failed := make(chan error, 1)
	go func() {
		_, err := ask[*testpb.EchoReply](w, "ab:///through/x", &testpb.AskThrough{
			Target: "ab://go/" + mute.Path(), TimeoutMs: uint32(patience.Milliseconds()),
		})
		failed <- err
	}()
	w.until("the handler runs", func() bool {
		gate, err := ask[*testpb.Gate](w, "ab://rust/gate", &testpb.GetGate{Key: key})
		return err == nil && gate.Entered == 1
	})
	select {
	case <-asked:
	case <-time.After(patience):
		w.Fatalf("round %d: the Rust actor's ask did not come", round)
	}
	for n := range tells {
		w.tell("ab:///hold/x", &testpb.Add{By: 1, N: uint64(n)})
	}
	w.node.Disconnect("rust")
	select {
	case err := <-failed:
		if !errors.Is(err, ab.ErrOutcomeUnknown) {
			w.Fatalf("round %d: an ask that a handler had when its link went gave %v", round, err)
		}
	case <-time.After(patience):
		w.Fatalf("round %d: an ask whose link went was not answered", round)
	}
	// Each of them is told, though the node that had them is gone.
	w.until("what the node had when it ended", func() bool {
		return len(w.log.with("WARN the node has stopped", fmt.Sprint(tells, " STOPPED"), "target=rust")) == round+1
	})
	close(linkGone)
	if err := w.node.Stop(w.Context(), mute, patience); err != nil {
		w.Fatal(err)
	}
}

// resources are what the process has of what nodes and links take.
type resources struct{ threads, files, goroutines int }

func (r resources) and(more int) resources {
	return resources{r.threads + more, r.files + more, r.goroutines + more}
}

func (r resources) within(most resources) bool {
	return r.threads <= most.threads && r.files <= most.files && r.goroutines <= most.goroutines
}

func held(t *testing.T) (r resources) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		name, err := os.ReadFile("/proc/self/task/" + task.Name() + "/comm")
		if err == nil && strings.HasPrefix(string(name), "actorbridge") {
			r.threads++
		}
	}
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	r.files, r.goroutines = len(files), runtime.NumGoroutine()
	return r
}
