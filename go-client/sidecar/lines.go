//go:build unix

package sidecar

import (
	"bytes"
	"strings"
	"sync"
)

const (
	// maxLine is the most bytes of a line; a longer one is several.
	maxLine = 4 << 10
	// maxSaid is the most bytes of what a child said last that an error tells.
	maxSaid = 600
)

// lines cuts what is written to it into lines.
type lines struct {
	each func(line string)
	rest []byte
}

// Write implements io.Writer. It never fails.
func (l *lines) Write(p []byte) (int, error) {
	written := len(p)
	for len(p) > 0 {
		part := p[:min(len(p), maxLine-len(l.rest))]
		line, _, isWhole := bytes.Cut(part, []byte{'\n'})
		l.rest = append(l.rest, line...)
		if p = p[len(line):]; isWhole {
			p = p[1:]
		}
		if isWhole || len(l.rest) == maxLine {
			l.flush()
		}
	}
	return written, nil
}

// flush ends the line that has begun.
func (l *lines) flush() {
	if line := strings.ToValidUTF8(strings.TrimRight(string(l.rest), "\r"), "�"); line != "" {
		l.each(line)
	}
	l.rest = l.rest[:0]
}

// tail keeps the end of what was said.
type tail struct {
	mu   sync.Mutex
	said string
}

func (t *tail) add(line string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said != "" {
		t.said += " | "
	}
	t.said += line
	t.said = strings.ToValidUTF8(t.said[max(0, len(t.said)-maxSaid):], "")
}

// text is the end of a sentence.
func (t *tail) text() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.said == "" {
		return ""
	}
	return "; it said: " + t.said
}
