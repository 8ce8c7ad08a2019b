package meter

import (
	"slices"
	"sync/atomic"
	"time"
)

// Quantiles are the parts of which [Times] tells the quantiles. The driver knows them too (bench/src/rounds.rs).
var Quantiles = []float64{0, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.995, 0.999, 1}

// Times is how long each message of a case took. Several goroutines may add to it.
type Times struct {
	took []int64
	next atomic.Int64
}

// begin makes room for n.
func (t *Times) begin(n int) {
	t.took = slices.Grow(t.took[:0], n)[:n]
	t.next.Store(0)
}

// Add adds one. More than the order was for are left out.
func (t *Times) Add(took time.Duration) {
	if at := t.next.Add(1) - 1; at < int64(len(t.took)) {
		t.took[at] = int64(took)
	}
}

// Count is how many have been added.
func (t *Times) Count() int { return int(t.next.Load()) }

func (t *Times) quantiles() []float64 {
	took := t.took[:min(t.Count(), len(t.took))]
	if len(took) == 0 {
		return nil
	}
	slices.Sort(took)
	values := make([]float64, len(Quantiles))
	for i, part := range Quantiles {
		values[i] = float64(took[int(part*float64(len(took)-1))])
	}
	return values
}
