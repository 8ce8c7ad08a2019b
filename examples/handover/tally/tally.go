// Package tally is what the actor knows: counts by carrier, and an order-sensitive digest of every departure. It has no
// actor in it, so that the Rust actor and this one can be held to the same recorded results (testdata/tally.txt).
package tally

import (
	"errors"
	"maps"
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
)

// Bounds of what an actor keeps and of what one answer holds.
const (
	MaxCarriers = 4096
	maxGaps     = 1024
	maxStays    = 16
	pageBytes   = 32 << 10
)

// buckets are the upper ends (excluded) of the arrival delay histogram, in minutes; the last bucket has none.
var buckets = [...]int64{-30, -15, 0, 15, 30, 60, 120}

// ErrTooManyCarriers refuses a departure of carrier number MaxCarriers + 1.
var ErrTooManyCarriers = errors.New("more than 4096 carriers: the actor keeps no more")

// ErrForeignState refuses a saved tally that no tally wrote.
var ErrForeignState = errors.New("the saved tally is not of this actor's shape: was it written by another actor?")

// Tally is the state of the actor. It is not safe for concurrent use.
type Tally struct {
	carriers map[string]*flightsv1.Carrier
	rest     *flightsv1.Report // all but the carriers
}

// New is an empty tally that begins its first stay in language.
func New(language string) *Tally {
	return &Tally{
		carriers: map[string]*flightsv1.Carrier{},
		rest:     &flightsv1.Report{Digest: offsetBasis, Stays: []*flightsv1.Stay{{Language: language}}},
	}
}

// Restore is the tally that Snapshot wrote, beginning a new stay in language.
func Restore(state *flightsv1.Report, language string) (*Tally, error) {
	foreign := func(c *flightsv1.Carrier) bool { return len(c.ArrDelayHistogram) != len(buckets)+1 }
	if len(state.Carriers) > MaxCarriers || len(state.Gaps) > maxGaps || len(state.Stays) > maxStays ||
		slices.ContainsFunc(state.Carriers, foreign) {
		return nil, ErrForeignState
	}
	t := New(language)
	t.rest = proto.CloneOf(state)
	for _, carrier := range t.rest.Carriers {
		t.carriers[carrier.Carrier] = carrier
	}
	t.rest.Carriers = nil
	t.rest.Stays = append(t.rest.Stays, &flightsv1.Stay{Language: language})
	if len(t.rest.Stays) > maxStays {
		t.rest.Stays = slices.Delete(t.rest.Stays, 0, 1)
	}
	return t, nil
}

// Add counts one departure. It refuses a carrier too many, and then counts nothing.
func (t *Tally) Add(d *flightsv1.Departure) error {
	carrier := t.carriers[d.Carrier]
	if carrier == nil {
		if len(t.carriers) == MaxCarriers {
			return ErrTooManyCarriers
		}
		carrier = &flightsv1.Carrier{Carrier: d.Carrier, ArrDelayHistogram: make([]uint64, len(buckets)+1)}
		t.carriers[d.Carrier] = carrier
	}
	t.place(d.Row)
	t.rest.Handled++
	t.rest.Stays[len(t.rest.Stays)-1].Handled++
	t.rest.Digest = digest(t.rest.Digest, d)

	carrier.Flights++
	if d.DepTime == nil {
		carrier.Cancelled++
	}
	if d.DepDelay != nil {
		carrier.DepDelaySum = saturatingAdd(carrier.DepDelaySum, *d.DepDelay)
	}
	if d.ArrDelay == nil {
		return nil
	}
	delay := *d.ArrDelay
	carrier.Arrived++
	carrier.ArrDelaySum = saturatingAdd(carrier.ArrDelaySum, delay)
	if carrier.ArrDelayMax == nil || delay > *carrier.ArrDelayMax {
		carrier.ArrDelayMax = &delay
	}
	bucket := slices.IndexFunc(buckets[:], func(end int64) bool { return delay < end })
	if bucket < 0 {
		bucket = len(buckets)
	}
	carrier.ArrDelayHistogram[bucket]++
	return nil
}

// place says whether the row is the next one, comes after a gap, fills one, or came before.
func (t *Tally) place(row uint64) {
	if row > t.rest.LastRow {
		if row > t.rest.LastRow+1 && len(t.rest.Gaps) < maxGaps {
			t.rest.Gaps = append(t.rest.Gaps, &flightsv1.Gap{From: t.rest.LastRow + 1, To: row - 1})
		}
		t.rest.LastRow = row
		return
	}
	for i, gap := range t.rest.Gaps {
		if row < gap.From || row > gap.To {
			continue
		}
		t.rest.OutOfOrder++
		var left []*flightsv1.Gap
		if gap.From < row {
			left = append(left, &flightsv1.Gap{From: gap.From, To: row - 1})
		}
		if row < gap.To && len(t.rest.Gaps)+len(left) <= maxGaps {
			left = append(left, &flightsv1.Gap{From: row + 1, To: gap.To})
		}
		t.rest.Gaps = slices.Replace(t.rest.Gaps, i, i+1, left...)
		return
	}
	t.rest.Twice++
}

// Snapshot is the complete state.
func (t *Tally) Snapshot() *flightsv1.Report {
	state := proto.CloneOf(t.rest)
	for _, name := range slices.Sorted(maps.Keys(t.carriers)) {
		state.Carriers = append(state.Carriers, proto.CloneOf(t.carriers[name]))
	}
	return state
}

// Page is the state with as many of the carriers after `after` (nil: from the first) as one message takes; the gaps are
// left out.
func (t *Tally) Page(after *string) *flightsv1.Report {
	page := proto.CloneOf(t.rest)
	page.Gaps = nil
	size := 0
	for _, name := range slices.Sorted(maps.Keys(t.carriers)) {
		if after != nil && name <= *after {
			continue
		}
		if size += proto.Size(t.carriers[name]); size > pageBytes && len(page.Carriers) > 0 {
			page.More = true
			break
		}
		page.Carriers = append(page.Carriers, proto.CloneOf(t.carriers[name]))
	}
	return page
}

func saturatingAdd(a, b int64) int64 {
	switch sum := a + b; {
	case a > 0 && b > 0 && sum < 0:
		return math.MaxInt64
	case a < 0 && b < 0 && sum >= 0:
		return math.MinInt64
	default:
		return sum
	}
}
