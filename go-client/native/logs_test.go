//go:build cgo

package native

import (
	"context"
	"log/slog"
	"sync"
	"testing"
	"time"
)

// seen is a slog.Handler that remembers, and waits at a gate.
type seen struct {
	slog.Handler
	gate chan struct{}

	mu      sync.Mutex
	lines   map[string]int
	dropped uint64
}

func (s *seen) Enabled(context.Context, slog.Level) bool { return true }

func (s *seen) Handle(_ context.Context, r slog.Record) error {
	<-s.gate
	s.mu.Lock()
	defer s.mu.Unlock()
	r.Attrs(func(a slog.Attr) bool {
		switch a.Key {
		case "dropped":
			s.dropped += a.Value.Uint64()
		case "target":
			s.lines[a.Value.String()]++
		}
		return true
	})
	return nil
}

func TestAFloodOfLinesTakesBoundedMemoryAndEachLineIsLoggedOrCountedAsDropped(t *testing.T) {
	const links = 1500
	handler := &seen{gate: make(chan struct{}), lines: make(map[string]int)}
	d := Door(Name("flood"))
	dialLogging(t, d, handler)
	for range links {
		_ = dial(t, d).Close() // "the link is up", "the link is down"
	}
	close(handler.gate)
	const want = 2*links + 1
	deadline := time.Now().Add(20 * time.Second)
	for {
		handler.mu.Lock()
		lines, dropped := uint64(handler.lines["flood"]), handler.dropped
		handler.mu.Unlock()
		// The lines that say how many were dropped are lines too.
		if warnings := lines + dropped; dropped > 0 && warnings > want && warnings <= want+3 {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("%d lines were logged, %d dropped; there were %d", lines, dropped, want)
		}
		time.Sleep(5 * time.Millisecond)
	}
}

func TestTheLinesOfANodeGoToTheOldestOfItsLinksAndThenToTheNext(t *testing.T) {
	open := make(chan struct{})
	close(open)
	older, newer := &seen{gate: open, lines: make(map[string]int)}, &seen{gate: open, lines: make(map[string]int)}
	d := Door(Name("two"))
	a, b := dialLogging(t, d, older), dialLogging(t, d, newer)
	until := func(s *seen, n int) {
		t.Helper()
		deadline := time.Now().Add(20 * time.Second)
		for {
			s.mu.Lock()
			lines := s.lines["two"]
			s.mu.Unlock()
			if lines >= n {
				return
			}
			if time.Now().After(deadline) {
				t.Fatalf("%d lines came, not %d", lines, n)
			}
			time.Sleep(5 * time.Millisecond)
		}
	}
	until(older, 2)
	_ = a.Close()
	until(newer, 1)
	_ = b.Close() // its own last line too, before Close returns
	newer.mu.Lock()
	defer newer.mu.Unlock()
	if newer.lines["two"] != 2 {
		t.Errorf("%d lines came", newer.lines["two"])
	}
}

func TestARecordHasTheLinesTimeLevelAndFields(t *testing.T) {
	r := record(slog.LevelError, 1_700_000_000_000_000_007, "it broke", "rust", "orders/42", `{"b":1,"a":"x"}`)
	if r.Time.UnixNano() != 1_700_000_000_000_000_007 || r.Level != slog.LevelError || r.Message != "it broke" {
		t.Errorf("the record is %v", r)
	}
	got := ""
	r.Attrs(func(a slog.Attr) bool { got += a.String() + " "; return true })
	if got != "target=rust actor=orders/42 a=x b=1 " {
		t.Errorf("its attributes are %q", got)
	}
	broken, got := record(slog.LevelInfo, 0, "", "rust", "", "{"), ""
	broken.Attrs(func(a slog.Attr) bool { got += a.String() + " "; return true })
	if got != "target=rust fields={ " {
		t.Errorf("fields that are no JSON became %q", got)
	}
}
