// Package meter is what all programs have in common that the program `bench` drives: each line of input names a case and how many
// messages to send, each line of output says how long that took. Nothing is measured at the same time as anything else, so the
// driver may interleave the cases, and the programs, as it likes.
package meter

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"
	"time"
)

// patience is how long one measurement may take.
const patience = time.Minute

// A Case sends n messages, and returns when all have been handled.
type Case struct {
	Name string
	Run  func(ctx context.Context, n int) error
	// Times, if it is set, gets how long each of the n took.
	Times *Times
	// Bytes, if it is set, counts bytes; the case's are those that were counted during its run.
	Bytes func() int64
}

// Of is a case that has a name and is run, and nothing else.
func Of(name string, run func(ctx context.Context, n int) error) Case {
	return Case{Name: name, Run: run}
}

// order is one line of input.
type order struct {
	Case string `json:"case"`
	// N is how many messages, or asks.
	N int `json:"n"`
}

// measured is one line of output.
type measured struct {
	Case string `json:"case"`
	N    int    `json:"n"`
	// NS is wall time, and CPUNS what all threads used meanwhile: of this process, and of the one at the other end.
	NS        int64 `json:"ns"`
	CPUNS     int64 `json:"cpu_ns"`
	PeerCPUNS int64 `json:"peer_cpu_ns"`
	// Allocs is Go's heap allocations, and AllocBytes the bytes of them.
	Allocs     uint64 `json:"allocs"`
	AllocBytes uint64 `json:"alloc_bytes"`
	Bytes      int64  `json:"bytes"`
	// Quantiles are those of how long each took, in nanoseconds, at the parts of [Quantiles].
	Quantiles []float64 `json:"quantiles,omitempty"`
	Error     string    `json:"error,omitempty"`
}

// Serve answers orders until in ends. The other end is a process, or 0 where there is none.
func Serve(ctx context.Context, in io.Reader, out io.Writer, otherEnd int, cases []Case) error {
	answers := json.NewEncoder(out)
	lines := bufio.NewScanner(in)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("an order that is none: %w", err)
		}
		if err := answers.Encode(measure(ctx, otherEnd, cases, o)); err != nil {
			return err
		}
	}
	return lines.Err()
}

func measure(ctx context.Context, otherEnd int, cases []Case, o order) measured {
	m := measured{Case: o.Case, N: o.N}
	at := slices.IndexFunc(cases, func(c Case) bool { return c.Name == o.Case })
	if at < 0 {
		m.Error = "there is no such case"
		return m
	}
	c := cases[at]
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	runtime.GC() // what the case before left is not this one's
	var bytes int64
	if c.Bytes != nil {
		bytes = c.Bytes()
	}
	if c.Times != nil {
		c.Times.begin(o.N)
	}
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	peer, cpu, start := cpuTime(otherEnd), cpuTime(0), time.Now()
	if err := c.Run(ctx, o.N); err != nil {
		m.Error = err.Error()
	}
	m.NS, m.CPUNS = time.Since(start).Nanoseconds(), cpuTime(0)-cpu
	if otherEnd != 0 {
		m.PeerCPUNS = cpuTime(otherEnd) - peer
	}
	runtime.ReadMemStats(&after)
	m.Allocs, m.AllocBytes = after.Mallocs-before.Mallocs, after.TotalAlloc-before.TotalAlloc
	if c.Bytes != nil {
		m.Bytes = c.Bytes() - bytes
	}
	if c.Times != nil {
		m.Quantiles = c.Times.quantiles()
	}
	return m
}
