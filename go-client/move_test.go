package actorbridge_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// move moves an actor, or fails.
func move(t testing.TB, by *ab.Node, to ab.Ref, node string) ab.MoveReport {
	t.Helper()
	ctx, cancel := deadline(t, patience)
	defer cancel()
	report, err := by.Move(ctx, to, ab.To(node))
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// owner is who hosts a path, as a node says it.
func owner(t testing.TB, node *ab.Node, path string) (string, uint64) {
	t.Helper()
	system := refOf(t, node, "ab://"+node.Name()+"/system")
	found, err := ab.Ask[*actorbridgev1.FindReply](t.Context(), system, &actorbridgev1.FindRequest{Path: path})
	if err != nil {
		t.Fatal(err)
	}
	return found.Owner, found.Epoch
}

func TestAnActorMovesThereAndBackWithItsStateItsAddressAndARisingEpoch(t *testing.T) {
	a, b := pair(t)
	to := spawn(t, a, "order/1")
	tellMany(t, a, to, 1, 3)
	if report := move(t, a, to, "b"); report.From != "a" || report.To != "b" || report.Epoch != 2 {
		t.Errorf("the move is %+v", report)
	}
	expect(t, to, 3)
	expect(t, refOf(t, b, "ab:///order/1"), 3)
	if name, epoch := owner(t, b, "order/1"); name != "b" || epoch != 2 {
		t.Errorf("b says that %s owns it at %d", name, epoch)
	}
	snapshot, err := b.Snapshot(t.Context(), refOf(t, b, "ab:///order/1"))
	if err != nil {
		t.Fatal(err)
	}
	state := len(snapshot.State)
	if report := move(t, a, to, "a"); report.From != "b" || report.Epoch != 3 || state == 0 || report.StateBytes != state {
		t.Errorf("the way back is %+v, of a state of %d bytes", report, state)
	}
	tellMany(t, a, to, 4, 10)
	expect(t, to, 10)
}

func TestStreamsFromBothNodesLoseNothingAndKeepTheirOrderThroughManyMoves(t *testing.T) {
	a, b := pair(t)
	const each, moves = 2000, 20
	to := spawn(t, a, "order/1", ab.Mailbox(64))
	var senders sync.WaitGroup
	for _, node := range []*ab.Node{a, b} {
		senders.Go(func() { tellMany(t, node, refOf(t, node, to.String()), 1, each) })
	}
	senders.Go(func() {
		for range each / 10 {
			if _, err := ab.Ask[*testpb.Count](t.Context(), to, &testpb.GetCount{}, ab.Timeout(long)); err != nil {
				t.Errorf("an ask on the way: %v", err)
				return
			}
		}
	})
	for i := range moves {
		move(t, a, to, []string{"b", "a"}[i%2])
	}
	senders.Wait()
	eventually(t, "the last message", func() bool { return counts(t, to).Total == 2*each })
	noDeadLetters(t, a, b)
}

func noDeadLetters(t testing.TB, nodes ...*ab.Node) {
	t.Helper()
	for _, node := range nodes {
		for _, letter := range node.DeadLetters() {
			t.Errorf("node %s has a dead letter: %s %s %s", node.Name(), letter.Code, letter.Target, letter.Detail)
		}
	}
}

func TestAStreamKeepsItsOrderThroughMovesWhereverItsSenderIs(t *testing.T) {
	for _, sender := range []string{"a", "b"} {
		t.Run("from "+sender, func(t *testing.T) {
			a, b := pair(t)
			node := map[string]*ab.Node{"a": a, "b": b}[sender]
			spawn(t, a, "order/1", ab.Mailbox(64))
			to := refOf(t, node, "ab:///order/1")
			const n = 3000
			done := make(chan struct{})
			go func() {
				defer close(done)
				tellMany(t, node, to, 1, n)
			}()
			for i := 0; ; i++ {
				select {
				case <-done:
				default:
					move(t, a, refOf(t, a, "ab:///order/1"), []string{"b", "a"}[i%2])
					continue
				}
				break
			}
			expect(t, to, n)
			noDeadLetters(t, a, b)
		})
	}
}

func TestAsksAreEachAnsweredOnceThroughMoves(t *testing.T) {
	a, b := pair(t)
	spawn(t, a, "order/1")
	to := refOf(t, b, "ab:///order/1")
	done := make(chan struct{})
	go func() {
		defer close(done)
		for n := uint64(1); n <= 1000; n++ {
			if _, err := ab.Ask[*testpb.Count](t.Context(), to, &testpb.Add{By: 1, N: n}, ab.Timeout(long)); err != nil {
				t.Errorf("ask %d: %v", n, err)
				return
			}
		}
	}()
	for i := range 10 {
		move(t, b, to, []string{"b", "a"}[i%2])
	}
	receive(t, "the last answer", done)
	expect(t, to, 1000)
}

func TestWhatWaitsInTheMailboxTravelsWithTheActorInOrder(t *testing.T) {
	a, _ := pair(t)
	gate := make(chan struct{})
	hold := &holder{worker: newWorker().(*worker), gate: gate}
	to, err := a.Spawn("order/1", func() ab.Receiver { return hold })
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Tell(t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the hold", hold.entered.Load)
	tellMany(t, a, to, 1, 100)
	moved := make(chan ab.MoveReport, 1)
	go func() {
		report, err := a.Move(t.Context(), to, ab.To("b"), ab.Freeze(long))
		if err != nil {
			t.Error(err)
		}
		moved <- report
	}()
	eventually(t, "the freeze", func() bool {
		return errors.Is(a.TryTell(to, &testpb.GetGate{}), ab.ErrMailboxFull)
	})
	close(gate)
	report := receive(t, "the end of the move", moved)
	if report.Stashed < 100 {
		t.Errorf("%d messages travelled, want 100", report.Stashed)
	}
	expect(t, to, 100)
}

// holder is a worker that waits at a gate for each Hold.
type holder struct {
	*worker
	gate    chan struct{}
	entered atomic.Bool
}

func (h *holder) Receive(ctx ab.Context, m *ab.Message) error {
	switch m.Type() {
	case "actorbridge.test.v1.Hold":
		h.entered.Store(true)
		<-h.gate
		return nil
	case "actorbridge.test.v1.GetGate":
		return nil
	}
	return h.worker.Receive(ctx, m)
}

func TestTimersRequestsAndWatchersMoveWithTheActor(t *testing.T) {
	came := make(chan *ab.Message, 4)
	makeRover := ab.Factory("rover/*", func() ab.Receiver { return &rover{came: came} })
	b := start(t, "b", makeRover)
	a := start(t, "a", makeRover, ab.WithLink(abtest.Door(b)))
	gate := make(chan struct{})
	slow := spawnFunc(t, a, "slow", func(_ ab.Context, m *ab.Message) error {
		<-gate
		return m.Reply(&testpb.EchoReply{Text: "at last"})
	})
	to, err := a.Spawn("rover/1", func() ab.Receiver { return &rover{came: came} })
	if err != nil {
		t.Fatal(err)
	}
	told, err := a.Watch(t.Context(), to)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.AskThrough{Target: slow.String()}); err != nil {
		t.Fatal(err)
	}
	move(t, a, to, "b")
	close(gate)
	for range 2 {
		m := receive(t, "the timer or the answer", came)
		switch m.Type() {
		case "actorbridge.test.v1.EchoReply":
			if !bytes.Equal(m.Note(), []byte("note")) {
				t.Errorf("the answer has the note %q", m.Note())
			}
		case "actorbridge.test.v1.GetCount":
		default:
			t.Errorf("there came a %s", m.Type())
		}
	}
	system := refOf(t, a, "ab://b/system")
	stop := &actorbridgev1.StopRequest{Path: "rover/1"}
	if _, err := ab.Ask[*actorbridgev1.StopReply](t.Context(), system, stop); err != nil {
		t.Fatal(err)
	}
	if end := receive(t, "the word to the watcher", told); end.Code != ab.CodeStopped {
		t.Errorf("the watcher is told %+v", end)
	}
	eventually(t, "the owner cell's end", func() bool {
		_, err := a.Spawn("rover/1", func() ab.Receiver { return &rover{came: came} })
		return err == nil
	})
}

// rover sets a timer and makes a request, and says what came of it.
type rover struct{ came chan *ab.Message }

func (r *rover) Receive(ctx ab.Context, m *ab.Message) error {
	if !m.IsAsk() {
		r.came <- m
		return nil
	}
	var ask testpb.AskThrough
	if err := m.Decode(&ask); err != nil {
		return err
	}
	to, err := ab.ParseRef(ask.Target)
	if err != nil {
		return err
	}
	return errors.Join(
		ctx.Timer("tick", 50*time.Millisecond, &testpb.GetCount{}),
		ctx.Request(to, &testpb.EchoRequest{}, long, []byte("note")),
		m.Reply(&testpb.Held{}))
}

func (r *rover) Snapshot(context.Context) (proto.Message, error) { return &testpb.Count{}, nil }

func (r *rover) Restore(context.Context, proto.Message) error { return nil }

// stubborn refuses every state.
type stubborn struct{ worker }

func (s *stubborn) Restore(context.Context, proto.Message) error {
	return &ab.UserError{Code: "BAD_RESTORE", Message: "it refuses every state"}
}

func TestAMoveThatFailsSaysWhyAndTheActorGoesOn(t *testing.T) {
	newStubborn := func() ab.Receiver { return &stubborn{worker: *newWorker().(*worker)} }
	b := start(t, "b", ab.Factory("stubborn/*", newStubborn))
	a := start(t, "a", ab.WithLink(abtest.Door(b)))
	cases := []struct {
		name, path, to string
		make           func() ab.Receiver
		code           ab.Code
		says           string
	}{
		{"not linked", "order/1", "nowhere", newWorker, ab.CodeUnavailable, "nowhere"},
		{"to no node", "order/0", "", newWorker, ab.CodeInvalidArgument, "to which node"},
		{"where it is", "order/2", "a", newWorker, ab.CodeInvalidArgument, "already"},
		{"without a factory there", "only-here", "b", newWorker, ab.CodeNoSuchActor, "factory"},
		{"a state that is refused", "stubborn/1", "b", newStubborn, ab.CodeHandlerError, "refuses every state"},
		{"without a snapshot", "order/3", "b", func() ab.Receiver {
			return ab.ReceiverFunc(func(_ ab.Context, m *ab.Message) error {
				return m.Reply(&testpb.Count{Handled: 1, Digest: digest(1)})
			})
		}, ab.CodeInvalidArgument, "snapshot"},
		{"a snapshot that panics", "order/4", "b", func() ab.Receiver { return &broken{*newWorker().(*worker)} },
			ab.CodeInvalidArgument, "no state"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			to, err := a.Spawn(c.path, c.make)
			if err != nil {
				t.Fatal(err)
			}
			_, err = a.Move(t.Context(), to, ab.To(c.to))
			var fault *ab.Error
			if !errors.As(err, &fault) || fault.Code != c.code || !strings.Contains(err.Error(), c.says) {
				t.Errorf("it fails with %v, want %s with %q", err, c.code, c.says)
			}
			if _, err := ab.Ask[*testpb.Count](t.Context(), to, &testpb.Add{By: 1, N: 1}); err != nil {
				t.Errorf("the actor does not go on: %v", err)
			}
			if name, epoch := owner(t, a, c.path); name != "a" || epoch != 1 {
				t.Errorf("%s owns it at epoch %d", name, epoch)
			}
		})
	}
	if _, err := a.Move(t.Context(), refOf(t, a, "ab:///nobody"), ab.To("b")); !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("nobody moves: %v", err)
	}
	parent := spawnFunc(t, a, "order/5", func(ctx ab.Context, m *ab.Message) error {
		child, err := ctx.Spawn("child", newWorker)
		if err != nil {
			return err
		}
		return m.Reply(&testpb.EchoReply{Text: child.String()})
	})
	child, err := ab.Ask[*testpb.EchoReply](t.Context(), parent, &testpb.EchoRequest{})
	if err != nil {
		t.Fatal(err)
	}
	_, err = a.Move(t.Context(), refOf(t, a, child.Text), ab.To("b"))
	if !errors.Is(err, ab.ErrInvalidArgument) || !strings.Contains(err.Error(), "children do not move") {
		t.Errorf("a child moves: %v", err)
	}
	expect(t, refOf(t, a, child.Text), 0)
}

// broken has a snapshot that panics.
type broken struct{ worker }

func (*broken) Snapshot(context.Context) (proto.Message, error) { panic("no state today") }

func TestAMoveWhoseHandlerDoesNotEndInTimeFailsAndTheActorGoesOn(t *testing.T) {
	a, _ := pair(t)
	gate := make(chan struct{})
	hold := &holder{worker: newWorker().(*worker), gate: gate}
	to, err := a.Spawn("order/1", func() ab.Receiver { return hold })
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Tell(t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the hold", hold.entered.Load)
	tellMany(t, a, to, 1, 3)
	if _, err := a.Move(t.Context(), to, ab.To("b"), ab.Freeze(50*time.Millisecond)); !errors.Is(err, ab.ErrHandlerTimeout) {
		t.Errorf("the move is %v", err)
	}
	close(gate)
	expect(t, to, 3)
}

func TestASnapshotIsTakenBetweenTwoMessagesAndRestoredAtAnotherNode(t *testing.T) {
	a, b := pair(t)
	to := spawn(t, a, "order/1")
	tellMany(t, a, to, 1, 100)
	expect(t, to, 100)
	snapshot, err := a.Snapshot(t.Context(), to)
	if err != nil || snapshot.Seq != 101 || snapshot.Type != "actorbridge.test.v1.Count" {
		t.Fatalf("the snapshot is %+v, %v", snapshot, err)
	}
	tellMany(t, a, to, 101, 101)
	expect(t, to, 101)
	if err := a.Stop(t.Context(), to, long); err != nil {
		t.Fatal(err)
	}
	restored, err := b.Restore(t.Context(), snapshot)
	if err != nil {
		t.Fatal(err)
	}
	tellMany(t, b, restored, 101, 200)
	expect(t, restored, 200)
	silent := spawnFunc(t, a, "silent", func(ab.Context, *ab.Message) error { return nil })
	if _, err := a.Snapshot(t.Context(), silent); err == nil || !strings.Contains(err.Error(), "snapshot") {
		t.Errorf("an actor without a snapshot: %v", err)
	}
}
