//go:build cgo

package native

// #include "actorbridge.h"
// #cgo noescape ab_logs_drain
// #cgo nocallback ab_logs_drain
import "C"

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"sync"
	"time"
	"unsafe"
)

const (
	// logTime is how often the Rust nodes' lines are looked for.
	logTime = 100 * time.Millisecond
	// One drain takes at most maxBatches times logLines lines, about twice what the library keeps.
	logLines   = 64
	logArena   = 64 << 10
	maxBatches = 32
)

// logs are the lines of all Rust nodes of the process, which the library keeps together.
var logs = drainer{lines: make([]C.ab_log, logLines), arena: make([]byte, logArena)}

// drainer takes the library's lines and gives each to the logger of its node.
type drainer struct {
	// mu is held while lines are handed on, so that they keep their order.
	mu    sync.Mutex
	lines []C.ab_log
	arena []byte

	nodesMu sync.Mutex
	nodes   []*rustNode
}

func (d *drainer) add(n *rustNode) {
	d.nodesMu.Lock()
	defer d.nodesMu.Unlock()
	d.nodes = append(d.nodes, n)
}

func (d *drainer) remove(n *rustNode) {
	d.nodesMu.Lock()
	defer d.nodesMu.Unlock()
	d.nodes = slices.DeleteFunc(d.nodes, func(other *rustNode) bool { return other == n })
}

// open are the nodes that are open, the oldest first.
func (d *drainer) open() []*rustNode {
	d.nodesMu.Lock()
	defer d.nodesMu.Unlock()
	return slices.Clone(d.nodes)
}

// drain hands on the lines that there are, and says how many were dropped since the drain before.
func (d *drainer) drain() {
	d.mu.Lock()
	defer d.mu.Unlock()
	nodes, taken := d.open(), false
	for range maxBatches {
		var n C.uint32_t
		status := C.ab_logs_drain(&d.lines[0], C.uint32_t(len(d.lines)),
			(*C.uint8_t)(unsafe.SliceData(d.arena)), C.size_t(len(d.arena)), &n)
		if status == C.AB_SHORT_BUFFER {
			d.arena = make([]byte, n)
			continue
		}
		if status < 0 {
			return
		}
		for i := range d.lines[:n] {
			d.line(&d.lines[i], nodes)
		}
		taken = taken || n > 0
		if status != C.AB_MORE {
			break
		}
	}
	if !taken {
		return // nor was anything dropped: that begins with many lines
	}
	for _, n := range nodes {
		n.sayDropped()
	}
}

func (d *drainer) line(line *C.ab_log, nodes []*rustNode) {
	target := d.text(line.target)
	log := slog.Default()
	if i := slices.IndexFunc(nodes, func(n *rustNode) bool { return n.name == target }); i >= 0 {
		log = nodes[i].sink.logger()
	}
	hand(log, record(levelOf(line.level), int64(line.unix_nanos), d.text(line.message), target, d.text(line.actor),
		d.text(line.fields_json)))
}

func (d *drainer) text(s C.ab_span) string { return string(d.arena[s.off:][:s.len]) }

// sayDropped warns of lines that the library dropped since the last time. The drainer's lock is held.
func (n *rustNode) sayDropped() {
	status, ok := n.status()
	if !ok {
		return
	}
	dropped := uint64(status.logs_dropped)
	if more := dropped - n.sink.dropped; more > 0 {
		n.sink.dropped = dropped
		r := record(slog.LevelWarn, time.Now().UnixNano(), "log lines of the Rust node were dropped: it wrote them faster than "+
			"they were taken", n.name, "", "")
		r.AddAttrs(slog.Uint64("dropped", more))
		hand(n.sink.logger(), r)
	}
}

func hand(log *slog.Logger, r slog.Record) {
	ctx := context.Background()
	if h := log.Handler(); h.Enabled(ctx, r.Level) {
		_ = h.Handle(ctx, r) // as a slog.Logger does: there is nobody to tell
	}
}

func levelOf(level C.uint32_t) slog.Level {
	switch level {
	case C.AB_LOG_ERROR:
		return slog.LevelError
	case C.AB_LOG_WARN:
		return slog.LevelWarn
	case C.AB_LOG_INFO:
		return slog.LevelInfo
	}
	return slog.LevelDebug
}

// record is a line as slog has it: target is the Rust node, fields a JSON object or nothing.
func record(level slog.Level, unixNanos int64, message, target, actor, fields string) slog.Record {
	r := slog.NewRecord(time.Unix(0, unixNanos), level, message, 0)
	r.AddAttrs(slog.String("target", target))
	if actor != "" {
		r.AddAttrs(slog.String("actor", actor))
	}
	if fields == "" {
		return r
	}
	var values map[string]any
	if err := json.Unmarshal([]byte(fields), &values); err != nil {
		r.AddAttrs(slog.String("fields", fields))
		return r
	}
	names := make([]string, 0, len(values))
	for name := range values {
		names = append(names, name)
	}
	slices.Sort(names)
	for _, name := range names {
		r.AddAttrs(slog.Any(name, values[name]))
	}
	return r
}

// sink is where a Rust node's lines go: to the logger of the oldest of its links, and after the last one was closed, to the
// last one's.
type sink struct {
	mu      sync.Mutex
	links   []*link
	last    *slog.Logger
	dropped uint64 // as it was last said
}

func (s *sink) logger() *slog.Logger {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case len(s.links) > 0:
		return s.links[0].log
	case s.last != nil:
		return s.last
	}
	return slog.Default()
}

func (s *sink) add(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links = append(s.links, l)
}

func (s *sink) remove(l *link) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if i := slices.Index(s.links, l); i >= 0 {
		s.links, s.last = slices.Delete(s.links, i, i+1), l.log
	}
}
