package main

import (
	"bytes"
	"context"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// patience is how long a test waits for what has to come.
const patience = 30 * time.Second

// rounds is how often a test does what it does: `make soak` sets ACTORBRIDGE_SOAK to have it many times as often.
func rounds(t *testing.T, short int) int {
	t.Helper()
	text := os.Getenv("ACTORBRIDGE_SOAK")
	if text == "" {
		return short
	}
	times, err := strconv.Atoi(text)
	if err != nil || times < 1 {
		t.Fatalf("ACTORBRIDGE_SOAK=%s is not how many times as many rounds: use a number from 1", text)
	}
	return short * times
}

// lines is a slog.Handler that keeps what it gets: all, or as many of the last as most says, and up to as many before.
type lines struct {
	slog.Handler
	most int
	mu   sync.Mutex
	all  []string
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
	if l.all = append(l.all, text); l.most > 0 && len(l.all) > 2*l.most {
		l.all = append([]string(nil), l.all[l.most:]...)
	}
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

func newWorld(t *testing.T, options ...ab.Option) *world {
	t.Helper()
	return newWorldOf(t, "go", options...)
}

// newWorldOf is a Go node of this name.
func newWorldOf(t *testing.T, name string, options ...ab.Option) *world {
	t.Helper()
	w := &world{T: t, log: &lines{}}
	var err error
	if w.node, err = ab.Start(t.Context(), name, append(options, ab.WithLogger(slog.New(w.log)))...); err != nil {
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
	return ab.Ask[T](ctx, w.ref(to), message, ab.Timeout(patience))
}

func (w *world) spawn(path string) {
	w.Helper()
	w.spawnAt("rust", path)
}

func (w *world) spawnAt(node, path string) {
	w.Helper()
	if _, err := ask[*pb.SpawnReply](w, "ab://"+node+"/system", &pb.SpawnRequest{Path: path}); err != nil {
		w.Fatal(err)
	}
}

// spawnGo spawns a Go actor that hands each message on.
func (w *world) spawnGo(path string, receive func(ctx ab.Context, m *ab.Message) error) {
	w.Helper()
	if _, err := w.node.Spawn(path, func() ab.Receiver { return ab.ReceiverFunc(receive) }); err != nil {
		w.Fatal(err)
	}
}

// A gate holds a Rust handler. Gates belong to the process, which may run a test often: each has a key of its own.
type gate struct {
	*world
	key string
}

// hold has a Rust actor wait in its handler, and returns when it does.
func (w *world) hold(actor string) gate {
	w.Helper()
	g := gate{w, fmt.Sprint(time.Now().UnixNano())}
	w.tell(actor, &testpb.Hold{Key: g.key})
	g.until("the handler runs", func() bool { return g.state().Entered == 1 })
	return g
}

// state is what came to the gate.
func (g gate) state() *testpb.Gate {
	g.Helper()
	state, err := ask[*testpb.Gate](g.world, "ab://rust/gate", &testpb.GetGate{Key: g.key})
	if err != nil {
		g.Fatal(err)
	}
	return state
}

func (g gate) open() {
	g.Helper()
	if _, err := ask[*testpb.Gate](g.world, "ab://rust/gate", &testpb.Release{Key: g.key}); err != nil {
		g.Fatal(err)
	}
}

// count is what a counter or a ledger answers.
func (w *world) count(actor string) *testpb.Count {
	w.Helper()
	count, err := ask[*testpb.Count](w, actor, &testpb.GetCount{})
	if err != nil {
		w.Fatal(err)
	}
	return count
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
	if _, err := w.node.Dial(ctx, d); err != nil {
		w.Fatal(err)
	}
}

// together runs all of these at once and fails the test where one of them has not ended in time. In its goroutine, each may
// use t.Error and must not use t.Fatal.
func (w *world) together(what string, all ...func()) {
	w.Helper()
	var group sync.WaitGroup
	for _, each := range all {
		group.Go(each)
	}
	w.within(what, &group)
}

// within waits for a group, at most three times as long as for one thing: there are many in it.
func (w *world) within(what string, group *sync.WaitGroup) {
	w.Helper()
	ended := make(chan struct{})
	go func() {
		group.Wait()
		close(ended)
	}()
	select {
	case <-ended:
	case <-time.After(3 * patience):
		stacks := make([]byte, 1<<20)
		w.Fatalf("not in time: %s\n%s", what, stacks[:runtime.Stack(stacks, true)])
	}
}

// first keeps the first error of many goroutines.
type first struct {
	once sync.Once
	err  error
}

func (f *first) note(err error) {
	if err != nil {
		f.once.Do(func() { f.err = err })
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

// nodeThreads are the threads of Rust nodes.
func nodeThreads(t *testing.T) (ids []int) {
	t.Helper()
	tasks, err := os.ReadDir("/proc/self/task")
	if err != nil {
		t.Fatal(err)
	}
	for _, task := range tasks {
		name, err := os.ReadFile("/proc/self/task/" + task.Name() + "/comm")
		id, _ := strconv.Atoi(task.Name())
		if err == nil && strings.HasPrefix(string(name), "actorbridge") {
			ids = append(ids, id)
		}
	}
	return ids
}

func held(t *testing.T) (r resources) {
	t.Helper()
	r.threads = len(nodeThreads(t))
	files, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Fatal(err)
	}
	r.files, r.goroutines = len(files), runtime.NumGoroutine()
	return r
}

// untilWithin waits until the process has no more than that of what nodes and links take.
func (w *world) untilWithin(most resources) {
	w.Helper()
	var now resources
	defer func() {
		if w.Failed() {
			w.Logf("the process has %+v, and had %+v", now, most)
		}
	}()
	w.until("nothing is left of the nodes before", func() bool {
		now = held(w.T)
		return now.within(most)
	})
}

// status reads a number of /proc/self/status, such as Threads, or VmRSS in KiB.
func status(name string) (int, error) {
	all, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0, err
	}
	_, line, found := bytes.Cut(all, []byte("\n"+name+":"))
	fields := bytes.Fields(line)
	if !found || len(fields) == 0 {
		return 0, fmt.Errorf("/proc/self/status has no %s", name)
	}
	return strconv.Atoi(string(fields[0]))
}

// resident is the process's memory in MiB, after a collection that gave back what it could.
func resident(t *testing.T) int {
	t.Helper()
	debug.FreeOSMemory()
	kib, err := status("VmRSS")
	if err != nil {
		t.Fatal(err)
	}
	return kib >> 10
}

// A watch looks at the process's threads from its start to its end.
type watch struct {
	stop chan struct{}
	most chan int
}

func watchThreads() watch {
	w := watch{make(chan struct{}), make(chan int, 1)}
	go func() {
		most := 0
		for {
			if now, err := status("Threads"); err == nil {
				most = max(most, now)
			}
			select {
			case <-w.stop:
				w.most <- most
				return
			case <-time.After(5 * time.Millisecond):
			}
		}
	}()
	return w
}

// end is the most threads that there were.
func (w watch) end() int {
	close(w.stop)
	return <-w.most
}
