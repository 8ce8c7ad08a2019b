package machine

import (
	"math"
	"slices"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Poll makes the next packet: the writer is ready. It is nil if there is nothing to say. The packet is the caller's.
func (l *Link) Poll(now Millis, out []Action) (*wire.Packet, []Action) {
	// A Goodbye in a frame of its own, since heads are acted on before runs.
	if l.draining && l.phase != PhaseDown && l.queue.isEmpty() && len(l.leaving.transfers) == 0 {
		out = l.endDrain(out)
	}
	if l.phase == PhaseDown {
		if !l.goodbyeSaid {
			return nil, out
		}
		l.goodbyeSaid = false
	}
	if l.phase == PhaseUp && !l.HasOutput() {
		return nil, out // or nothing but states that may wait
	}
	size := 0
	comesFirst := l.frontWaits && !l.queue.isEmpty()
	if !comesFirst {
		size = l.takeStates()
	}
	l.frontWaits = false
	var runs []wire.Run
	if l.phase == PhaseUp {
		runs, size = l.fill(comesFirst, size, now)
		l.addFragments(size, now, runs)
	}
	if l.head == nil && len(runs) == 0 {
		return nil, out
	}
	l.frame()
	packet := l.packet
	if len(runs) > 0 {
		packet.SetRuns(runs)
	}
	l.packet, l.head = nil, nil
	l.number++
	packet.Head.Number = l.number
	packet.Head.SentMs = uint32(since(now, l.openedAt))
	l.noteFrames(runs)
	clear(runs)
	l.runs = runs[:0]
	out = l.noteFragments(packet.Head.Fragment, out)
	if l.noRoomSaid && l.queue.streamBytes() < MaxQueuedBytes/2 {
		l.noRoomSaid = false
		out = append(out, Action{Kind: ActionRoom})
	}
	return packet, out
}

// HasOutput says whether Poll would give a packet now.
func (l *Link) HasOutput() bool {
	if l.phase == PhaseDown {
		return l.goodbyeSaid
	}
	return l.phase == PhaseUp && (!l.queue.isEmpty() || len(l.leaving.transfers) > 0) || l.draining || l.statesPress || l.head != nil
}

// takeStates moves states into the head, up to a packet's size; the flows take turns.
func (l *Link) takeStates() (size int) {
	for size < PacketBytes && l.stateOrder.len() > 0 {
		flow := l.stateOrder.pop()
		state := l.states[flow]
		if state == nil {
			continue
		}
		delete(l.states, flow)
		if len(state.Outcomes) > outcomesInState {
			l.nextState(flow).Outcomes = state.Outcomes[outcomesInState:]
			state.Outcomes = state.Outcomes[:outcomesInState:outcomesInState]
		}
		l.outcomes -= len(state.Outcomes)
		size += proto.Size(state) + headItem
		head := l.frame()
		head.State = append(head.State, state)
	}
	l.statesPress = l.statesPress && len(l.states) > 0
	return size
}

// fill moves what is queued into the packet: controls, then what the flows have.
func (l *Link) fill(comesFirst bool, size int, now Millis) (runs []wire.Run, _ int) {
	most := PacketBytes
	if len(l.leaving.transfers) > 0 {
		most -= quantum
	}
	runs = l.runs
	if comesFirst {
		runs, size = l.takeTurns(runs, size, most, now)
		l.queue.endPacket()
	}
	// A reader acts on heads first: a control behind a message of this packet would overtake it.
	if len(runs) == 0 && len(l.head.GetFragment()) == 0 {
		runs, size = l.takeTurns(runs, l.takeControls(size, most), most, now)
		l.queue.endPacket()
	}
	return runs, size
}

// takeControls moves controls into the head. A reader acts on the steps of a move behind other fields: so what follows a step comes in
// the next packet, since a stream to an actor that has just been committed must find it there.
func (l *Link) takeControls(size, most int) int {
	for taken := false; ; taken = true {
		next := l.queue.nextControl()
		if next == nil {
			return size
		}
		if _, isMove := next.head.(*pb.Move); !isMove && len(l.head.GetMove()) > 0 {
			return size
		}
		if size > 0 && size+next.size > most {
			l.frontWaits = l.frontWaits || !taken
			return size
		}
		size += next.size
		l.addHead(l.queue.takeControl())
	}
}

// takeTurns: the flows that have something to send take turns until the packet is full, by deficit round robin.
func (l *Link) takeTurns(runs []wire.Run, size, most int, now Millis) ([]wire.Run, int) {
	behindStep := len(l.head.GetMove()) > 0
	for taken := false; ; {
		at := l.queue.nextTurn()
		if at < 0 {
			return runs, size
		}
		next := l.queue.first(at)
		if l.mustWait(at, next, behindStep) {
			l.queue.setAside()
			continue
		}
		isFull := size > 0 && size+next.firstSize() > most
		if next.isPassedOn() {
			isFull = size+leastPart > PacketBytes
		}
		if isFull {
			l.frontWaits = l.frontWaits || !taken
			return runs, size
		}
		runs, size = l.takeTurn(at, next, runs, size, most, now)
		taken = true
	}
}

// mustWait: the first entry of a queue has to wait for the next packet. A reader acts on heads and fragments before runs.
func (l *Link) mustWait(at int, next *entry, behindStep bool) bool {
	isIn := l.queue.isIn(at, l.number+1)
	if next.isPassedOn() {
		return isIn || !l.mayBegin(next.large)
	}
	// It also acts on the end of a binding before a cancel, which would find nothing any more.
	isBehindCancel := func() bool {
		return slices.ContainsFunc(l.head.GetSkip(), func(skip *pb.Skip) bool { return int(skip.Flow)+offStream == at })
	}
	return next.isHead() && (isIn || behindStep || next.kind == entryClose && isBehindCancel())
}

// takeTurn moves the first entry of a queue into the packet. What is passed on in parts leaves here, since nothing may overtake it; all
// else in parts between what follows.
func (l *Link) takeTurn(at int, next *entry, runs []wire.Run, size, most int, now Millis) ([]wire.Run, int) {
	if next.isPassedOn() {
		return runs, l.takePart(at, next.large, size, now)
	}
	flow := uint32(max(at-offStream, 0))
	if next.kind == entryPacked {
		l.queue.queues[at].frame = l.number + 1
		taken := l.queue.takeItems(at, most-size)
		return addPacked(runs, flow, taken), size + taken.size
	}
	size += next.size
	switch next.kind {
	case entryItem:
		l.queue.queues[at].frame = l.number + 1
		room := min(l.queue.queues[at].n, (PacketBytes-size)/next.size+1)
		runs = addItem(runs, flow, next, room, now)
	case entryLarge:
		l.leaving.starting = append(l.leaving.starting, next.large)
	case entryMove:
		l.addHead(next.step)
	case entrySkip:
		l.addHead(&pb.Skip{Flow: flow, First: next.seq, Count: 1, Reason: pb.Code_CODE_CANCELLED})
	case entryClose:
		if out := l.outFlow(flow); out != nil {
			l.addHead(closeOf(flow, out))
		}
	}
	l.queue.drop(at)
	return runs, size
}

// takePart moves the next part of what is passed on into the packet.
func (l *Link) takePart(at int, t *transfer, size int, now Millis) int {
	most := PacketBytes - size
	if !l.queue.isAlone() {
		most = min(most, quantum)
	}
	before := size
	ended := l.addPart(t, most, now, &size)
	l.queue.charge(at, size-before)
	if ended {
		l.queue.drop(at)
	} else {
		l.queue.endTurn(at)
	}
	return size
}

func (l *Link) addHead(field any) {
	head := l.frame()
	switch field := field.(type) {
	case *pb.StreamOpen:
		head.Open = append(head.Open, field)
	case *pb.TypeDef:
		head.Type = append(head.Type, field)
	case *pb.StreamState:
		head.State = append(head.State, field)
	case *pb.Skip:
		head.Skip = append(head.Skip, field)
	case *pb.StreamReset:
		head.Reset_ = append(head.Reset_, field)
	case *pb.Move:
		head.Move = append(head.Move, field)
	}
}

// TTL is the milliseconds until a deadline; 0 for a deadline of 0. One that has passed still travels with 1 ms: the receiver
// answers EXPIRED.
func TTL(deadline, now Millis) uint32 {
	if deadline == 0 {
		return 0
	}
	return uint32(min(max(since(deadline, now), 1), math.MaxUint32))
}

// manyItems is for how many items there is room at once, where several of a flow follow each other.
const manyItems = 1_024

// addItem adds an item to the last run of its flow, if it continues it. Only the last few runs are looked at: order holds
// within a flow alone, and a packet of many flows must not be searched for each item. So many may follow it.
func addItem(runs []wire.Run, flow uint32, e *entry, room int, now Millis) []wire.Run {
	item := wire.Item{TypeID: e.typeID, TTLMs: TTL(e.deadline, now), Body: e.body}
	run := lastRun(runs, flow)
	if run != nil && run.Packed == nil && run.Hops == e.hops && run.Seq(run.Len()) == e.seq {
		run.Items = append(run.Items, item)
		return runs
	}
	items := make([]wire.Item, 0, min(room, manyItems))
	return append(runs, wire.Run{Flow: flow, FirstSeq: e.seq, Hops: e.hops, Items: append(items, item)})
}

// addPacked is addItem for several that are written already.
func addPacked(runs []wire.Run, flow uint32, e entry) []wire.Run {
	run := lastRun(runs, flow)
	if run == nil || run.Packed == nil || run.Packed.TypeID != e.typeID || run.FirstSeq+uint64(run.Len()) != e.seq {
		runs = append(runs, wire.Run{Flow: flow, FirstSeq: e.seq, Packed: wire.NewPacked(e.typeID)})
		run = &runs[len(runs)-1]
	}
	run.Packed.Count += int(e.count)
	run.Packed.Bytes = append(run.Packed.Bytes, e.body)
	if e.block != nil {
		run.Packed.Used = append(run.Packed.Used, e.block)
	}
	return runs
}

// lastRun is the last run of a flow, of the last few ones, or nil.
func lastRun(runs []wire.Run, flow uint32) *wire.Run {
	for i := len(runs) - 1; i >= max(len(runs)-8, 0); i-- {
		if runs[i].Flow == flow {
			return &runs[i]
		}
	}
	return nil
}

func (l *Link) noteFrames(runs []wire.Run) {
	for i := range runs {
		run := &runs[i]
		if out := l.outFlow(run.Flow); out != nil {
			out.frames.push(sentFrame{run.FirstSeq + uint64(run.Len()) - 1, l.number})
		}
	}
}
