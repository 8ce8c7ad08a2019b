package actorbridge

import (
	"slices"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A mailRun is tells of one stream that came together. It is put into a mailbox, handled and given back as a whole, so that a
// message costs little more than its bytes.
type mailRun struct {
	head
	payloads
	seq uint64 // of the first message that is left
}

// newRun is a run of these payloads. It keeps their bytes, and nothing else of run.
func newRun(l *linkEnd, stream *inbound, run *door.LaneRun, of payloads) *mailRun {
	of.ends = slices.Clone(of.ends)
	return &mailRun{
		head: head{
			node: l.node, who: stream.who, what: l.what(run.TypeID), stream: stream.key,
			deadline: l.node.deadlineIn(run.TTLMs), hops: run.Hops, isShared: true,
		},
		payloads: of, seq: run.FirstSeq,
	}
}

// payloads are those that are left of a run.
type payloads struct {
	left int
	// items has them as they came in a frame; or else they are one behind the other in block, and each ends where ends says.
	items []byte
	block []byte
	ends  []uint32
	start uint32 // of the first in block
}

// next takes the first one.
func (p *payloads) next() (payload []byte) {
	p.left--
	if p.items != nil {
		var body []byte
		body, p.items = wire.FirstItem(p.items)
		payload, _ = wire.PlainPayload(body)
		return payload
	}
	end := p.ends[0]
	payload = p.block[p.start:end:end]
	p.start, p.ends = end, p.ends[1:]
	return payload
}

func (r *mailRun) first() permit { return permit{r.stream, r.seq} }

func (r *mailRun) isEmpty() bool { return r.left == 0 }

// messages makes the first ones of what is left, at most so many, in one piece of memory.
func (r *mailRun) messages(most int) []Message {
	all := make([]Message, min(most, r.left))
	of := r.payloads
	for i := range all {
		m := &all[i]
		m.head, m.payload, m.seq = &r.head, of.next(), r.seq+uint64(i)
	}
	return all
}

// all makes all that is left.
func (r *mailRun) all() []Message { return r.messages(r.left) }

// drop takes the first n messages off.
func (r *mailRun) drop(n int) {
	for range n {
		r.next()
	}
	r.seq += uint64(n)
}

// mail is one entry of a mailbox: a message or a run.
type mail struct {
	message *Message
	run     *mailRun
}

// keptMail is for how many entries an empty mailbox keeps the memory: what a burst took is given back when it is over.
const keptMail = 256

// mailbox is what waits for an actor, in order. Its pool bounds it.
type mailbox struct {
	queue []mail
	head  int
}

func (b *mailbox) isEmpty() bool { return b.head == len(b.queue) }

func (b *mailbox) push(m *Message) { b.queue = append(b.queue, mail{message: m}) }

func (b *mailbox) pushRun(r *mailRun) { b.queue = append(b.queue, mail{run: r}) }

// putBack puts back what is left of a run that was taken.
func (b *mailbox) putBack(r *mailRun) {
	if b.head == 0 {
		b.queue = append([]mail{{}}, b.queue...)
		b.head = 1
	}
	b.head--
	b.queue[b.head] = mail{run: r}
}

func (b *mailbox) pop() (next mail) {
	if b.isEmpty() {
		return mail{}
	}
	next = b.queue[b.head]
	b.queue[b.head] = mail{}
	if b.head++; b.head == len(b.queue) {
		b.queue, b.head = b.queue[:0], 0
		if cap(b.queue) > keptMail {
			b.queue = nil
		}
	} else if b.head >= 1024 && b.head >= len(b.queue)/2 {
		b.queue, b.head = append([]mail(nil), b.queue[b.head:]...), 0
	}
	return next
}

// singles makes all that is there single messages.
func (b *mailbox) singles() []*Message {
	all := make([]*Message, 0, len(b.queue)-b.head)
	for _, next := range b.queue[b.head:] {
		if next.message != nil {
			all = append(all, next.message)
			continue
		}
		messages := next.run.all()
		for i := range messages {
			all = append(all, &messages[i])
		}
	}
	b.queue, b.head = make([]mail, len(all)), 0
	for i, m := range all {
		b.queue[i].message = m
	}
	return all
}

// all takes everything.
func (b *mailbox) all() []*Message {
	all := b.singles()
	b.queue = nil
	return all
}

// take takes out the message that is picked, of those that are in no run.
func (b *mailbox) take(is func(*Message) bool) *Message {
	for i := b.head; i < len(b.queue); i++ {
		if m := b.queue[i].message; m != nil && is(m) {
			copy(b.queue[i:], b.queue[i+1:])
			b.queue[len(b.queue)-1] = mail{}
			b.queue = b.queue[:len(b.queue)-1]
			return m
		}
	}
	return nil
}

// permits is what has been handled and is given back: a message, or as many of a stream from there on.
type permits struct {
	first permit
	count uint64
}

// offerRun offers tells of an incoming stream. Those that are not taken come back.
func (c *cell) offerRun(r *mailRun) (rest []Message) {
	c.mu.Lock()
	defer c.mu.Unlock()
	special := c.factory.loop != nil || c.frozen || c.moved != nil || c.phase != phaseRunning || c.rare != nil && len(c.rare.arrival.holds) > 0
	if special || c.pool.ArriveRun(r.stream, r.seq, uint64(r.left)) != machine.Accepted {
		return r.all()
	}
	c.mailbox.pushRun(r)
	c.schedule()
	return nil
}

// putBack takes back what is left of a run. If the actor has been buried nobody comes to it any more, and it is refused.
func (c *cell) putBack(r *mailRun) {
	if r.isEmpty() {
		return
	}
	c.mu.Lock()
	buried := c.phase == phaseDone
	if !buried {
		c.mailbox.putBack(r)
	}
	c.mu.Unlock()
	if !buried {
		return
	}
	left := r.all()
	for i := range left {
		c.node.refuse(&left[i], CodeStopped, EffectNone, stoppedBefore)
	}
}
