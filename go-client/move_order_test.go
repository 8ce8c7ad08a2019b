package actorbridge_test

import (
	"sync"
	"sync/atomic"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// An actor is pushed from both ends without pause. What comes while it is about to leave goes after it, and comes behind what went
// before, wherever the actor is by then.
func TestNothingIsLostOrOvertakenOnTheWayToAnActorThatIsMovedOnAsSoonAsItComes(t *testing.T) {
	w := newWitness()
	w.padding = 0 // it moves often
	b := w.node(t, "b")
	a := w.node(t, "a")
	joinToCut(t, a, b)
	actor, err := a.Spawn("journal/1", w.journals("a"))
	if err != nil {
		t.Fatal(err)
	}
	crowd := newCrowd(t, w, []ab.Ref{actor, refOf(t, b, actor.String())}, []*ab.Node{a, b})
	var moves atomic.Int64
	var pushers sync.WaitGroup
	for _, way := range [][2]*ab.Node{{a, b}, {b, a}} {
		pushers.Go(func() {
			for moves.Load() < 300 {
				_, err := way[0].Move(t.Context(), refOf(t, way[0], actor.String()), ab.To(way[1].Name()))
				if err == nil { // or it is there already, or between the two
					moves.Add(1)
				}
			}
		})
	}
	pushers.Wait()
	at, epoch := owner(t, a, actor.Path())
	if other, later := owner(t, b, actor.Path()); later > epoch { // the last move's end may not have heard yet that it is committed
		at = other
	}
	crowd.endsAt(t, at)
	if dead, unknown := letters(t, []*ab.Node{a, b}); len(dead)+unknown > 0 {
		t.Errorf("dead letters: %v, and %d unknown", dead, unknown)
	}
}
