package machine

// Directive is what becomes of an actor whose handler panicked.
type Directive uint8

const (
	// Restart: made anew by its factory; mailbox and address stay.
	Restart Directive = iota
	// Stop: too many restarts in the window.
	Stop
)

// Supervisor counts one actor's restarts.
type Supervisor struct {
	maxRestarts uint32
	window      Millis
	restarts    deque[Millis]
}

// OneForOne allows at most maxRestarts in any window milliseconds.
func OneForOne(maxRestarts uint32, window Millis) *Supervisor {
	return &Supervisor{maxRestarts: maxRestarts, window: window}
}

// Panicked says what to do: a handler panicked.
func (s *Supervisor) Panicked(now Millis) Directive {
	for s.restarts.len() > 0 && since(now, *s.restarts.front()) >= s.window {
		s.restarts.pop()
	}
	if uint64(s.restarts.len()) >= uint64(s.maxRestarts) {
		return Stop
	}
	s.restarts.push(now)
	return Restart
}

// Restarts counts those in the present window.
func (s *Supervisor) Restarts() uint32 { return uint32(s.restarts.len()) }
