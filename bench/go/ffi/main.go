// Command ffi measures the native door beside what a Go team uses today, all in one process. It is driven by the program
// `bench`: each line of its input names a case and how many messages to send, each line of its output says how long that took.
// Nothing is measured at the same time as anything else, so the driver may interleave the cases as it likes.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"os"
	"runtime"
	"slices"
	"syscall"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/native"

	_ "github.com/actorbridge/actorbridge/bench/go/ffi/rustcore" // links the Rust actors
)

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
	// NS is wall time, and CPUNS what all threads of the process used meanwhile.
	NS    int64 `json:"ns"`
	CPUNS int64 `json:"cpu_ns"`
	// Allocs is Go's heap allocations.
	Allocs uint64 `json:"allocs"`
	// Bytes is how much more memory the process has than before.
	Bytes int64  `json:"bytes"`
	Error string `json:"error,omitempty"`
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx := context.Background()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	node, err := ab.Start(ctx, "bench-go", ab.WithLink(native.Door()), ab.WithLogger(logger))
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_ = node.Shutdown(ctx)
	}()
	cases, err := ours(ctx, node)
	if err != nil {
		return err
	}
	wasm, err := inWasm(ctx)
	if err != nil {
		return err
	}
	cases = slices.Concat(cases, idle(node), channels(), byHand(), wasm)
	answers := json.NewEncoder(os.Stdout)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var o order
		if err := json.Unmarshal(lines.Bytes(), &o); err != nil {
			return fmt.Errorf("an order that is none: %w", err)
		}
		if err := answers.Encode(measure(ctx, cases, o)); err != nil {
			return err
		}
	}
	return lines.Err()
}

// A benchCase sends n messages, and returns when all have been handled.
type benchCase struct {
	name string
	run  func(ctx context.Context, n int) error
}

func measure(ctx context.Context, cases []benchCase, o order) measured {
	m := measured{Case: o.Case, N: o.N}
	at := slices.IndexFunc(cases, func(c benchCase) bool { return c.name == o.Case })
	if at < 0 {
		m.Error = "there is no such case"
		return m
	}
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	defer cancel()
	memory := resident() // what the case before left is not this one's
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu, start := cpuTime(), time.Now()
	if err := cases[at].run(ctx, o.N); err != nil {
		m.Error = err.Error()
	}
	m.NS, m.CPUNS = time.Since(start).Nanoseconds(), cpuTime()-cpu
	runtime.ReadMemStats(&after)
	m.Allocs = after.Mallocs - before.Mallocs
	m.Bytes = resident() - memory
	return m
}

// cpuTime is what the process has used so far, in nanoseconds.
func cpuTime() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return usage.Utime.Nano() + usage.Stime.Nano()
}
