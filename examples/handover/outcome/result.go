// Package outcome is what a run came to, what it is held to, and how both are printed and written down.
package outcome

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/examples/handover/flightsv1"
)

// Counts is what the first pass over the file finds.
type Counts struct {
	Rows, Skipped uint64
}

// Run is what one run over the file came to.
type Run struct {
	Door  string
	Sent  uint64
	Moves []Move
	Took  time.Duration
	// Report is the actor's own, with the carriers of all pages.
	Report *flightsv1.Report
}

// Move is one completed move of the actor.
type Move struct {
	From, To string
	// Row is the last one that was sent when the move was asked for.
	Row   uint64
	Pause time.Duration
	// Stashed messages travelled with the actor.
	Stashed int
}

// Lost counts the rows that were sent and never handled.
func (r *Run) Lost() int64 { return int64(r.Sent) - int64(r.Report.Handled-r.Report.Twice) }

// InOrder says whether no row came after a higher one.
func (r *Run) InOrder() bool { return r.Report.OutOfOrder == 0 && r.Report.Twice == 0 }

// Differences says in which ways the run is not what the baseline, over counts, was; none = equal.
func (r *Run) Differences(baseline *Run, counts Counts) []string {
	var all []string
	say := func(differs bool, format string, args ...any) {
		if differs {
			all = append(all, fmt.Sprintf(format, args...))
		}
	}
	report, want := r.Report, baseline.Report
	say(r.Sent != counts.Rows, "sent %d rows, the file has %d", r.Sent, counts.Rows)
	say(report.Handled != want.Handled, "handled %d, baseline %d", report.Handled, want.Handled)
	say(r.Lost() != 0, "%d lost", r.Lost())
	say(report.Twice != 0, "%d handled twice", report.Twice)
	say(report.OutOfOrder != 0, "%d out of order", report.OutOfOrder)
	say(report.LastRow != want.LastRow, "last row %d, baseline %d", report.LastRow, want.LastRow)
	say(report.Digest != want.Digest, "digest %016x, baseline %016x", report.Digest, want.Digest)
	for _, name := range carriersOf(report, want) {
		have, expected := carrier(report, name), carrier(want, name)
		say(!proto.Equal(have, expected), "carrier %q: %v, baseline %v", name, have, expected)
	}
	return all
}

func carriersOf(reports ...*flightsv1.Report) []string {
	var names []string
	for _, report := range reports {
		for _, c := range report.Carriers {
			names = append(names, c.Carrier)
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

func carrier(report *flightsv1.Report, name string) *flightsv1.Carrier {
	for _, c := range report.Carriers {
		if c.Carrier == name {
			return c
		}
	}
	return nil
}

// Document is what target/demo.json holds.
type Document struct {
	Rows    uint64        `json:"rows"`
	Skipped uint64        `json:"skipped"`
	Doors   []DoorJSON    `json:"doors"`
	Report  []CarrierJSON `json:"report"`
}

// DoorJSON is one door's run.
type DoorJSON struct {
	Door    string `json:"door"`
	Sent    uint64 `json:"sent"`
	Handled uint64 `json:"handled"`
	Lost    int64  `json:"lost"`
	Twice   uint64 `json:"twice"`
	InOrder bool   `json:"in_order"`
	Moves   int    `json:"moves"`
	// PauseMS has one entry for each move.
	PauseMS         []float64 `json:"pause_ms"`
	EqualToBaseline bool      `json:"equal_to_baseline"`
}

// CarrierJSON is one carrier's line of the report. Delays are in minutes.
type CarrierJSON struct {
	Carrier      string  `json:"carrier"`
	Flights      uint64  `json:"flights"`
	Cancelled    uint64  `json:"cancelled"`
	Arrived      uint64  `json:"arrived"`
	MeanArrDelay float64 `json:"mean_arr_delay"`
	MaxArrDelay  *int64  `json:"max_arr_delay"`
}

// DocumentOf is the document about a baseline and the runs over the doors.
func DocumentOf(counts Counts, baseline *Run, doors []*Run) Document {
	doc := Document{Rows: counts.Rows, Skipped: counts.Skipped, Doors: []DoorJSON{}, Report: []CarrierJSON{}}
	for _, run := range doors {
		pauses := []float64{}
		for _, move := range run.Moves {
			pauses = append(pauses, float64(move.Pause.Microseconds())/1000)
		}
		doc.Doors = append(doc.Doors, DoorJSON{
			Door: run.Door, Sent: run.Sent, Handled: run.Report.Handled, Lost: run.Lost(), Twice: run.Report.Twice,
			InOrder: run.InOrder(), Moves: len(run.Moves), PauseMS: pauses,
			EqualToBaseline: len(run.Differences(baseline, counts)) == 0,
		})
	}
	for _, c := range baseline.Report.Carriers {
		doc.Report = append(doc.Report, CarrierJSON{
			Carrier: c.Carrier, Flights: c.Flights, Cancelled: c.Cancelled, Arrived: c.Arrived,
			MeanArrDelay: meanDelay(c), MaxArrDelay: c.ArrDelayMax,
		})
	}
	return doc
}

// meanDelay is over the flights that arrived; 0 if none did.
func meanDelay(c *flightsv1.Carrier) float64 {
	if c.Arrived == 0 {
		return 0
	}
	return float64(c.ArrDelaySum) / float64(c.Arrived)
}

// Write puts the document at path, whole or not at all.
func (d Document) Write(path string) error {
	text, err := json.MarshalIndent(d, "", "  ")
	if err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		return err
	}
	part := path + ".part"
	if err := os.WriteFile(part, append(text, '\n'), 0o644); err != nil {
		return err
	}
	return os.Rename(part, path)
}
