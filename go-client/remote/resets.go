package remote

import (
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"sync"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// maxResets is the most calls of a connection that may be reset in a second, by either side. HTTP/2 forgets them at once, so
// maxLinks holds nobody who opens calls and resets them, or who opens more than there may be. A client may open 100 before it knows
// how many there may be.
const maxResets = 200

const (
	// prefaceBytes is what a client says before its first frame.
	prefaceBytes = 24
	rstStream    = 3
)

var errFlood = errors.New("too many of its calls were reset")

// watchedCalls is a connection of HTTP/2 that came in, and that ends when too many of its calls are reset.
type watchedCalls struct {
	net.Conn
	of         *conn
	came, left resetFrames

	mu    sync.Mutex
	since time.Time
	now   int
}

func watchCalls(raw net.Conn, of *conn) *watchedCalls {
	return &watchedCalls{Conn: raw, of: of, came: resetFrames{skip: prefaceBytes}}
}

// Read implements net.Conn.
func (w *watchedCalls) Read(p []byte) (int, error) {
	n, err := w.Conn.Read(p)
	if w.isFlood(w.came.count(p[:n])) {
		return 0, errFlood
	}
	return n, err
}

// Write implements net.Conn.
func (w *watchedCalls) Write(p []byte) (int, error) {
	n, err := w.Conn.Write(p)
	if w.isFlood(w.left.count(p[:n])) {
		return n, errFlood
	}
	return n, err
}

// isFlood counts resets. The first one that is too many ends the connection.
func (w *watchedCalls) isFlood(resets int) bool {
	if resets == 0 {
		return false
	}
	w.mu.Lock()
	if now := time.Now(); now.Sub(w.since) >= time.Second {
		w.since, w.now = now, 0
	}
	before := w.now
	w.now += resets
	isFirst, isFlood := before <= maxResets && w.now > maxResets, w.now > maxResets
	w.mu.Unlock()
	if isFirst {
		w.of.endFor(pb.RefusalReason_REFUSAL_REASON_TOO_MANY_RESETS, fmt.Sprintf("more than %d of its calls were reset within a second", maxResets))
	}
	return isFlood
}

// resetFrames finds the frames that reset a call in one direction, and keeps none.
type resetFrames struct {
	head [9]byte
	// have are the bytes of it that are there, skip those that follow and are no head.
	have, skip int
}

// count is how many of them begin in these bytes.
func (f *resetFrames) count(p []byte) (resets int) {
	for {
		skipped := min(f.skip, len(p))
		f.skip, p = f.skip-skipped, p[skipped:]
		more := copy(f.head[f.have:], p)
		if more == 0 {
			return resets
		}
		f.have, p = f.have+more, p[more:]
		if f.have == len(f.head) {
			f.have, f.skip = 0, int(binary.BigEndian.Uint32(f.head[:])>>8)
			if f.head[3] == rstStream {
				resets++
			}
		}
	}
}
