package actorbridge

import (
	"slices"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/machine"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// receiveRuns brings a packet to the machine. Tells of a stream that came together, with nothing but payloads, are taken together.
func (l *linkEnd) receiveRuns(packet *wire.Packet) {
	runs := packet.Runs
	isPacked := func(run wire.Run) bool { return run.Packed != nil }
	if !slices.ContainsFunc(runs, isPacked) {
		l.driveBy(packet, (*machine.Link).Receive)
		return
	}
	packet.Runs = nil // the head is acted on before them
	l.driveBy(packet, (*machine.Link).Receive)
	for i := range runs {
		if !l.takePacked(&runs[i], packet.FrameBytes) {
			l.drive(func(m *machine.Link, out []machine.Action) []machine.Action { return m.ReceiveItems(&runs[i], out) })
		}
	}
}

// takePacked is takeRun for messages that came packed, in a frame of so many bytes.
func (l *linkEnd) takePacked(run *wire.Run, frameBytes int) bool {
	packed := run.Packed
	if packed == nil || run.Flow == 0 || run.Attempt != 0 {
		return false
	}
	items := packed.Bytes[0]
	if len(items) < frameBytes/2 { // a message that is kept would keep the whole frame
		items = slices.Clone(items)
	}
	together := door.LaneRun{Flow: run.Flow, TypeID: packed.TypeID, TTLMs: packed.TTLMs, Hops: run.Hops, FirstSeq: run.FirstSeq}
	return l.takePlain(&together, payloads{left: packed.Count, items: items}, packed.Longest)
}

// takeRun delivers tells of a stream with nothing but payloads; false: something has to be said of one of them, and nothing has
// happened.
func (l *linkEnd) takeRun(run *door.LaneRun) bool {
	return l.takePlain(run, payloads{left: run.Len(), block: run.Block, ends: run.Ends}, run.Longest())
}

func (l *linkEnd) takePlain(run *door.LaneRun, of payloads, longest int) bool {
	l.inboundMu.Lock()
	l.mu.Lock()
	accepted := l.machine.AcceptRun(run.Flow, run.FirstSeq, uint64(of.left), run.TypeID, run.Hops, longest)
	l.mu.Unlock()
	if accepted {
		if l.node.taps.any() {
			l.seeRun(run, of)
		}
		l.deliverRun(run, of)
	}
	l.inboundMu.Unlock()
	if accepted {
		l.ring()
	}
	return accepted
}
