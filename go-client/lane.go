package actorbridge

import (
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A link whose door is memory that both sides share: what leaves is written there at once, past the packets, and what comes is
// taken in runs.

// carryLane brings what comes to the machine until the link ends.
func (l *linkEnd) carryLane(lane door.Lane) {
	l.mu.Lock()
	l.lane = lane
	l.mu.Unlock()
	l.ring() // a dialler says Hello
	closed := make(chan struct{})
	l.node.tasks.run(func() {
		defer close(closed)
		<-l.down
		l.lastWords()
		l.mu.Lock()
		l.lane = nil
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
	r.link.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.Receive(p, out) })
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
	if run.Plain && run.Flow != 0 {
		l.inboundMu.Lock()
		l.mu.Lock()
		accepted := l.machine.AcceptRun(run.Flow, run.FirstSeq, uint64(run.Len()), run.TypeID, run.Hops, run.Longest())
		l.mu.Unlock()
		if accepted {
			l.deliverRun(run)
			l.inboundMu.Unlock()
			l.ring()
			return
		}
		l.inboundMu.Unlock()
	}
	items := run.Items()
	l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.ReceiveItems(&items, out) })
}

// sendAtOnce writes a message to the lane, if that can be done now. The caller holds the lock.
func (l *linkEnd) sendAtOnce(flow uint32, out *outgoing) (seq uint64, ok bool) {
	if l.lane == nil || l.unsent != nil || !l.lane.HasRoom(len(out.body)) {
		return 0, false
	}
	var typeID uint32
	if flow == 0 {
		typeID, ok = l.machine.AnswerAtOnce(out.what, len(out.body))
	} else {
		seq, typeID, ok = l.machine.SendAtOnce(flow, out.what, len(out.body))
	}
	if !ok {
		return 0, false
	}
	item := door.LaneItem{Flow: flow, TypeID: typeID, Seq: seq, Hops: out.hops, Bytes: out.body}
	if out.deadline != 0 {
		item.TTLMs = machine.TTL(out.deadline, l.node.now())
	}
	if typeID != 0 && out.isPlain() {
		item.Plain, item.Bytes = true, out.payload
	}
	l.lane.Put(item)
	return seq, true
}

// fillLane writes what waits to the lane, as far as there is room.
func (l *linkEnd) fillLane() {
	l.mu.Lock()
	if l.lane == nil {
		l.mu.Unlock()
		return
	}
	if l.machine.IsDraining() {
		// Its end is acted on under inboundMu. Who has that looks again when it is free.
		l.mu.Unlock()
		if !l.inboundMu.TryLock() {
			return
		}
		defer l.inboundMu.Unlock()
		l.mu.Lock()
	}
	actions, owners := l.fill()
	l.mu.Unlock()
	ringAll(owners)
	for _, a := range actions {
		if a.Kind == machine.ActionDown { // a drain ends with the packet that holds its Goodbye
			l.onDown(a.Down)
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
	for _, a := range actions {
		if a.Kind == machine.ActionRoom {
			for _, o := range l.outlets {
				owners = append(owners, o.owner)
			}
		}
	}
	return actions, owners
}
