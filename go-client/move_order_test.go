package actorbridge_test

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// ledger says of each sender (Add.By) whether what it sent (Add.N) came in order.
type ledger struct {
	Next    map[int64]uint64
	Handled uint64
	Wrong   []string
}

func newLedger() ab.Receiver { return &ledger{Next: make(map[int64]uint64)} }

func (l *ledger) Receive(_ ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch x := message.(type) {
	case *testpb.Add:
		if due := l.Next[x.By] + 1; x.N != due && len(l.Wrong) < 10 {
			l.Wrong = append(l.Wrong, fmt.Sprintf("sender %d: %d came where %d was next", x.By, x.N, due))
		}
		l.Next[x.By] = x.N
		l.Handled++
		return nil
	case *testpb.GetCount:
		return m.Reply(&testpb.Count{Handled: l.Handled, Language: strings.Join(l.Wrong, "; ")})
	}
	return m.Unsupported()
}

func (l *ledger) Snapshot(context.Context) (proto.Message, error) {
	text, err := json.Marshal(l) // in a Count, since that is what the tests have
	return &testpb.Count{Language: string(text)}, err
}

func (l *ledger) Restore(_ context.Context, state proto.Message) error {
	return json.Unmarshal([]byte(state.(*testpb.Count).Language), l)
}

// An actor is pushed from both ends without pause. What comes while it is about to leave goes after it, and comes behind what went
// before, wherever the actor is by then: its senders pause, so that it moves many times meanwhile.
func TestMessagesReachAnActorInOrderThatIsMovedOnAsSoonAsItComes(t *testing.T) {
	b := start(t, "b", ab.Factory("ledger/*", newLedger))
	a := start(t, "a", ab.Factory("ledger/*", newLedger), ab.WithLink(abtest.Door(b)))
	const each = 2000 // all of them have room at once: an actor that never rests handles nothing for long
	to, err := a.Spawn("ledger/1", newLedger, ab.Mailbox(1024))
	if err != nil {
		t.Fatal(err)
	}
	var senders, pushers sync.WaitGroup
	for by, node := range []*ab.Node{a, b} {
		senders.Go(func() { tellInParts(t, node, to, int64(by), each) })
	}
	ctx, stop := context.WithCancel(t.Context())
	for _, way := range [][2]*ab.Node{{a, b}, {b, a}} {
		pushers.Go(func() {
			for ctx.Err() == nil {
				_, _ = way[0].Move(ctx, refOf(t, way[0], to.String()), ab.To(way[1].Name())) // or it is there already, or between the two
			}
		})
	}
	senders.Wait()
	stop()
	pushers.Wait()
	eventually(t, "the last message", func() bool { return counts(t, to).Handled == 2*each })
	if wrong := counts(t, to).Language; wrong != "" {
		t.Error(wrong)
	}
	for _, letter := range append(a.DeadLetters(), b.DeadLetters()...) {
		if strings.HasSuffix(letter.Target, to.Path()) { // and not a move that was refused
			t.Errorf("a dead letter: %s %s %s", letter.Code, letter.Target, letter.Detail)
		}
	}
}

// tellInParts tells Adds from 1 to n with pauses.
func tellInParts(t testing.TB, node *ab.Node, to ab.Ref, by int64, n uint64) {
	ctx, cancel := deadline(t, patience)
	defer cancel()
	to = refOf(t, node, to.String())
	for i := uint64(1); i <= n; i++ {
		if err := node.Tell(ctx, to, &testpb.Add{By: by, N: i}); err != nil {
			t.Errorf("message %d: %v", i, err)
			return
		}
		if i%4 == 0 {
			time.Sleep(100 * time.Microsecond)
		}
	}
}
