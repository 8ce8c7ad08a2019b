package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/exec"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/native"

	"github.com/actorbridge/actorbridge/compat-tests/peer-go/actors"
)

// soakTime is how long everything goes on at once: `make soak` sets ACTORBRIDGE_SOAK_FOR, such as "10m".
func soakTime(t *testing.T) time.Duration {
	t.Helper()
	text := os.Getenv("ACTORBRIDGE_SOAK_FOR")
	if text == "" {
		return 2 * time.Second
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		t.Fatalf("ACTORBRIDGE_SOAK_FOR: %v", err)
	}
	return long
}

const (
	tellers = 16
	askers  = 8
	// A counter's digest, as compat-tests/proto says.
	digestStart, digestFactor = 14_695_981_039_346_656_037, 1_099_511_628_211
	// mostKept is how many MiB the process may have more when everything is over: dead letters, and what allocators keep.
	mostKept = 320
)

// soak is one process in which everything goes on at once. What may fail has its own nodes and links; what goes over the
// link that stays must not.
type soak struct {
	*world
	door door.Door
	// over ends with the soak's time, or when something was wrong.
	over  context.Context
	stop  context.CancelFunc
	wrong first
	done  map[string]*atomic.Uint64
	// told is what each sender of the ledger has told it.
	told [tellers]uint64
	// digest is what the counter that moves must have, of the numbers up to moved that it was told.
	digest, moved uint64
}

func TestEverythingAtOnceLosesNothingAndLeavesNothing(t *testing.T) {
	log := &lines{most: 1_000}
	node, err := ab.Start(t.Context(), "go", append(actors.Install("go"), ab.WithLogger(slog.New(log)))...)
	if err != nil {
		t.Fatal(err)
	}
	s := &soak{
		world: &world{t, node, log}, door: native.Door(native.Name("rust")), digest: digestStart,
		done: make(map[string]*atomic.Uint64),
	}
	t.Cleanup(s.shutdown)
	s.over, s.stop = context.WithTimeout(t.Context(), soakTime(t))
	defer s.stop()
	s.dial(s.door)
	for _, path := range []string{"ledger/soak", "echo/soak", "through/soak", "counter/moves"} {
		s.spawn(path)
	}
	for n := range askers {
		s.spawn(fmt.Sprint("hold/soak-", n))
	}
	s.spawnGo("echo", func(_ ab.Context, m *ab.Message) error { return m.Reply(&testpb.EchoReply{}) })
	work := map[string]func(n int) error{
		"tells": s.tells, "echoes": s.echoes, "asks to Go": s.asksToGo, "given up": s.gaveUp, "panics": s.panics, "moves": s.moves,
		"told while it moves": s.toldWhileMoving, "links": s.links, "nodes": s.nodes, "children": s.children, "signals": s.signals,
	}
	most := map[string]int{"tells": tellers, "echoes": askers, "asks to Go": askers, "given up": askers}
	var all []func()
	for name, do := range work {
		s.done[name] = new(atomic.Uint64)
		for n := range max(most[name], 1) {
			all = append(all, func() { s.loop(name, n, do) })
		}
	}
	before, memory := held(t).and(60), resident(t)
	s.run(all)
	s.report()
	s.account()
	s.untilWithin(before)
	grown := resident(t) - memory
	if t.Logf("%d MiB more are in use", grown); grown > mostKept && !instrumented {
		t.Errorf("%d MiB are left of what is over", grown)
	}
}

// run has all of it go on for the soak's time, under a profiler, whose timer signals every thread that runs.
func (s *soak) run(all []func()) {
	s.Helper()
	if err := pprof.StartCPUProfile(io.Discard); err != nil {
		s.Fatal(err)
	}
	defer pprof.StopCPUProfile()
	var group sync.WaitGroup
	for _, each := range all {
		group.Go(each)
	}
	<-s.over.Done()
	s.within("everything ends", &group)
}

// loop does one thing, the nth of its kind, until it is over, or something was wrong.
func (s *soak) loop(name string, n int, do func(n int) error) {
	for round := n; s.over.Err() == nil; round += 100 {
		if err := do(round); err != nil {
			s.wrong.note(fmt.Errorf("%s: %w", name, err))
			s.stop()
			return
		}
		s.done[name].Add(1)
	}
}

func (s *soak) report() {
	s.Helper()
	if s.wrong.err != nil {
		s.Errorf("%v; the log ends with\n%s", s.wrong.err, s.log)
	}
	var text []string
	for name, n := range s.done {
		text = append(text, fmt.Sprintf("%d %s", n.Load(), name))
		if n.Load() == 0 && s.wrong.err == nil {
			s.Errorf("of %s there was none", name)
		}
	}
	slices.Sort(text)
	s.Log(strings.Join(text, ", "))
}

// account compares what was sent over the link that stays with what was handled.
func (s *soak) account() {
	s.Helper()
	if count := s.count("ab:///ledger/soak"); count.Handled != s.done["tells"].Load() || count.Total != 0 {
		s.Errorf("%d of %d tells were handled, %d out of order", count.Handled, s.done["tells"].Load(), count.Total)
	}
	if count := s.count("ab:///counter/moves"); count.Handled != s.moved || count.Digest != s.digest {
		s.Errorf("the counter that moved has handled %d of %d messages, in order: %v", count.Handled, s.moved,
			count.Digest == s.digest)
	}
}

func (s *soak) tells(round int) error {
	sender := round % 100
	s.told[sender]++
	return s.tell("ab:///ledger/soak", &testpb.Add{By: int64(sender), N: s.told[sender]})
}

func (s *soak) tell(to string, add *testpb.Add) error {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	return s.node.Tell(ctx, s.ref(to), add)
}

// echoes asks with as many bytes as a message may have, and with fewer.
func (s *soak) echoes(round int) error {
	data := bytes.Repeat([]byte{byte(round)}, round*37%(60<<10))
	reply, err := ask[*testpb.EchoReply](s.world, "ab:///echo/soak", &testpb.EchoRequest{Data: data})
	if err == nil && !bytes.Equal(reply.Data, data) {
		return fmt.Errorf("%d bytes came back as %d others", len(data), len(reply.Data))
	}
	return err
}

func (s *soak) asksToGo(int) error {
	through := &testpb.AskThrough{Target: "ab://go/echo", TimeoutMs: uint32(patience.Milliseconds())}
	return replied(ask[*testpb.EchoReply](s.world, "ab:///through/soak", through))
}

// gaveUp cancels an ask whose handler waits, with its context or at its deadline.
func (s *soak) gaveUp(round int) error {
	ctx, cancel := context.WithTimeout(s.Context(), time.Duration(1+round%7)*time.Millisecond)
	defer cancel()
	if round%2 == 0 {
		time.AfterFunc(time.Millisecond, cancel)
	}
	to := s.node.RefAt(fmt.Sprintf("ab://rust/hold/soak-%d", round%100))
	_, err := ab.Ask[*testpb.Held](ctx, to, &testpb.Hold{Key: "soak"})
	if !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("an ask that was given up gave %w", err)
	}
	return nil
}

func (s *soak) panics(round int) error {
	actor := fmt.Sprintf("counter/panics-%d", round)
	if err := replied(ask[*pb.SpawnReply](s.world, "ab://rust/system", &pb.SpawnRequest{Path: actor})); err != nil {
		return err
	}
	err := replied(ask[*testpb.Count](s.world, "ab://rust/"+actor, &testpb.PanicNow{Text: "soak"}))
	if !errors.Is(err, ab.ErrPanicked) {
		return fmt.Errorf("a panic gave %w", err)
	}
	return replied(ask[*pb.StopReply](s.world, "ab://rust/system", &pb.StopRequest{Path: actor}))
}

// moves brings a counter to the other language while it is told.
func (s *soak) moves(round int) error {
	ctx, cancel := context.WithTimeout(s.Context(), patience)
	defer cancel()
	to := []string{"go", "rust"}[round/100%2]
	_, err := s.node.Move(ctx, s.ref("ab:///counter/moves"), ab.To(to))
	return err
}

func (s *soak) toldWhileMoving(int) error {
	s.moved++
	s.digest = s.digest*digestFactor + s.moved
	return s.tell("ab:///counter/moves", &testpb.Add{By: 1, N: s.moved})
}

// visit has a Go node of its own at a door, with traffic in which it goes.
func (s *soak) visit(name, peer string, d door.Door) error {
	quiet := ab.WithLogger(slog.New(slog.DiscardHandler))
	node, err := ab.Start(s.Context(), name, ab.WithLink(d), quiet)
	if err != nil {
		return err
	}
	traffic := make(chan error, 1)
	var asked atomic.Uint64
	system, err := node.Ref("ab://" + peer + "/system")
	if err != nil {
		return err
	}
	go func() {
		for {
			_, err := ab.Ask[*pb.FindReply](s.Context(), system, &pb.FindRequest{Path: "system"}, ab.Timeout(patience))
			if err != nil {
				traffic <- gone(err)
				return
			}
			asked.Add(1)
		}
	}()
	for asked.Load() < 3 && len(traffic) == 0 {
		time.Sleep(time.Millisecond)
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	return errors.Join(node.Shutdown(ctx), <-traffic)
}

func (s *soak) links(int) error { return s.visit("visitor", "rust", s.door) }

func (s *soak) nodes(int) error {
	return s.visit("owner", "rust2", native.Door(native.Name("rust2"), native.Grace(0), native.Workers(1)))
}

func (s *soak) children(int) error { return child() }

func (s *soak) signals(int) error {
	time.Sleep(time.Millisecond)
	return errors.Join(syscall.Kill(os.Getpid(), syscall.SIGCHLD), syscall.Kill(os.Getpid(), syscall.SIGPROF),
		exec.Command("true").Run())
}
