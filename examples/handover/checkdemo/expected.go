package main

import (
	"maps"
	"slices"
)

// document is target/demo.json as its readers know it.
type document struct {
	Rows    *int      `json:"rows"`
	Skipped *int      `json:"skipped"`
	Doors   []door    `json:"doors"`
	Report  []carrier `json:"report"`
}

type door struct {
	Door            string    `json:"door"`
	Sent            int       `json:"sent"`
	Handled         int       `json:"handled"`
	Lost            *int      `json:"lost"`
	Twice           *int      `json:"twice"`
	InOrder         bool      `json:"in_order"`
	Moves           int       `json:"moves"`
	PauseMS         []float64 `json:"pause_ms"`
	EqualToBaseline bool      `json:"equal_to_baseline"`
}

type carrier struct {
	Carrier      string  `json:"carrier"`
	Flights      int     `json:"flights"`
	Cancelled    int     `json:"cancelled"`
	Arrived      int     `json:"arrived"`
	MeanArrDelay float64 `json:"mean_arr_delay"`
	MaxArrDelay  *int64  `json:"max_arr_delay"`
	sum          int64
}

// expected collects what the demo must find.
type expected struct {
	Rows, Skipped int
	carriers      map[string]*carrier
}

func newExpected() *expected { return &expected{carriers: map[string]*carrier{}} }

func (e *expected) add(name string, departed bool, arrival *int64) {
	e.Rows++
	c := e.carriers[name]
	if c == nil {
		c = &carrier{Carrier: name}
		e.carriers[name] = c
	}
	c.Flights++
	if !departed {
		c.Cancelled++
	}
	if arrival == nil {
		return
	}
	c.Arrived++
	c.sum += *arrival
	c.MeanArrDelay = float64(c.sum) / float64(c.Arrived)
	if c.MaxArrDelay == nil || *arrival > *c.MaxArrDelay {
		c.MaxArrDelay = arrival
	}
}

func (e *expected) document() document {
	doc := document{Rows: &e.Rows, Skipped: &e.Skipped}
	for _, name := range slices.Sorted(maps.Keys(e.carriers)) {
		doc.Report = append(doc.Report, *e.carriers[name])
	}
	return doc
}
