package machine

import (
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Messages that were sent together, or one soon after the other, wait together: written as items of a frame, in blocks. A block that
// nobody else has is used again once its frame has left.

// smallBlock is the room of the first block of a flow: most are idle, and one message must not take much memory.
const smallBlock = 256

// pushAll queues messages with nothing but a payload each, whose seqs begin with this one. Each is written behind the last one that
// waits, if that is of its kind and there is room.
func (o *outgoing) pushAll(flow uint32, seq uint64, typeID uint32, payloads [][]byte) {
	at := offStream + int(flow)
	for len(payloads) > 0 {
		e := o.tail(at)
		n := 0
		if e != nil && e.kind == entryPacked && e.typeID == typeID && e.behind == o.controlsCame {
			n = o.write(at, e, payloads)
		}
		if n == 0 {
			block := emptyBlock(e, seq, typeID, payloads)
			o.pushAt(at, &block)
			n = o.write(at, o.tail(at), payloads)
		}
		seq += uint64(n)
		payloads = payloads[n:]
	}
}

// tail is the last entry of a queue; nil: it is empty. It is valid until the next push.
func (o *outgoing) tail(at int) *entry {
	if at >= len(o.queues) || o.queues[at].n == 0 {
		return nil
	}
	return &o.slots[o.queues[at].last]
}

// emptyBlock is for these messages, or the first of them, behind the last entry of their flow.
func emptyBlock(behind *entry, seq uint64, typeID uint32, payloads [][]byte) entry {
	_, size := wire.PlainSize(len(payloads[0]))
	for _, payload := range payloads[1:] {
		_, more := wire.PlainSize(len(payload))
		if size+more > wire.BlockBytes {
			break
		}
		size += more
	}
	if behind != nil && behind.kind == entryPacked {
		size = max(size, min(8*cap(behind.body), wire.BlockBytes)) // it waits, and so do many more
	}
	e := entry{kind: entryPacked, seq: seq, typeID: typeID}
	switch {
	case size > wire.BlockBytes:
		e.body = make([]byte, 0, size)
	case size > wire.BlockBytes/8:
		e.block = wire.TakeBlock()
		e.body = e.block[:0]
	default:
		e.body = make([]byte, 0, max(size, smallBlock))
	}
	return e
}

// write appends as many as there is room for in an entry, and not more of several than go in a turn.
func (o *outgoing) write(at int, e *entry, payloads [][]byte) (written int) {
	before := e.bytes()
	for ; written < len(payloads); written++ {
		payload := payloads[written]
		body, item := wire.PlainSize(len(payload))
		if len(e.body)+item > cap(e.body) || e.count > 0 && e.size+headItem+body > quantum {
			break
		}
		e.body = wire.AppendPlainItem(e.body, payload)
		e.size += headItem + body
		e.count++
	}
	o.countBytes(at, e.bytes()-before)
	return written
}

// takeItems takes messages of the queue whose turn it is out of its first entry: the first, and those behind it that it may send in this
// turn and in so many bytes.
func (o *outgoing) takeItems(at, most int) entry {
	queue := &o.queues[at]
	e := &o.slots[queue.first]
	most = min(most, queue.deficit)
	if e.size <= most {
		taken := *e
		o.drop(at)
		return taken
	}
	taken := *e
	taken.size, taken.count, taken.block = 0, 0, nil
	rest := e.body
	for taken.count < e.count {
		body, behind := wire.FirstItem(rest)
		if size := taken.size + headItem + len(body); taken.count > 0 && size > most {
			break
		}
		taken.size += headItem + len(body)
		taken.count++
		rest = behind
	}
	if taken.count == e.count {
		taken.block = e.block
		o.drop(at)
		return taken
	}
	split := len(e.body) - len(rest)
	taken.body = e.body[:split:split]
	o.countBytes(at, -taken.bytes())
	o.charge(at, taken.size)
	e.body, e.size, e.count, e.seq = rest, e.size-taken.size, e.count-taken.count, e.seq+uint64(taken.count)
	return taken
}
