package machine

const (
	slotBits    = 20
	generations = 1 << (64 - slotBits)
	// MaxAsks is the most asks that one node may wait for at once.
	MaxAsks = 1 << slotBits
	// firstGenerations is among how many numbers the first generation of an incarnation is: more make each ask longer.
	firstGenerations = 1 << 28
)

// Asks are the asks of one node's incarnation. T is what the shell needs to hand over an answer.
//
// A correlation is slot | generation << 20. The generation rises each time a slot is used, so that an answer to an
// earlier ask never reaches a later one, and begins with a number of the incarnation's own, so that an answer to an ask of an
// earlier incarnation of the node does not either. Each ask ends once. The zero value begins with 0.
type Asks[T any] struct {
	first     uint64
	slots     []slot[T]
	free      []uint32
	deadlines []deadline // a heap, earliest first
	begun     uint64
}

type slot[T any] struct {
	generation uint64
	taken      bool
	waiter     T
}

type deadline struct {
	at          Millis
	correlation uint64
}

func (d deadline) before(other deadline) bool {
	return d.at < other.at || d.at == other.at && d.correlation < other.correlation
}

// Ended is an ask that has ended.
type Ended[T any] struct {
	// Correlation is the ask's.
	Correlation uint64
	// Waiter is what Begin was given.
	Waiter T
}

// NewAsks is for a node of this incarnation, a random number.
func NewAsks[T any](incarnation uint64) *Asks[T] {
	return &Asks[T]{first: incarnation % firstGenerations}
}

// Begin takes a slot; its correlation is never 0. It is false when a million asks are waiting.
func (a *Asks[T]) Begin(at Millis, waiter T) (correlation uint64, ok bool) {
	var number uint32
	switch {
	case len(a.free) > 0:
		number = a.free[len(a.free)-1]
		a.free = a.free[:len(a.free)-1]
	case len(a.slots) < MaxAsks:
		number = uint32(len(a.slots))
		a.slots = append(a.slots, slot[T]{generation: a.first})
	default:
		return 0, false
	}
	s := &a.slots[number]
	// 0 is left out, so that no correlation is 0.
	if s.generation = (s.generation + 1) % generations; s.generation == 0 {
		s.generation = 1
	}
	s.taken, s.waiter = true, waiter
	a.begun++
	correlation = uint64(number) | s.generation<<slotBits
	a.forgetEnded()
	a.deadlines = append(a.deadlines, deadline{at, correlation})
	a.up(len(a.deadlines) - 1)
	return correlation, true
}

// forgetEnded drops the deadlines of asks that have ended once they outnumber those that wait, so that the heap stays
// bounded however long the deadlines are.
func (a *Asks[T]) forgetEnded() {
	if len(a.deadlines) <= 2*a.Waiting()+1_024 {
		return
	}
	kept := a.deadlines[:0]
	for _, d := range a.deadlines {
		if a.slot(d.correlation) != nil {
			kept = append(kept, d)
		}
	}
	a.deadlines = kept
	for i := len(kept)/2 - 1; i >= 0; i-- {
		a.down(i)
	}
}

// slot is the slot of an ask that has not ended, or nil.
func (a *Asks[T]) slot(correlation uint64) *slot[T] {
	number := int(correlation & (MaxAsks - 1))
	if number >= len(a.slots) {
		return nil
	}
	if s := &a.slots[number]; s.taken && s.generation == correlation>>slotBits {
		return s
	}
	return nil
}

// End ends an ask and gives its waiter. It is false if the ask has ended before.
func (a *Asks[T]) End(correlation uint64) (waiter T, ok bool) {
	s := a.slot(correlation)
	if s == nil {
		return waiter, false
	}
	var none T
	waiter, s.waiter, s.taken = s.waiter, none, false
	a.free = append(a.free, uint32(correlation&(MaxAsks-1)))
	return waiter, true
}

// Get is the waiter of an ask that has not ended, else nil. It is valid until the next Begin.
func (a *Asks[T]) Get(correlation uint64) *T {
	if s := a.slot(correlation); s != nil {
		return &s.waiter
	}
	return nil
}

// Expire ends the asks whose deadline has passed, earliest first.
func (a *Asks[T]) Expire(now Millis, out []Ended[T]) []Ended[T] {
	for len(a.deadlines) > 0 && a.deadlines[0].at <= now {
		correlation := a.deadlines[0].correlation
		last := len(a.deadlines) - 1
		a.deadlines[0] = a.deadlines[last]
		a.deadlines = a.deadlines[:last]
		a.down(0)
		if waiter, ok := a.End(correlation); ok {
			out = append(out, Ended[T]{correlation, waiter})
		}
	}
	return out
}

// EndWhere ends the asks that which picks, in slot order.
func (a *Asks[T]) EndWhere(which func(*T) bool, out []Ended[T]) []Ended[T] {
	for number := range a.slots {
		s := &a.slots[number]
		if !s.taken || !which(&s.waiter) {
			continue
		}
		correlation := uint64(number) | s.generation<<slotBits
		if waiter, ok := a.End(correlation); ok {
			out = append(out, Ended[T]{correlation, waiter})
		}
	}
	return out
}

// Ended counts the asks that have ended since the start.
func (a *Asks[T]) Ended() uint64 { return a.begun - uint64(a.Waiting()) }

// Uncount makes an ask that has ended one that never was: it is made in another way.
func (a *Asks[T]) Uncount() { a.begun-- }

// Each is called with the waiter of each ask that waits.
func (a *Asks[T]) Each(call func(*T)) {
	for i := range a.slots {
		if a.slots[i].taken {
			call(&a.slots[i].waiter)
		}
	}
}

// Waiting counts the asks that wait.
func (a *Asks[T]) Waiting() int { return len(a.slots) - len(a.free) }

// up and down are container/heap's, without an allocation for each ask.
func (a *Asks[T]) up(i int) {
	h := a.deadlines
	for i > 0 {
		parent := (i - 1) / 2
		if !h[i].before(h[parent]) {
			return
		}
		h[i], h[parent] = h[parent], h[i]
		i = parent
	}
}

func (a *Asks[T]) down(i int) {
	h := a.deadlines
	for {
		least := i
		for child := 2*i + 1; child <= 2*i+2 && child < len(h); child++ {
			if h[child].before(h[least]) {
				least = child
			}
		}
		if least == i {
			return
		}
		h[i], h[least] = h[least], h[i]
		i = least
	}
}
