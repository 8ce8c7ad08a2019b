package faults

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/go-client/abtest"
)

func TestALinkThatIsCloggedStopsNoOtherOneAndGoesOnWhenItIsFreed(t *testing.T) {
	t.Parallel()
	here := abtest.Start(t, "here")
	a := join(t, here, "there-go", peerOf(t, "go"), false)
	b := join(t, here, "there-rust", peerOf(t, "rust"), true)
	// While one link is away, each tell to an actor of no node would ask the other peer for it, and leave a dead letter: too many to keep.
	a.at, b.at = "ab://there-go/", "ab://there-rust/"
	for number := 1; ; number++ {
		random := seeded(t.Name(), number)
		a.during(number, func(toA *traffic) {
			b.during(number, func(toB *traffic) {
				toA.clogged(toB, random)
				toB.clogged(toA, random)
			})
		})
		if !goesOn(t) {
			return
		}
	}
}

// clogged holds back all that goes by a link until no more is taken for it, while another one goes on; behind it both do. In a long
// run some of it goes on until pings give the link up.
func (tr *traffic) clogged(other *traffic, random *rand.Rand) {
	t, network := tr.w.t, tr.w.network
	t.Helper()
	tr.goesOn("traffic by a link that is about to be clogged")
	network.poison(clog)
	full := tr.full.Load()
	eventually(t, "a tell that finds no room", func() bool { return tr.full.Load() > full })
	other.goesOn("traffic beside a clogged link")
	if isLong() && random.IntN(4) == 0 {
		time.Sleep(beyondPings)
		other.goesOn("traffic beside a link that was given up")
	}
	network.heal()
	eventually(t, "the link", tr.w.linked)
	tr.goesOn("traffic by a link that was freed")
}
