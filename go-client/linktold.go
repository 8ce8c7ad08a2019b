package actorbridge

import (
	"time"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
)

// What the peer is told of the streams that it has bound.

// state tells the sender of a stream what its actor's pool says: now, or soon.
func (l *linkEnd) state(g *machine.Grant) {
	l.mu.Lock()
	if l.machine.Opened(g.Key.Flow) != g.Key.Opened { // another stream by now
		l.mu.Unlock()
		return
	}
	if flow := g.Key.Flow; l.lane != nil && l.machine.StateAtOnce(flow, g.Credit) && l.lane.Grant(flow, g.Processed, g.Credit) {
		l.mu.Unlock()
		return
	}
	l.machine.State(g.Key.Flow, g.Processed, g.Credit, g.MayWait)
	if g.MayWait {
		l.pressLater()
	}
	l.mu.Unlock()
	if !g.MayWait {
		l.ring()
	}
}

// pressLater has what the peer can be told later leave a moment later, if nothing else has left by then. The caller holds the lock.
func (l *linkEnd) pressLater() {
	switch {
	case l.statesWait:
		return
	case l.toTell == nil:
		l.toTell = time.AfterFunc(toldLater, l.pressStates)
	default:
		l.toTell.Reset(toldLater)
	}
	l.statesWait = true
}

func (l *linkEnd) pressStates() {
	l.with(func(m *machine.Link) {
		l.statesWait = false
		m.PressStates()
	})
}

// reset ends an inbound binding: its sender resolves the target again.
func (l *linkEnd) reset(key machine.StreamKey, code Code) {
	l.withStream(key, func(m *machine.Link) { m.Reset(key.Flow, pb.Code(code), nil) })
}

func (l *linkEnd) outcome(key machine.StreamKey, outcome *pb.Outcome) {
	l.withStream(key, func(m *machine.Link) { m.Outcome(key.Flow, outcome) })
}

// resetMoved ends an inbound binding: its sender binds anew at the new owner.
func (l *linkEnd) resetMoved(key machine.StreamKey, moved *pb.Moved) {
	l.withStream(key, func(m *machine.Link) { m.Reset(key.Flow, pb.Code_CODE_MOVED, moved) })
}

// withStream does something to an incoming stream, unless its flow's number stands for another one by now.
func (l *linkEnd) withStream(key machine.StreamKey, do func(m *machine.Link)) {
	l.with(func(m *machine.Link) {
		if m.Opened(key.Flow) == key.Opened {
			do(m)
		}
	})
}
