package actorbridge

import "sync"

const (
	// maxLetters and maxLetterBytes bound the dead letters that a node keeps; the oldest go first.
	maxLetters     = 10_000
	maxLetterBytes = 16 << 20
)

// A DeadLetter is a message that was refused, lost or not handled.
type DeadLetter struct {
	// Target is the address that it was for.
	Target string
	// Code says why.
	Code Code
	// Effect says whether the handler's effect happened.
	Effect Effect
	// Detail is what happened.
	Detail string
	// Envelope is the complete message, as far as it is known here.
	Envelope []byte
}

func (l *DeadLetter) size() int { return len(l.Target) + len(l.Detail) + len(l.Envelope) }

// deadLetters are the latest dead letters, and how many there were of each code.
type deadLetters struct {
	mu      sync.Mutex
	letters []DeadLetter
	head    int
	bytes   int
	counts  map[Code]uint64
	late    uint64 // answers that came after their asker had stopped waiting
}

func (d *deadLetters) push(letter DeadLetter) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.counts == nil {
		d.counts = make(map[Code]uint64)
	}
	d.counts[letter.Code]++
	d.bytes += letter.size()
	d.letters = append(d.letters, letter)
	for len(d.letters)-d.head > maxLetters || d.bytes > maxLetterBytes {
		d.bytes -= d.letters[d.head].size()
		d.letters[d.head] = DeadLetter{}
		d.head++
	}
	if d.head >= maxLetters {
		d.letters, d.head = append([]DeadLetter(nil), d.letters[d.head:]...), 0
	}
}

// lateReply counts an answer that came after its asker had stopped waiting.
func (d *deadLetters) lateReply() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.late++
}

// DeadLetters gives the latest messages that were refused, lost or not handled: at most 10,000, at most 16 MiB.
func (n *Node) DeadLetters() []DeadLetter {
	n.dead.mu.Lock()
	defer n.dead.mu.Unlock()
	return append([]DeadLetter(nil), n.dead.letters[n.dead.head:]...)
}

// DeadLetterCounts says how many dead letters there were of each code, by its name, and of LATE_REPLY.
func (n *Node) DeadLetterCounts() map[string]uint64 {
	n.dead.mu.Lock()
	defer n.dead.mu.Unlock()
	counts := make(map[string]uint64, len(n.dead.counts))
	for code, count := range n.dead.counts {
		counts[code.String()] = count
	}
	if n.dead.late > 0 {
		counts["LATE_REPLY"] = n.dead.late
	}
	return counts
}

func (n *Node) deadLetter(m *Message, code Code, effect Effect, detail string) {
	n.dead.push(DeadLetter{Target: m.who.Target, Code: code, Effect: effect, Detail: detail, Envelope: m.envelope()})
}
