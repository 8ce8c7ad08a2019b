package machine

import (
	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// What waits for the writer: controls in one queue, messages in a queue for each flow. Those take turns by deficit round robin, so that no
// stream waits for all that a busy neighbour has queued.
//
// Within a queue nothing overtakes. No message overtakes a control that was queued before it: its stream's binding, its type, the step
// of a move that it follows. Controls overtake messages, but where an actor's mail would be late: what says that it lives at the peer
// now leaves behind all that was queued before, and what says where it is to be found behind all that is passed on to it.

const (
	// quantum is how many bytes a queue may send in each of its turns.
	quantum = 16 << 10
	// headItem is what the tags and numbers of one element take in a frame, at most.
	headItem = 8
	// itemOverhead is what an item that waits counts beside its bytes, so that empty ones are bounded too.
	itemOverhead = 32
	// smallHead is about the size of a Skip or a Reset, openHead of what a StreamOpen has beside its prefix.
	smallHead = 64
	openHead  = 32
	// keptSlots is for how many messages a link keeps room, since the bursts of a busy sender follow each other.
	keptSlots = 10_240

	// movesQueue is the place of the queue for steps of moves that nothing has to follow. That of a flow is at its number and 1, of
	// messages outside any stream at 1.
	movesQueue = 0
	offStream  = 1
	// noSlot marks the end of a queue.
	noSlot = -1
)

// control is a head field that does not wait for its flow's messages.
type control struct {
	// head is a *pb.StreamOpen, TypeDef, StreamState, StreamReset or Move.
	head any
	// size is about how many bytes it takes in a frame.
	size int
	// forwards is how many messages are passed on before it.
	forwards uint64
}

// followsForwards: it says where an actor is to be found, or that all has been passed on to it.
func followsForwards(head any) bool {
	switch head := head.(type) {
	case *pb.StreamOpen, *pb.Move:
		return true
	case *pb.StreamReset:
		return head.Moved != nil
	default:
		return false
	}
}

// isCommitted: it says that an actor lives at the peer now. What it has sent from here must be there first.
func isCommitted(head any) bool {
	step, _ := head.(*pb.Move)
	return step.GetCommitted() != nil
}

type entryKind uint8

const (
	entryItem   entryKind = iota
	entryPacked           // several items, with nothing but a payload each
	entryLarge
	entryMove
	entrySkip  // the asker of this seq waits no longer
	entryClose // the binding ends
)

// entry is what waits in the queue of a flow.
type entry struct {
	// size is about how many bytes it takes in a frame; parts are counted as they leave.
	size     int
	large    *transfer
	step     *pb.Move
	seq      uint64 // of the first, where it is several
	deadline Millis
	// body is of an item, or several as they are in a frame.
	body []byte
	// block is the memory that body is in, where it is used again.
	block *wire.Block
	// behind is how many controls leave before it.
	behind uint64
	hops   uint32
	typeID uint32
	// count is how many messages it is that leave in runs.
	count int32
	// next is the slot of the one behind it in its queue.
	next int32
	kind entryKind
}

// bytes is what it counts of what may wait.
func (e *entry) bytes() int { return e.size + int(e.count)*(itemOverhead-headItem) }

// firstSize is size of its first message alone.
func (e *entry) firstSize() int {
	if e.kind != entryPacked {
		return e.size
	}
	body, _ := wire.FirstItem(e.body)
	return headItem + len(body)
}

// isHead: it is a head field, which a reader acts on before the messages of its frame.
func (e *entry) isHead() bool { return e.kind == entrySkip || e.kind == entryClose }

// isPassedOn: it came here for an actor that has moved, and leaves in parts: nothing outside the streams may overtake it.
func (e *entry) isPassedOn() bool { return e.large != nil && e.large.flow == 0 && e.large.hops > 0 }

// flowQueue is the queue of a flow, in the slots that all share.
type flowQueue struct {
	first, last int32
	n           int
	// bytes are those of its messages that leave in runs.
	bytes int
	// deficit is how many bytes it may still send in its turn.
	deficit int
	inRing  bool
	// hasTurn: its turn has begun.
	hasTurn bool
	// frame is the last one that has messages of it.
	frame uint64
}

// barrier is a control that leaves behind all that was queued before it.
type barrier struct {
	// number is its place among the controls.
	number uint64
	// entries are those before it, and behind the barrier before it.
	entries int
}

// outgoing is all that waits for the writer.
type outgoing struct {
	controls                   deque[control]
	controlsCame, controlsLeft uint64
	forwardsCame, forwardsLeft uint64
	queues                     []flowQueue
	// ring has the queues that have something to send; the first one has its turn. Those aside have to wait for the next packet.
	ring  deque[int32]
	aside []int32
	slots []entry
	// free are slots that nothing is in.
	free    []int32
	entries int
	// barriers are those that wait; nearly always none.
	barriers deque[barrier]
	// bytes are those of messages that leave in runs, heads the head fields among the entries.
	bytes, heads int
}

func (o *outgoing) isEmpty() bool { return o.controls.len() == 0 && o.entries == 0 }

// allHeads is how many head fields wait.
func (o *outgoing) allHeads() int { return o.controls.len() + o.heads }

// streamBytes are those of streams.
func (o *outgoing) streamBytes() int { return o.bytes - o.bytesOf(offStream) }

func (o *outgoing) bytesOf(at int) int {
	if at >= len(o.queues) {
		return 0
	}
	return o.queues[at].bytes
}

// room is for how many bytes more of a stream there is room. Of what is kept for those whose neighbours have filled the queue, one has
// to leave as much as it has.
func (o *outgoing) room(flow uint32) int {
	all, own := o.streamBytes(), o.bytesOf(offStream+int(flow))
	return max(MaxQueuedBytes-all, (MaxQueuedBytes+ReservedBytes-all-own)/2)
}

// isIdle: nothing of this flow waits.
func (o *outgoing) isIdle(flow uint32) bool {
	at := offStream + int(flow)
	return at >= len(o.queues) || o.queues[at].n == 0
}

func (o *outgoing) pushControl(head any, size int) {
	o.controlsCame++
	c := control{head: head, size: headItem + size}
	if isCommitted(head) {
		entries := o.entries
		for i := range o.barriers.len() {
			entries -= o.barriers.at(i).entries
		}
		o.barriers.push(barrier{o.controlsCame, entries})
	}
	if followsForwards(head) {
		c.forwards = o.forwardsCame
	}
	o.controls.push(c)
}

// pushMove queues a step of a move. One by which an actor's mail finds it is a control; its state takes turns with messages.
func (o *outgoing) pushMove(step *pb.Move, size int) {
	if step.GetCommitted() != nil || step.GetDrained() != nil {
		o.pushControl(step, size)
	} else {
		o.pushAt(movesQueue, &entry{kind: entryMove, step: step, size: headItem + size})
	}
}

func (o *outgoing) pushState(state *pb.StreamState) { o.pushControl(state, proto.Size(state)) }

func (o *outgoing) pushReset(reset *pb.StreamReset) { o.pushControl(reset, smallHead) }

func (o *outgoing) pushClose(flow uint32) {
	o.push(flow, &entry{kind: entryClose, size: headItem + openHead})
}

// push queues what is of a flow, 0 = outside any stream.
func (o *outgoing) push(flow uint32, e *entry) { o.pushAt(offStream+int(flow), e) }

func (o *outgoing) pushAt(at int, e *entry) {
	for at >= len(o.queues) {
		o.queues = append(o.queues, flowQueue{})
	}
	o.count(at, e, 1)
	e.behind, e.next = o.controlsCame, noSlot
	slot := o.slot(e)
	queue := &o.queues[at]
	if queue.n == 0 {
		queue.first = slot
	} else {
		o.slots[queue.last].next = slot
	}
	queue.last = slot
	queue.n++
	if !queue.inRing {
		queue.inRing = true
		o.ring.push(int32(at))
	}
}

// count is of what comes (1) and leaves (-1).
func (o *outgoing) count(at int, e *entry, n int) {
	o.entries += n
	switch e.kind {
	case entryItem, entryPacked:
		o.countBytes(at, n*e.bytes())
	case entryMove, entrySkip, entryClose:
		o.heads += n
	}
	switch {
	case at != offStream || e.hops == 0:
	case n > 0:
		o.forwardsCame++
	default:
		o.forwardsLeft++
	}
}

func (o *outgoing) countBytes(at, more int) {
	o.bytes += more
	o.queues[at].bytes += more
}

func (o *outgoing) slot(e *entry) int32 {
	if len(o.free) == 0 {
		o.slots = append(o.slots, *e)
		return int32(len(o.slots) - 1)
	}
	at := o.free[len(o.free)-1]
	o.free = o.free[:len(o.free)-1]
	o.slots[at] = *e
	return at
}

// nextControl is the first control, or nil if it has to wait for messages.
func (o *outgoing) nextControl() *control {
	if o.controls.len() == 0 {
		return nil
	}
	next := o.controls.front()
	if next.forwards > o.forwardsLeft {
		return nil
	}
	if o.isAtBarrier() && o.barriers.front().entries > 0 {
		return nil
	}
	return next
}

// isAtBarrier: the first control is one.
func (o *outgoing) isAtBarrier() bool {
	return o.barriers.len() > 0 && o.barriers.front().number == o.controlsLeft+1
}

func (o *outgoing) takeControl() any {
	if o.isAtBarrier() {
		o.barriers.pop()
	}
	o.controlsLeft++
	return o.controls.pop().head
}

// nextTurn is the queue whose turn it is and whose first entry it may send; -1 = none in this packet.
func (o *outgoing) nextTurn() int {
	for o.ring.len() > 0 {
		at := int(*o.ring.front())
		queue := &o.queues[at]
		if queue.n == 0 {
			o.leaveRing(queue)
			continue
		}
		first := &o.slots[queue.first]
		if first.behind > o.controlsLeft {
			o.setAside()
			continue
		}
		if !queue.hasTurn {
			queue.hasTurn = true
			queue.deficit += quantum
		}
		if first.firstSize() <= queue.deficit {
			return at
		}
		o.endTurn(at)
	}
	return -1
}

// setAside: the queue whose turn it is has to wait for the next packet.
func (o *outgoing) setAside() { o.aside = append(o.aside, o.ring.pop()) }

// endTurn: the next one has its turn.
func (o *outgoing) endTurn(at int) {
	o.queues[at].hasTurn = false
	o.ring.push(o.ring.pop())
}

// endPacket: who was set aside comes first in the next.
func (o *outgoing) endPacket() {
	for i := len(o.aside) - 1; i >= 0; i-- {
		o.ring.pushFront(o.aside[i])
	}
	o.aside = o.aside[:0]
}

// isAlone: it is the only one that has something to send.
func (o *outgoing) isAlone() bool { return o.ring.len() == 1 }

// first is the first entry of a queue that has one; valid until the next push.
func (o *outgoing) first(at int) *entry { return &o.slots[o.queues[at].first] }

// isIn: this frame has messages of the queue.
func (o *outgoing) isIn(at int, frame uint64) bool { return o.queues[at].frame == frame }

// charge: so many bytes of a queue's turn are used up.
func (o *outgoing) charge(at, bytes int) { o.queues[at].deficit = max(o.queues[at].deficit-bytes, 0) }

// drop takes the first entry of the queue whose turn it is out of it.
func (o *outgoing) drop(at int) {
	queue := &o.queues[at]
	queue.deficit = max(queue.deficit-o.slots[queue.first].size, 0)
	o.unlink(at, noSlot)
	if queue.n == 0 {
		o.leaveRing(queue)
	}
}

func (o *outgoing) leaveRing(queue *flowQueue) {
	o.ring.pop()
	queue.inRing, queue.hasTurn, queue.deficit = false, false, 0
}

// unlink takes the entry out that is behind this slot, noSlot = the first.
func (o *outgoing) unlink(at int, before int32) {
	queue := &o.queues[at]
	taken := queue.first
	if before != noSlot {
		taken = o.slots[before].next
	}
	e := &o.slots[taken]
	o.free = append(o.free, taken)
	if before == noSlot {
		queue.first = e.next
	} else {
		o.slots[before].next = e.next
	}
	if queue.last == taken {
		queue.last = before
	}
	queue.n--
	o.count(at, e, -1)
	for i := range o.barriers.len() {
		if b := o.barriers.at(i); e.behind < b.number {
			b.entries--
			break
		}
	}
	e.body, e.block, e.large, e.step = nil, nil, nil, nil
	if o.entries == 0 {
		o.slots, o.free = o.slots[:0], o.free[:0]
		if cap(o.slots) > 2*keptSlots { // what a burst has taken is given back once it is over
			o.slots, o.free = nil, nil
		}
	}
}

// dropLarge: the large message of a flow leaves no more. There is one at most.
func (o *outgoing) dropLarge(flow uint32) {
	if o.isIdle(flow) {
		return
	}
	at := offStream + int(flow)
	for before, slot := int32(noSlot), o.queues[at].first; slot != noSlot; before, slot = slot, o.slots[slot].next {
		if o.slots[slot].kind == entryLarge {
			o.unlink(at, before)
			return
		}
	}
}

// dropFlow: nothing of a flow leaves any more.
func (o *outgoing) dropFlow(flow uint32) {
	for !o.isIdle(flow) {
		o.unlink(offStream+int(flow), noSlot)
	}
}
