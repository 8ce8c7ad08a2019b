package actorbridge

import (
	"runtime"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A link whose door is memory that both sides share: what leaves is written there at once, past the packets, and what comes is
// taken in runs.

// plainOverhead is what a payload's tag and length take, at most.
const plainOverhead = 6

// carryLane brings what comes to the machine until the link ends.
func (l *linkEnd) carryLane(lane door.Lane) {
	l.mu.Lock()
	l.lane = lane
	l.isShared.Store(true)
	l.mu.Unlock()
	l.ring() // a dialler says Hello
	closed := make(chan struct{})
	l.node.tasks.run(func() {
		defer close(closed)
		<-l.down
		l.lastWords()
		l.mu.Lock()
		l.lane = nil
		l.isShared.Store(false)
		l.mu.Unlock()
		_ = lane.Close()
	})
	err := lane.Receive(laneReceiver{l})
	l.lost("the connection ended: " + err.Error())
	<-closed
}

// lastWords has what is left written, the Goodbye, for which there may be no room at first.
func (l *linkEnd) lastWords() {
	timer := time.NewTimer(goodbyeTime)
	defer timer.Stop()
	for {
		l.fillLane()
		l.mu.Lock()
		left := l.unsent != nil
		l.mu.Unlock()
		if !left {
			return
		}
		select {
		case <-l.wake:
		case <-timer.C:
			return
		}
	}
}

// laneReceiver takes what comes by a lane.
type laneReceiver struct{ link *linkEnd }

// Packet implements door.LaneReceiver.
func (r laneReceiver) Packet(p *wire.Packet) {
	r.link.receive(p)
}

// Refuse implements door.LaneReceiver.
func (r laneReceiver) Refuse(refusal *wire.Refusal) {
	r.link.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.BadFrame(refusal.Error(), out) })
}

// Room implements door.LaneReceiver.
func (r laneReceiver) Room() {
	r.link.ring()
	select {
	case r.link.wake <- struct{}{}: // for the last words
	default:
	}
}

// Run implements door.LaneReceiver.
func (r laneReceiver) Run(run *door.LaneRun) {
	l := r.link
	if run.Plain && run.Flow != 0 && l.takeRun(run) {
		return
	}
	if run.Flow == 0 && l.takeAnswers(run) {
		return
	}
	items := run.Items()
	l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.ReceiveItems(&items, out) })
}

// takeAnswers hands a run of answers to their askers; false: there is something else among them, and nothing has happened.
func (l *linkEnd) takeAnswers(run *door.LaneRun) bool {
	l.inboundMu.Lock()
	defer l.inboundMu.Unlock()
	what := l.what(run.TypeID)
	l.mu.Lock()
	isUp := l.machine.Phase() == machine.PhaseUp
	limit := int(l.machine.Limits().InlineBytes) - len(what.Bytes)
	l.mu.Unlock()
	if what.Kind != uint32(pb.Kind_KIND_REPLY) || !isUp || run.Hops > machine.MaxHops || run.Longest() > limit {
		return false
	}
	answers := make([]*Message, run.Len())
	for i := range answers {
		m, refusal := readMessage(l.node, noWho, what, run.At(i))
		if refusal != nil || m.who.Target != "" { // or for an actor that has moved
			return false
		}
		answers[i] = m
	}
	if l.node.taps.any() {
		for i := range answers {
			l.see(seen{direction: pb.Direction_DIRECTION_RECEIVED, who: noWho, what: what, hops: run.Hops}, run.At(i))
		}
	}
	for _, m := range answers {
		l.node.answered(m)
	}
	return true
}

// starves: a sender waits for the credit of a flow; true = there is some by now. The caller holds the lock.
func (l *linkEnd) starves(flow uint32) bool {
	if l.lane == nil {
		return false
	}
	if _, waits := l.starved[flow]; !waits {
		l.starved[flow] = struct{}{}
		l.lane.WantCredit(len(l.starved))
	}
	return l.learnCredit(flow)
}

// creditTime is how long a sender looks for credit before it waits to be told.
const creditTime = 50 * time.Microsecond

// awaitCredit looks for credit for a while, where the peer grants it in memory; false = there is none.
func (l *linkEnd) awaitCredit(flow uint32) bool {
	var since time.Time
	for i := 0; ; i++ {
		l.mu.Lock()
		some := l.lane == nil || !l.machine.IsSpent(flow) || l.learnCredit(flow)
		l.mu.Unlock()
		if some {
			return true
		}
		switch {
		case i == 0:
			since = time.Now()
		case i%8 == 0 && time.Since(since) > creditTime:
			return false
		}
		runtime.Gosched()
	}
}

// feed: there is credit on a flow again, or nobody sends on it any more. Who waits for it looks. The caller holds the lock.
func (l *linkEnd) feed(flow uint32) {
	if _, waits := l.starved[flow]; !waits {
		return
	}
	delete(l.starved, flow)
	if l.lane != nil {
		l.lane.WantCredit(len(l.starved))
	}
	if o := l.outlets[flow]; o != nil {
		o.owner.ring()
	}
}

// learnCredit looks at what the peer has granted in the memory; true = there is credit. The caller holds the lock.
func (l *linkEnd) learnCredit(flow uint32) bool {
	processed, credit := l.lane.Granted(flow)
	some := l.machine.Credited(flow, processed, credit)
	if some {
		l.feed(flow)
	}
	return some
}

// takeCredit takes what the peer has granted on a flow that is out of credit. The caller holds the lock.
func (l *linkEnd) takeCredit(flow uint32) {
	if l.machine.IsSpent(flow) {
		l.learnCredit(flow)
	}
}

// lastCredit: the link is over; how far the peer came on each flow. The caller holds the lock.
func (l *linkEnd) lastCredit() {
	if l.lane == nil {
		return
	}
	for _, flow := range l.machine.OpenFlows() {
		processed, credit := l.lane.Granted(flow)
		l.machine.Credited(flow, processed, credit)
	}
}

// sendAtOnce writes a message to the lane, if that can be done now. The caller holds the lock.
func (l *linkEnd) sendAtOnce(flow uint32, out *outgoing) (seq uint64, ok bool) {
	if l.lane == nil || l.unsent != nil || !l.lane.HasRoom(len(out.body)) {
		return 0, false
	}
	var typeID uint32
	l.takeCredit(flow)
	if flow == 0 {
		typeID, ok = l.machine.AnswerAtOnce(out.what, len(out.body))
	} else {
		seq, typeID, ok = l.machine.SendAtOnce(flow, out.what, len(out.body))
	}
	if !ok {
		return 0, false
	}
	item := door.LaneItem{Flow: flow, TypeID: typeID, Seq: seq, Hops: out.hops, Bytes: out.body, TTLMs: l.ttlUntil(out.deadline)}
	if typeID != 0 && out.isPlain() {
		item.Plain, item.Bytes = true, out.payload
	}
	l.lane.Put(item)
	l.lane.Publish()
	return seq, true
}

// putRaw writes tells whose payloads are bytes, as many as can be written now: the last one's seq, and how many.
func (l *linkEnd) putRaw(flow uint32, what *wire.What, payloads [][]byte) (last uint64, written int) {
	if last, written = l.putRawNow(flow, what, payloads); written > 0 && l.node.taps.any() {
		l.seeSentRaw(flow, what, payloads[:written], last)
	}
	return last, written
}

func (l *linkEnd) putRawNow(flow uint32, what *wire.What, payloads [][]byte) (last uint64, written int) {
	l.mu.Lock()
	if l.lane == nil {
		last, written = l.queueRaws(flow, what, payloads)
		l.mu.Unlock()
		l.ring()
		return last, written
	}
	for written < len(payloads) {
		seq, n := l.putRun(flow, what, payloads[written:min(len(payloads), written+runAtOnce)])
		if n == 0 {
			break
		}
		last, written = seq, written+n
	}
	if written > 0 {
		l.lane.Publish()
	}
	l.mu.Unlock()
	return last, written
}

// runAtOnce is how many payloads are looked at before they are written.
const runAtOnce = 64

// putRun writes as many of some payloads as can be written now: the last one's seq, and how many.
func (l *linkEnd) putRun(flow uint32, what *wire.What, payloads [][]byte) (last uint64, written int) {
	if l.unsent != nil {
		return 0, 0
	}
	longest := 0
	for _, payload := range payloads {
		longest = max(longest, len(payload))
	}
	l.takeCredit(flow)
	seq, typeID, room := l.machine.AtOnce(flow, what, longest+plainOverhead)
	if room == 0 && len(payloads) > 1 { // perhaps another one is too long
		payloads = payloads[:1]
		seq, typeID, room = l.machine.AtOnce(flow, what, len(payloads[0])+plainOverhead)
	}
	if room == 0 {
		return 0, 0
	}
	item := door.LaneItem{Flow: flow, TypeID: typeID, Seq: seq, Plain: true}
	if written = l.lane.PutAll(item, payloads[:min(uint64(len(payloads)), room)]); written == 0 {
		return 0, 0
	}
	l.machine.SentAtOnce(flow, written)
	return seq + uint64(written) - 1, written
}

// fillLane writes what waits to the lane, as far as there is room.
func (l *linkEnd) fillLane() {
	l.mu.Lock()
	if l.lane == nil {
		l.mu.Unlock()
		return
	}
	actions, owners := l.fill()
	l.mu.Unlock()
	ringAll(owners)
	for _, a := range actions {
		if a.Kind == machine.ActionDown { // a drain ends with the packet that holds its Goodbye
			l.node.tasks.run(func() { // of its own: a sender holds its outlet's lock here, and the end takes all of them
				l.inboundMu.Lock()
				defer l.inboundMu.Unlock()
				l.onDown(a.Down)
			})
		}
	}
}

// fill is fillLane under the lock: what the machine said, and who may have room now.
func (l *linkEnd) fill() (actions []machine.Action, owners []*bell) {
	for l.lane != nil {
		packet := l.unsent
		l.unsent = nil
		if packet == nil {
			packet, actions = l.machine.Poll(l.node.now(), actions)
		}
		if packet == nil {
			break
		}
		if !l.lane.TrySend(packet) {
			l.unsent = packet
			break
		}
	}
	return actions, l.allMaySend(actions)
}
