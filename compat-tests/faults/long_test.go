package faults

import (
	"fmt"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// progressEach is how often a long run says how far it is.
const progressEach = 30 * time.Second

// begun is when the tests began; FAULTS_FOR says how long they go on, and without it each does the least that it can.
var begun = time.Now()

var longRun = sync.OnceValue(func() time.Duration {
	text := os.Getenv("FAULTS_FOR")
	if text == "" {
		return 0
	}
	long, err := time.ParseDuration(text)
	if err != nil {
		fmt.Fprintln(os.Stderr, "FAULTS_FOR:", err)
		os.Exit(2)
	}
	return long
})

func isLong() bool { return longRun() > 0 }

// failed says whether any test has: the others end then, too.
var failed atomic.Bool

// goesOn says whether a test does all that it does once more.
func goesOn(t *testing.T) bool { return !t.Failed() && !failed.Load() && time.Since(begun) < longRun() }

// total is what all tests have counted.
var total totals

type totals struct {
	told, handled, asked, answered, reconnects, givenUp, kills atomic.Uint64
	// here and there are the most bytes that were seen of the heap of this process, and of the memory of a peer.
	here, there most
}

// most is the largest number that it has seen.
type most struct{ atomic.Uint64 }

func (m *most) see(n uint64) {
	for old := m.Load(); n > old && !m.CompareAndSwap(old, n); old = m.Load() {
	}
}

func (s *totals) String() string {
	return fmt.Sprintf("%d told, %d handled, %d asked, %d answered, %d reconnects, %d links given up as silent, %d peers killed, "+
		"worst memory %d MiB of heap here, %d MiB in a peer",
		s.told.Load(), s.handled.Load(), s.asked.Load(), s.answered.Load(), s.reconnects.Load(), s.givenUp.Load(), s.kills.Load(),
		s.here.Load()>>20, s.there.Load()>>20)
}

// runAndSum runs the tests; a long run says how far it is, and ends with what there was.
func runAndSum(m *testing.M) int {
	if !isLong() {
		return m.Run()
	}
	over := make(chan struct{})
	var saying sync.WaitGroup
	saying.Go(func() {
		each := time.NewTicker(progressEach)
		defer each.Stop()
		for {
			select {
			case <-each.C:
				fmt.Printf("%v of %v: %v\n", time.Since(begun).Round(time.Second), longRun(), &total)
			case <-over:
				return
			}
		}
	})
	code := m.Run()
	close(over)
	saying.Wait()
	fmt.Printf("faults, in %v: %v\n", time.Since(begun).Round(time.Second), &total)
	return code
}
