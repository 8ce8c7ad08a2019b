package faults

import (
	"fmt"
	"testing"

	"github.com/actorbridge/actorbridge/go-client/abtest"
)

func TestALinkThatPingsGiveUpComesBackAndAllIsHandledOrTold(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		language string
		theyDial bool
		parted   toxic
	}{
		{"go", false, partition},
		{"rust", true, toxic{name: "a partition to who dialled", parts: []part{nothing("downstream")}}},
	} {
		program := peerOf(t, c.language)
		t.Run(fmt.Sprintf("%s, they dial: %v, %s", c.language, c.theyDial, c.parted.name), func(t *testing.T) {
			t.Parallel()
			w := join(t, abtest.Start(t, "here"), "there", program, c.theyDial)
			w.during(1, func(tr *traffic) {
				tr.goesOn("traffic")
				w.network.poison(c.parted)
				eventually(t, "the end of the link", func() bool { return !w.linked() })
				w.network.heal()
				eventually(t, "a link behind the partition", w.linked)
				tr.goesOn("traffic behind the partition")
			})
			if w.givenUp == 0 {
				t.Error("the link did not end by pings without an answer")
			}
			if w.reconnects == 0 {
				t.Error("it did not come back")
			}
		})
	}
}

func TestWhateverTheNetworkDoesEachAskEndsAndEachTellIsHandledOnceOrTold(t *testing.T) {
	t.Parallel()
	everyPeer(t, func(t *testing.T, program string, theyDial bool) {
		w := join(t, abtest.Start(t, "here"), "there", program, theyDial)
		var early memory
		quiet, rounds := 0, 0
		for {
			rounds++
			if !w.round(rounds) {
				quiet++
			}
			if now := w.memory(); rounds == settledIn {
				early = now
			}
			if !goesOn(t) {
				break
			}
		}
		if quiet > 1+rounds/20 || quiet == rounds {
			t.Errorf("in %d of %d rounds there was no traffic", quiet, rounds)
		}
		if rounds > settledIn {
			late := w.memory()
			t.Logf("after %d rounds: %v; after %d: %v", settledIn, early, rounds, late)
			w.bounded("through all that a network does", early)
		}
		eventually(t, "one link", func() bool { return len(w.here.Links()) == 1 && w.linked() })
	})
}

// round has traffic while the network is hurt by one toxic after the other. It says whether tells went both ways: a handshake whose
// first bytes were dropped is given up after 10 s, so that there is no link for a whole round now and then.
func (w *world) round(number int) bool {
	w.t.Helper()
	defer func() {
		if w.t.Failed() {
			w.t.Logf("it was round %d", number)
		}
	}()
	tr := w.during(number, func(*traffic) {
		for _, what := range drawn(w.t.Name(), number) {
			if isLong() && what.lasts > 3*deadline {
				w.t.Logf("round %d: %s", number, what.name)
			}
			w.network.hurt(what)
		}
	})
	if tr.asker.all.Load() == 0 {
		w.t.Error("nothing was asked")
	}
	if !isLong() {
		w.t.Logf("round %d: %d told, %d told here, %d asked", number, tr.taken.Load(), tr.takenThere.Load(), tr.asker.all.Load())
	}
	return tr.taken.Load() > 0 && tr.takenThere.Load() > 0
}
