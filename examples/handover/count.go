package main

import (
	"context"
	"fmt"
	"io"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
	"github.com/actorbridge/actorbridge/examples/handover/outcome"
	"github.com/actorbridge/actorbridge/examples/handover/rows"
	"github.com/actorbridge/actorbridge/examples/handover/tally"
)

// shownMalformed is how many malformed rows are reported one by one; the others are counted.
const shownMalformed = 20

// census is what the first pass over the file finds.
type census struct {
	outcome.Counts
	malformed []*rows.Malformed // the first ones
}

// count reads the whole file once: the moves are at half and at three quarters of its rows, and what cannot be used is
// refused before anything is started.
func count(ctx context.Context, path string, bar *bar) (*census, error) {
	var found census
	carriers := map[string]struct{}{}
	defer bar.clear()
	err := rows.Each(ctx, path, func(d *flightsv1.Departure) error {
		found.Rows++
		bar.show(found.Rows)
		if carriers[d.Carrier] = struct{}{}; len(carriers) > tally.MaxCarriers {
			return fmt.Errorf("%s has %w", path, tally.ErrTooManyCarriers)
		}
		return nil
	}, func(m *rows.Malformed) {
		found.Skipped++
		if len(found.malformed) < shownMalformed {
			found.malformed = append(found.malformed, m)
		}
	})
	return &found, err
}

// report writes one line for each malformed row, up to shownMalformed, and one about the others.
func (c *census) report(out io.Writer) {
	for _, m := range c.malformed {
		fmt.Fprintf(out, "%v: skipped\n", m)
	}
	switch more := c.Skipped - uint64(len(c.malformed)); more {
	case 0:
	case 1:
		fmt.Fprintln(out, "1 more malformed row: skipped")
	default:
		fmt.Fprintf(out, "%d more malformed rows: skipped\n", more)
	}
}
