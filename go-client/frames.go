package actorbridge

import (
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// fewItems is how many messages of a frame are not worth being taken together.
const fewItems = 4

// receiveRuns brings a packet to the machine. Tells of a stream that came together, with nothing but payloads, are taken together.
func (l *linkEnd) receiveRuns(packet *wire.Packet) {
	runs := packet.Runs
	if !hasMany(runs) {
		l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.Receive(packet, out) })
		return
	}
	packet.Runs = nil // the head is acted on before them
	l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.Receive(packet, out) })
	for i := range runs {
		if run := plainRun(&runs[i]); run != nil && l.takeRun(run) {
			continue
		}
		l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.ReceiveItems(&runs[i], out) })
	}
}

func hasMany(runs []wire.Run) bool {
	for i := range runs {
		if runs[i].Flow != 0 && len(runs[i].Items) >= fewItems {
			return true
		}
	}
	return false
}

// plainRun is the payloads of messages of one type that have nothing else; nil: they are not all so.
func plainRun(run *wire.Run) *door.LaneRun {
	if run.Flow == 0 || run.Attempt != 0 || len(run.Items) < fewItems {
		return nil
	}
	first, size := &run.Items[0], 0
	for i := range run.Items {
		item := &run.Items[i]
		payload, plain := wire.PlainPayload(item.Body)
		if !plain || item.TypeID != first.TypeID || item.TTLMs != first.TTLMs {
			return nil
		}
		size += len(payload)
	}
	// A copy: a message that is kept would keep the whole frame, and mailboxes hold runs without gaps.
	together := &door.LaneRun{
		Flow: run.Flow, TypeID: first.TypeID, TTLMs: first.TTLMs, Hops: run.Hops, Plain: true, FirstSeq: run.FirstSeq,
		Block: make([]byte, 0, size), Ends: make([]uint32, 0, len(run.Items)),
	}
	for i := range run.Items {
		payload, _ := wire.PlainPayload(run.Items[i].Body)
		together.Block = append(together.Block, payload...)
		together.Ends = append(together.Ends, uint32(len(together.Block)))
	}
	return together
}

// takeRun delivers tells of a stream with nothing but payloads; false: something has to be said of one of them, and nothing has
// happened.
func (l *linkEnd) takeRun(run *door.LaneRun) bool {
	l.inboundMu.Lock()
	l.mu.Lock()
	accepted := l.machine.AcceptRun(run.Flow, run.FirstSeq, uint64(run.Len()), run.TypeID, run.Hops, run.Longest())
	l.mu.Unlock()
	if accepted {
		if l.node.taps.any() {
			l.seeRun(run)
		}
		l.deliverRun(run)
	}
	l.inboundMu.Unlock()
	if accepted {
		l.ring()
	}
	return accepted
}
