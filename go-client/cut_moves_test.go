package actorbridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// after is where an actor is after a cut, before there is a new link.
type after int

const (
	stays  after = iota // where it was; the move has failed
	either              // where it was, at the target, or frozen: the cut and the swap race
	goes                // at the target; the move has ended well
	waits               // frozen, until its home can be reached; then it is at the target
)

// stage is two nodes, an actor that moves between them, and senders on both.
type stage struct {
	witness *witness
	nodes   [2]*ab.Node
	link    *cutter
	to      [2]ab.Ref // as each node sees it
	*crowd
}

// newStage has the actor at node a, where it was spawned, or at b, to come home to a.
func newStage(t *testing.T, comesHome bool) *stage {
	s := &stage{witness: newWitness()}
	s.nodes = [2]*ab.Node{s.witness.node(t, "a"), s.witness.node(t, "b")}
	s.link = joinToCut(t, s.nodes[0], s.nodes[1])
	to, err := s.nodes[0].Spawn("journal/1", s.witness.journals("a"), ab.Mailbox(1<<16))
	if err != nil {
		t.Fatal(err)
	}
	s.to = [2]ab.Ref{to, refOf(t, s.nodes[1], to.String())}
	if comesHome {
		moveAway(t, s.nodes[0], to, "b")
	}
	s.crowd = newCrowd(t, s.witness, s.to[:], s.nodes[:])
	return s
}

func cutOnce(t *testing.T, comesHome, comes bool, then after, rule func(*seen) bool) {
	s := newStage(t, comesHome)
	names, last, next := [2]string{"a", "b"}, 0, 1
	if comesHome {
		last, next = 1, 0
	}
	s.link.cutAt(comes, rule)
	moved := make(chan error, 1)
	go func() {
		_, err := s.nodes[last].Move(t.Context(), s.to[last], ab.To(names[next]), ab.Freeze(long))
		moved <- err
	}()
	within(t, s.link.cut, "the packet that the link is cut at")
	eventually(t, "the end of the link", func() bool { return len(s.nodes[0].Peers())+len(s.nodes[1].Peers()) == 0 })
	var failed error
	switch then {
	case stays:
		failed = within(t, moved, "the end of the move")
		if failed == nil {
			t.Fatal("it has moved")
		}
		answersAt(t, names[last], s.to[last])
		s.goesOn(t, "after the cut", int64(last), int64(last)+2)
	case goes:
		if err := within(t, moved, "the end of the move"); err != nil {
			t.Fatal(err)
		}
	case waits:
		if err := s.nodes[last].TryTell(s.to[last], &testpb.Add{By: 9, N: 1}); !errors.Is(err, ab.ErrMailboxFull) {
			t.Fatalf("it is not frozen: %v", err)
		}
	}
	joinToCut(t, s.nodes[0], s.nodes[1])
	if then == either || then == waits {
		failed = within(t, moved, "the end of the move")
	}
	at := next
	if failed != nil {
		at = last
		says := "the link to node " + names[next] + " was lost while the actor was offered to it: "
		if then == waits || !errors.Is(failed, ab.ErrUnavailable) || !strings.Contains(failed.Error(), says) {
			t.Fatalf("the move fails with %v", failed)
		}
	}
	answersAt(t, names[at], s.to[last])
	s.allGoOn(t, "after the new link")
	if at == last {
		moveAway(t, s.nodes[last], s.to[last], names[next])
	}
	s.endsAt(t, names[next])
}

// moveAway is move, on a machine that is busy.
func moveAway(t testing.TB, by *ab.Node, to ab.Ref, node string) {
	t.Helper()
	if _, err := by.Move(t.Context(), to, ab.To(node), ab.Freeze(long)); err != nil {
		t.Fatal(err)
	}
}

// within waits for something of a channel.
func within[T any](t testing.TB, from <-chan T, what string) T {
	t.Helper()
	select {
	case got := <-from:
		return got
	case <-time.After(2 * long):
		t.Fatalf("%s did not come in %v", what, 2*long)
		panic("unreachable")
	}
}

func TestALinkThatDiesAtAnyStepOfAMoveLeavesTheActorAtOnePlaceAndNothingHandledTwice(t *testing.T) {
	cases := []struct {
		name        string
		rule        func(*seen) bool
		comesHome   bool
		lost, comes after // if the packet is lost with the link, and if it still comes
	}{
		{"the offer", func(s *seen) bool { return s.has("offer") }, false, stays, stays},
		{"a chunk", func(s *seen) bool { return s.has("chunk") && !s.has("offer") }, false, stays, stays},
		{"ready", func(s *seen) bool { return s.has("ready") }, false, stays, either},
		{"committed", func(s *seen) bool { return s.has("committed") }, false, goes, goes},
		{"what follows", func(s *seen) bool { return s.forwards }, false, goes, goes},
		{"the resets", func(s *seen) bool { return s.resets }, false, goes, goes},
		{"drained", func(s *seen) bool { return s.has("drained") }, false, goes, goes},
		{"the offer, on its way home", func(s *seen) bool { return s.has("offer") }, true, stays, stays},
		{"a chunk, on its way home", func(s *seen) bool { return s.has("chunk") && !s.has("offer") }, true, stays, stays},
		{"ready, on its way home", func(s *seen) bool { return s.has("ready") }, true, stays, either},
		{"the swap at home", func(s *seen) bool { return s.hasType("OwnerSwapRequest") }, true, waits, waits},
		{"the answer of home", func(s *seen) bool { return s.hasType("OwnerSwapReply") }, true, waits, either},
		{"committed, on its way home", func(s *seen) bool { return s.has("committed") }, true, goes, goes},
		{"what follows, on its way home", func(s *seen) bool { return s.forwards }, true, goes, goes},
		{"drained, on its way home", func(s *seen) bool { return s.has("drained") }, true, goes, goes},
	}
	for _, c := range cases {
		t.Run(c.name+" lost", func(t *testing.T) {
			t.Parallel() // it waits for timeouts most of the time
			cutOnce(t, c.comesHome, false, c.lost, c.rule)
		})
		t.Run(c.name+" comes", func(t *testing.T) {
			t.Parallel()
			cutOnce(t, c.comesHome, true, c.comes, c.rule)
		})
	}
}
