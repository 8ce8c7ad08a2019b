package remote

import (
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// toldInAMinute is the most refused connections that are told in a minute; the next one that is told says how many there were
// beside. So no peer can fill a log.
const toldInAMinute = 16

// refusals tells of connections that become no link, and has each counted.
type refusals struct {
	log     *slog.Logger
	address func() string
	count   func(pb.RefusalReason)

	mu     sync.Mutex
	since  time.Time
	told   int
	untold int
}

func (r *refusals) add(from string, reason pb.RefusalReason, why string) {
	r.count(reason)
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
	r.log.Warn("a connection was refused: "+why, "listener", r.address(), "from", from,
		"code", strings.TrimPrefix(reason.String(), "REFUSAL_REASON_"))
}
