package remote

import (
	"fmt"
	"log/slog"
	"sync"
	"time"
)

// toldInAMinute is the most refused connections that are told in a minute; the next one that is told says how many there were
// beside. So no peer can fill a log.
const toldInAMinute = 16

// refusals tells of connections that become no link.
type refusals struct {
	log     *slog.Logger
	address func() string

	mu     sync.Mutex
	since  time.Time
	told   int
	untold int
}

func (r *refusals) add(from, why string) {
	r.mu.Lock()
	if now := time.Now(); now.Sub(r.since) >= time.Minute {
		r.since, r.told = now, 0
	}
	if r.told == toldInAMinute {
		r.untold++
		r.mu.Unlock()
		return
	}
	r.told++
	if r.untold > 0 {
		why = fmt.Sprintf("%s; %d more were not told", why, r.untold)
		r.untold = 0
	}
	r.mu.Unlock()
	r.log.Warn("a connection was refused: "+why, "listener", r.address(), "from", from)
}
