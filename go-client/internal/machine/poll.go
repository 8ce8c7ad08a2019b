package machine

import (
	"math"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Poll makes the next packet: the writer is ready. It is nil if there is nothing to say. The packet is the caller's.
func (l *Link) Poll(now Millis, out []Action) (*wire.Packet, []Action) {
	// A Goodbye in a frame of its own, since heads are acted on before runs.
	if l.draining && l.phase != PhaseDown && l.queue.len() == 0 && len(l.leaving.transfers) == 0 {
		out = l.endDrain(out)
	}
	if l.phase == PhaseDown {
		if !l.goodbyeSaid {
			return nil, out
		}
		l.goodbyeSaid = false
	}
	size := 0
	if !l.frontWaits {
		size = l.takeStates()
	}
	l.frontWaits = false
	var runs []wire.Run
	if l.phase == PhaseUp {
		waited := l.queue.len()
		runs, size = l.fill(size, now)
		l.frontWaits = waited > 0 && waited == l.queue.len() && len(l.head.GetFragment()) == 0
		l.addFragments(size, now, runs)
	}
	if l.head == nil && runs == nil {
		return nil, out
	}
	packet := &wire.Packet{Head: l.frame(), Runs: runs}
	l.head = nil
	l.number++
	packet.Head.Number = l.number
	packet.Head.SentMs = uint32(since(now, l.openedAt))
	l.noteFrames(runs)
	out = l.noteFragments(packet.Head.Fragment, out)
	if l.noRoomSaid && l.queuedBytes < MaxQueuedBytes/2 {
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
	return l.phase == PhaseUp && (l.queue.len() > 0 || len(l.leaving.transfers) > 0) || l.draining || len(l.states) > 0 || l.head != nil
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
	return size
}

// fill moves what is queued into the packet. A head field behind an item of the queue must not overtake it, and a reader
// acts on heads first: so the packet ends there. So it does at a field behind a step of a move, which a reader would act on
// before the step: a stream to an actor that has just been committed must find it there.
func (l *Link) fill(size int, now Millis) (runs []wire.Run, _ int) {
	most := PacketBytes
	if len(l.leaving.transfers) > 0 {
		most -= quantum
	}
	for l.queue.len() > 0 {
		next := l.queue.front()
		if next.large != nil {
			if !l.startTransfer(next.large, &size, now, runs) {
				break
			}
			continue
		}
		_, isMove := next.head.(*pb.Move)
		overtakes := next.head != nil && (runs != nil || len(l.head.GetFragment()) > 0 || !isMove && len(l.head.GetMove()) > 0)
		if size > 0 && size+next.size > most || overtakes {
			break
		}
		size += next.size
		if next.head == nil {
			l.queuedBytes -= len(next.body) + itemOverhead
			runs = l.addItem(runs, next, (PacketBytes-size)/next.size+1, now)
		} else {
			l.controls--
			l.addHead(next.head)
		}
		l.queue.pop()
	}
	return runs, size
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
// within a flow alone, and a packet of many flows must not be searched for each item. So many of its size have room yet.
func (l *Link) addItem(runs []wire.Run, q *queued, room int, now Millis) []wire.Run {
	item := wire.Item{TypeID: q.typeID, Body: q.body}
	item.TTLMs = TTL(q.deadline, now)
	for i := len(runs) - 1; i >= max(len(runs)-8, 0); i-- {
		run := &runs[i]
		if run.Flow != q.flow {
			continue
		}
		next := run.FirstSeq + uint64(len(run.Items))
		if run.Hops == q.hops && (q.flow == 0 || next == q.seq) {
			run.Items = append(run.Items, item)
			return runs
		}
		break
	}
	items := make([]wire.Item, 0, 1)
	if l.queue.len() > 1 && l.queue.at(1).head == nil && l.queue.at(1).flow == q.flow {
		items = make([]wire.Item, 0, min(l.queue.len(), max(room, 2), manyItems))
	}
	return append(runs, wire.Run{Flow: q.flow, FirstSeq: q.seq, Hops: q.hops, Items: append(items, item)})
}

func (l *Link) noteFrames(runs []wire.Run) {
	for i := range runs {
		run := &runs[i]
		if out := l.outFlow(run.Flow); out != nil {
			out.frames.push(sentFrame{run.FirstSeq + uint64(len(run.Items)) - 1, l.number})
		}
	}
}
