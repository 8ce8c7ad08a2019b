package actorbridge_test

import (
	"errors"
	"slices"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// unlinked waits until a node has heard that a link is over.
func unlinked(t *testing.T, from, to *ab.Node) {
	t.Helper()
	eventually(t, "the end of the link", func() bool {
		return !slices.Contains(from.Peers(), to.Name()) && !slices.Contains(to.Peers(), from.Name())
	})
}

// An actor at a moves to b. Its home h is lost when, or before, its owner is swapped.
func loseHome(t *testing.T, rule func(*seen) bool, comes, targetToo bool) {
	w := newWitness()
	h, a, b := w.node(t, "h"), w.node(t, "a"), w.node(t, "b")
	home, target := joinToCut(t, a, h), joinToCut(t, a, b)
	joinToCut(t, h, b)
	first, err := h.Spawn("journal/1", w.journals("h"), ab.Mailbox(1<<16))
	if err != nil {
		t.Fatal(err)
	}
	moveAway(t, h, first, "a")
	to := []ab.Ref{first, refOf(t, a, first.String()), refOf(t, b, first.String())}
	senders := newCrowd(t, w, to, []*ab.Node{h, a, b})
	ready := make(chan struct{})
	target.cutAt(false, func(s *seen) bool {
		if s.has("ready") {
			close(ready)
		}
		return false
	})
	if rule == nil {
		home.cutNow()
		unlinked(t, h, a)
	} else {
		home.cutAt(comes, rule)
	}
	moved := make(chan error, 1)
	go func() {
		_, err := a.Move(t.Context(), to[1], ab.To("b"), ab.Freeze(long))
		moved <- err
	}()
	within(t, home.cut, "the cut")
	within(t, ready, "the target's ready")
	unlinked(t, h, a)
	if targetToo {
		target.cutNow()
		unlinked(t, a, b)
	}
	if err := a.TryTell(to[1], &testpb.Add{By: 9, N: 1}); !errors.Is(err, ab.ErrMailboxFull) {
		t.Fatalf("it is not frozen: %v", err)
	}
	select {
	case err := <-moved:
		t.Fatalf("the move ends before home is back: %v", err)
	default:
	}
	joinToCut(t, a, h)
	if err := within(t, moved, "the end of the move"); err != nil {
		t.Fatal(err)
	}
	answersAt(t, "b", to[0]) // also if b heard it from home
	if targetToo {
		joinToCut(t, a, b)
	}
	answersAt(t, "b", to[1])
	senders.allGoOn(t, "after the new link")
	senders.endsAt(t, "b")
}

func TestAnActorWhoseHomeIsLostStaysFrozenUntilItIsBackAndThenMoves(t *testing.T) {
	request := func(s *seen) bool { return s.hasType("OwnerSwapRequest") }
	answer := func(s *seen) bool { return s.hasType("OwnerSwapReply") }
	cases := []struct {
		name      string
		rule      func(*seen) bool
		comes     bool // the packet, all the same
		targetToo bool
	}{
		{"before the move", nil, false, false},
		{"with the swap", request, false, false},
		{"after the swap", request, true, false},
		{"with its answer", answer, false, false},
		{"with the swap, and the target", request, false, true},
		{"after the swap, and the target", request, true, true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel() // it waits for timeouts most of the time
			loseHome(t, c.rule, c.comes, c.targetToo)
		})
	}
}
