package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

const (
	barWidth   = 30
	barRefresh = 100 * time.Millisecond
)

// bar is a progress bar on a terminal; elsewhere it shows nothing. It is not safe for concurrent use.
type bar struct {
	out   *os.File // nil = nothing is shown
	label string
	total uint64 // 0 = unknown
	start time.Time
	last  time.Time
	drawn bool
}

// newBar is a bar on stderr.
func newBar(label string, total uint64) *bar {
	b := &bar{label: label, total: total, start: time.Now(), last: time.Now()}
	if isTerminal(os.Stderr) {
		b.out = os.Stderr
	}
	return b
}

// isTerminal says whether a person looks at the file: a character device that can move its cursor.
func isTerminal(file *os.File) bool {
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0 && os.Getenv("TERM") != "dumb"
}

// show draws the bar at row, unless it was drawn a moment ago.
func (b *bar) show(row uint64) {
	if b.out == nil {
		return
	}
	now := time.Now()
	if now.Sub(b.last) < barRefresh {
		return
	}
	b.last, b.drawn = now, true
	fmt.Fprintf(b.out, "\r\x1b[K%s", b.line(row, now.Sub(b.start)))
}

// line is at most 78 columns, so that it stays one line on any usual terminal.
func (b *bar) line(row uint64, took time.Duration) string {
	perSecond := float64(row) / max(took.Seconds(), 1e-9)
	if b.total == 0 {
		return fmt.Sprintf("%-9s %d rows", b.label, row)
	}
	share := min(float64(row)/float64(b.total), 1)
	full := int(share * barWidth)
	return fmt.Sprintf("%-9s [%s%s] %3.0f %% %9.0f msg/s", b.label,
		strings.Repeat("=", full), strings.Repeat(" ", barWidth-full), share*100, perSecond)
}

// clear removes the bar, so that what is printed next begins at the line's start.
func (b *bar) clear() {
	if b.drawn {
		fmt.Fprint(b.out, "\r\x1b[K")
		b.drawn = false
	}
}
