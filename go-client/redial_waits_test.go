package actorbridge

import (
	"testing"
	"time"
)

func TestWaitsAreRandomUpToABoundThatDoublesAndHasACap(t *testing.T) {
	waits := newRedialWaits()
	for _, most := range []time.Duration{100, 200, 400, 800, 1_600, 3_200, 5_000, 5_000} {
		most *= time.Millisecond
		for random, want := range map[float64]time.Duration{0: 0, 0.25: most / 4, 1: most} {
			if got := waits.next(random); got != want {
				t.Errorf("by %g of %v it waits %v", random, most, got)
			}
		}
		waits.failed(false)
	}
	waits.failed(true)
	if got := waits.next(1); got != time.Minute {
		t.Errorf("where the peer refuses, it waits up to %v", got)
	}
	waits.failed(false)
	if got := waits.next(1); got != 5*time.Second {
		t.Errorf("and where it does not any more, up to %v", got)
	}
}
