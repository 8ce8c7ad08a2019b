package machine

import (
	"cmp"
	"slices"
)

// InitialCredit is the credit that a new stream may use before it has heard from the receiver.
const InitialCredit = 16

// beyond is in Pool.Most.
const beyond = 4_096

// StreamKey is an incoming stream.
type StreamKey struct {
	// Link is the shell's number of the link.
	Link uint64
	// Flow is the stream's on it.
	Flow uint32
	// Opened is which of the link's openings it is: a sender gives a flow's number again as soon as its stream is closed, when
	// messages of that may still be held here.
	Opened uint32
}

func (k StreamKey) compare(other StreamKey) int {
	if k.Link != other.Link {
		return cmp.Compare(k.Link, other.Link)
	}
	return cmp.Or(cmp.Compare(k.Flow, other.Flow), cmp.Compare(k.Opened, other.Opened))
}

// Arrival is what became of an arriving message.
type Arrival uint8

const (
	// Accepted: there is room; a permit is taken until it is released.
	Accepted Arrival = iota
	// Full: within the initial credit of a new stream, but the pool holds the most it ever does. Refuse with MAILBOX_FULL.
	Full
	// NotBound: the stream is not bound here.
	NotBound
)

// Grant is what a stream's sender should be told.
type Grant struct {
	// Key is the stream.
	Key StreamKey
	// Processed: all seqs up to this are terminal.
	Processed uint64
	// Credit is the highest seq that may be sent.
	Credit uint64
	// MayWait: the sender needs it for nothing yet; it may be told a moment later, with something else.
	MayWait bool
}

// StreamAt is a bound stream and the last seq that came on it.
type StreamAt struct {
	// Key is the stream.
	Key StreamKey
	// LastSeq is the last that came.
	LastSeq uint64
}

type stream struct {
	key StreamKey
	// held has arrived and was not released.
	held    rising
	lastSeq uint64
	credit  uint64
	// initial: credit up to here was given at the opening, without permits behind it.
	initial uint64
	// toldProcessed and toldCredit are what the sender knows.
	toldProcessed, toldCredit uint64
	// sureProcessed and sureCredit are the same without what could wait, and has perhaps not left yet.
	sureProcessed, sureCredit uint64
	// Its sender is told as soon as awaited is processed; lastAwaited comes after it. 0 = none.
	awaited, lastAwaited uint64
	// dirty is the stream's place in Pool.dirty, -1 if it is not there.
	dirty int
}

// processed: all seqs up to this are terminal.
func (s *stream) processed() uint64 {
	if s.held.len() > 0 {
		return *s.held.front() - 1
	}
	return s.lastSeq
}

// promised is the permits that are reserved for what the sender may still send.
func (s *stream) promised() uint64 {
	return s.credit - min(max(s.lastSeq, s.initial), s.credit)
}

// Pool bounds everything that one actor holds.
//
// It has permits: a local message holds one until it is handled; a stream reserves what its sender may still send. A
// stream's window is max(1, capacity / (streams + 1)), so that neither a stream nor local senders can starve the others.
// Credit is raised when half the window is used up, or when the mailbox drains.
//
// Credit cannot be taken back, and who was promised room may be silent for ever. So that this keeps nobody out, a pool that
// holds nothing gives one permit to whoever has none. What was sent before the receiver could say that it is full is taken
// beyond the capacity, up to Most: the initial credit of a new stream, and what is forwarded after a move.
type Pool struct {
	capacity uint32
	frozen   bool
	// used counts the messages held.
	used uint64
	// reserved counts the permits that streams were promised.
	reserved uint64
	// bound is nil until a stream was bound: there may be a million pools.
	*bound
}

// bound is what a pool has of streams.
type bound struct {
	streams map[StreamKey]*stream
	// dirty streams may have something to be told, in no order.
	dirty []*stream
	// turn is the stream that was granted something last: where room is short, the others come first.
	turn StreamKey
}

// stream is what there is of a stream, or nil.
func (p *Pool) stream(key StreamKey) *stream {
	if p.bound == nil {
		return nil
	}
	return p.streams[key]
}

// NewPool makes a pool of capacity permits, at least one.
func NewPool(capacity uint32) *Pool {
	return &Pool{capacity: max(capacity, 1)}
}

// TakeLocal takes a permit for a local message, if there is one.
func (p *Pool) TakeLocal() bool {
	if p.frozen || p.used > 0 && p.used+p.reserved >= uint64(p.capacity) {
		return false
	}
	p.used++
	return true
}

// TakeForwarded takes a permit for a message that an old owner of the actor had room for, unless the pool holds the most it
// ever does.
func (p *Pool) TakeForwarded() bool {
	if p.used >= p.Most() {
		return false
	}
	p.used++
	return true
}

// ForceLocal takes a permit for a message that must not be refused: what a moved actor held.
func (p *Pool) ForceLocal() { p.used++ }

// ReleaseLocal gives a permit back: a local message was handled, or left.
func (p *Pool) ReleaseLocal() { p.used-- }

// Open binds a stream; its first message will have firstSeq.
func (p *Pool) Open(key StreamKey, firstSeq, initialCredit uint64) {
	processed := firstSeq - min(firstSeq, 1)
	credit := processed + initialCredit
	p.Close(key)
	s := &stream{
		key: key, lastSeq: processed, credit: credit, initial: credit, toldProcessed: processed, toldCredit: credit,
		sureProcessed: processed, sureCredit: credit,
		dirty: -1,
	}
	if p.bound == nil {
		p.bound = &bound{streams: make(map[StreamKey]*stream)}
	}
	p.streams[key] = s
	p.mark(s)
}

// Close unbinds a stream. What it holds stays until it is released.
func (p *Pool) Close(key StreamKey) {
	s := p.stream(key)
	if s == nil {
		return
	}
	delete(p.streams, key)
	p.reserved -= s.promised()
	p.unmark(s)
	if len(p.streams) == 0 {
		p.turn = StreamKey{}
	}
}

func (p *Pool) mark(s *stream) {
	if s.dirty < 0 {
		s.dirty = len(p.dirty)
		p.dirty = append(p.dirty, s)
	}
}

func (p *Pool) unmark(s *stream) {
	if s.dirty >= 0 {
		last := len(p.dirty) - 1
		moved := p.dirty[last]
		p.dirty[s.dirty], moved.dirty = moved, s.dirty
		p.dirty[last] = nil
		p.dirty, s.dirty = p.dirty[:last], -1
	}
}

// reached says that seq came, whatever becomes of it.
func (p *Pool) reached(s *stream, seq uint64) {
	before := s.promised()
	s.lastSeq = max(s.lastSeq, seq)
	p.reserved -= before - s.promised()
	p.mark(s)
}

// Arrive takes a permit for a message that came within the stream's credit.
func (p *Pool) Arrive(key StreamKey, seq uint64) Arrival {
	s := p.stream(key)
	if s == nil {
		return NotBound
	}
	p.reached(s, seq)
	if seq <= s.initial && p.used >= p.Most() {
		return Full
	}
	s.held.push(seq)
	p.used++
	return Accepted
}

// ArriveRun is Arrive for n messages from first on: all of them, or none.
func (p *Pool) ArriveRun(key StreamKey, first, n uint64) Arrival {
	s := p.stream(key)
	if s == nil {
		return NotBound
	}
	if first <= s.initial && p.used+n > p.Most() {
		return Full
	}
	p.reached(s, first+n-1)
	for seq := first; seq < first+n; seq++ {
		s.held.push(seq)
	}
	p.used += n
	return Accepted
}

// ReleaseRun is Release for n messages from first on, of which none has been released.
func (p *Pool) ReleaseRun(key StreamKey, first, n uint64) {
	p.used -= n
	s := p.stream(key)
	if s == nil {
		return
	}
	if s.held.len() > 0 && *s.held.front() == first {
		for range n {
			s.held.pop()
		}
	} else {
		for seq := first; seq < first+n; seq++ {
			s.held.remove(seq)
		}
	}
	p.mark(s)
}

// AwaitProcessed: the sender waits to hear that this message, which has arrived, is processed.
func (p *Pool) AwaitProcessed(key StreamKey, seq uint64) {
	if s := p.stream(key); s != nil {
		s.lastAwaited = seq
		if s.awaited == 0 {
			s.awaited = seq
		}
	}
}

// heard: the sender is told how far its messages are processed.
func (s *stream) heard(processed uint64) {
	if s.awaited <= processed {
		s.awaited = 0
		if s.lastAwaited > processed {
			s.awaited = s.lastAwaited
		}
	}
}

// Refused uses up the credit of a seq that came and was refused before it could arrive. It takes no permit.
func (p *Pool) Refused(key StreamKey, seq uint64) {
	if s := p.stream(key); s != nil && seq <= s.credit {
		p.reached(s, seq)
	}
}

// Release gives back the permit of a message that had arrived on key, in whatever order: it is terminal.
func (p *Pool) Release(key StreamKey, seq uint64) {
	p.used--
	if s := p.stream(key); s != nil && s.held.remove(seq) {
		p.mark(s)
	}
}

// SetFrozen freezes or thaws: while frozen, nothing is granted and no local permit is given.
func (p *Pool) SetFrozen(frozen bool) { p.frozen = frozen }

// Used counts the messages held.
func (p *Pool) Used() uint64 { return p.used }

// Most is the most messages that it holds, whatever is promised, comes on new streams or is forwarded: twice the capacity,
// since an old owner of the actor may have promised as much, and 4,096.
func (p *Pool) Most() uint64 { return 2*uint64(p.capacity) + beyond }

// Grants says what to tell the senders now. Drained: the mailbox is empty, so say all there is to say.
func (p *Pool) Grants(drained bool, out []Grant) []Grant {
	if p.frozen || p.bound == nil {
		return out
	}
	window := max(uint64(p.capacity)/(uint64(len(p.streams))+1), 1)
	slices.SortFunc(p.dirty, p.inTurn)
	waiting := p.dirty[:0]
	for _, s := range p.dirty {
		s.dirty = -1
		more := p.raise(s, window, drained)
		processed := s.processed()
		half := processed >= s.toldProcessed+(window+1)/2
		awaited := s.awaited > 0 && processed >= s.awaited
		if s.credit > s.toldCredit || half || awaited || drained && processed > s.toldProcessed {
			s.toldProcessed, s.toldCredit = processed, s.credit
			mayWait := !awaited && s.mayWait(processed, window)
			if !mayWait {
				s.sureProcessed, s.sureCredit = processed, s.credit
			}
			s.heard(processed)
			out = append(out, Grant{s.key, processed, s.credit, mayWait})
		} else if processed > s.toldProcessed {
			more = true
		}
		if more {
			s.dirty = len(waiting)
			waiting = append(waiting, s)
		}
	}
	clear(p.dirty[len(waiting):])
	p.dirty = waiting
	return out
}

// mayWait says whether the sender may hear a moment later that so much is processed: it surely has half its window left, and little to
// hear of.
func (s *stream) mayWait(processed, window uint64) bool {
	return s.sureCredit > s.lastSeq+window/2 && processed < s.sureProcessed+(window+1)/2
}

// inTurn orders streams: those behind the one that was granted something last come first.
func (p *Pool) inTurn(a, b *stream) int {
	first, second := a.key.compare(p.turn) > 0, b.key.compare(p.turn) > 0
	switch {
	case first == second:
		return a.key.compare(b.key)
	case first:
		return -1
	default:
		return 1
	}
}

// raise gives the stream what its window and the room allow, and says whether it should have had more.
func (p *Pool) raise(s *stream, window uint64, drained bool) bool {
	ahead := s.credit - min(s.lastSeq, s.credit)
	if ahead > window/2 && (!drained || ahead >= window) {
		return false
	}
	capacity := uint64(p.capacity)
	room := capacity - min(p.used+p.reserved, capacity)
	if p.used == 0 && ahead == 0 {
		room = max(room, 1)
	}
	wanted := window - min(ahead, window)
	before := s.promised()
	s.credit = max(s.credit, s.lastSeq) + min(wanted, room)
	p.reserved += s.promised() - before
	if min(wanted, room) > 0 {
		p.turn = s.key
	}
	return wanted > room
}

// Streams lists the streams that are bound, in the order of their keys.
func (p *Pool) Streams() []StreamAt {
	if p.bound == nil {
		return nil
	}
	all := make([]StreamAt, 0, len(p.streams))
	for key, s := range p.streams {
		all = append(all, StreamAt{key, s.lastSeq})
	}
	slices.SortFunc(all, func(a, b StreamAt) int { return a.Key.compare(b.Key) })
	return all
}
