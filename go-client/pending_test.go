package actorbridge_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// pilgrim has a request, a timer and an ask that it answers later, and shows what comes of them.
type pilgrim struct {
	came  chan string
	later chan *ab.Responder
}

// Receive implements ab.Receiver.
func (p *pilgrim) Receive(ctx ab.Context, m *ab.Message) error {
	message, err := m.Open()
	switch ask := message.(type) {
	case *testpb.AskThrough:
		to, bad := ab.ParseRef(ask.Target)
		return errors.Join(bad,
			ctx.Timer("tick", time.Second, &testpb.GetCount{}),
			ctx.Request(to, &testpb.EchoRequest{}, time.Minute, []byte("note")),
			m.Reply(&testpb.Held{}))
	case *testpb.Hold:
		responder, err := m.Responder()
		p.later <- responder
		return err
	}
	p.came <- m.Type() + " " + string(m.Note())
	return err
}

// Snapshot implements ab.Snapshotter.
func (p *pilgrim) Snapshot(context.Context) (proto.Message, error) { return &testpb.Count{}, nil }

// Restore implements ab.Snapshotter.
func (p *pilgrim) Restore(context.Context, proto.Message) error { return nil }

func TestARequestATimerAndAnAskThatWaitsEachEndOnceThroughMovesWithoutPause(t *testing.T) {
	came, later := make(chan string, 64), make(chan *ab.Responder, 2)
	pilgrims := func() ab.Receiver { return &pilgrim{came, later} }
	b := start(t, "b", ab.Factory("pilgrim/*", pilgrims))
	a := start(t, "a", ab.Factory("pilgrim/*", pilgrims), ab.WithLink(abtest.Door(b)))
	slow := make(chan *ab.Responder, 1)
	oracle := spawnFunc(t, a, "oracle", func(_ ab.Context, m *ab.Message) error {
		responder, err := m.Responder()
		slow <- responder
		return err
	})
	to, err := a.Spawn("pilgrim/1", pilgrims)
	if err != nil {
		t.Fatal(err)
	}
	ask := &testpb.AskThrough{Target: oracle.String()}
	if _, err := ab.Ask[*testpb.Held](t.Context(), to, ask, ab.Timeout(long)); err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		_, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}, ab.Timeout(time.Minute))
		held <- err
	}()
	answerPilgrim, answerOracle := within(t, later, "the ask that waits"), within(t, slow, "the request")
	const reply, tick = "actorbridge.test.v1.EchoReply note", "actorbridge.test.v1.GetCount "
	got, answered := make(map[string]int), 0
	until := time.Now().Add(3 * long)
	for moves, more := 0, 10; more > 0; moves++ {
		if _, err := a.Move(t.Context(), to, ab.To([]string{"b", "a"}[moves%2]), ab.Freeze(long)); err != nil {
			t.Fatalf("move %d: %v", moves, err)
		}
		switch moves {
		case 5:
			if err := answerOracle.Reply(&testpb.EchoReply{}); err != nil {
				t.Fatal(err)
			}
		case 6:
			if err := answerPilgrim.Reply(&testpb.Held{}); err != nil {
				t.Fatal(err)
			}
		}
		select {
		case what := <-came:
			got[what]++
		case err := <-held:
			answered++
			if err != nil {
				t.Errorf("the ask that waits ends with %v", err)
			}
		default:
		}
		if got[reply] > 0 && got[tick] > 0 && answered > 0 {
			more-- // what came twice would come now
		}
		if time.Now().After(until) {
			t.Fatalf("after %d moves there came %v, and %d answers", moves, got, answered)
		}
	}
	if len(got) != 2 || got[reply] != 1 || got[tick] != 1 || answered != 1 || len(came) > 0 {
		t.Errorf("there came %v, and %d answers", got, answered)
	}
	noDeadLetters(t, a, b)
	for _, node := range []*ab.Node{a, b} {
		if late := node.DeadLetterCounts()["LATE_REPLY"]; late > 0 {
			t.Errorf("node %s got %d late replies", node.Name(), late)
		}
	}
}
