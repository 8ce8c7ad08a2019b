package wire

import (
	"encoding/binary"
	"sync"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// Messages that have nothing but a payload each may stay as they are in a frame: while they wait to be sent, so that to send them is to
// copy bytes, and once they have come, so that they cost no memory of their own.

const (
	// fewPlain is how many messages are not worth being packed.
	fewPlain = 4
	// BlockBytes is the room of a Block.
	BlockBytes = 16 << 10
	// itemTag is what an item of a run begins with, plainTag what a body does that has nothing but a payload.
	itemTag  = 15<<3 | byte(bytesType)
	plainTag = 2<<3 | byte(bytesType)
)

// A Block is memory for messages that wait, which is used again.
type Block [BlockBytes]byte

var blocks = sync.Pool{New: func() any { return new(Block) }}

// TakeBlock is a block that is nobody else's.
func TakeBlock() *Block { return blocks.Get().(*Block) }

// Packed is messages of one type and one deadline as the items of a run, each with nothing but a payload.
type Packed struct {
	// TypeID and TTLMs are as in [Item].
	TypeID, TTLMs uint32
	// Count is how many there are.
	Count int
	// Longest is how many bytes the longest payload has, of those that have come.
	Longest int
	// Bytes are the items, in pieces.
	Bytes [][]byte
	// Used are the blocks of which nothing else waits to be sent.
	Used []*Block
	// memory is what it was made in to be sent, or nil.
	memory *packedMemory
}

// somePieces is for how many pieces there is room from the beginning: a packet has about as many.
const somePieces = 6

// packedMemory is a Packed with the memory of its lists, which is used again when its packet has been sent.
type packedMemory struct {
	Packed
	bytes [somePieces][]byte
	used  [somePieces]*Block
}

var packedMemories = sync.Pool{New: func() any { return new(packedMemory) }}

// NewPacked is one without messages.
func NewPacked(typeID uint32) *Packed {
	m := packedMemories.Get().(*packedMemory)
	m.Packed = Packed{TypeID: typeID, Bytes: m.bytes[:0], Used: m.used[:0], memory: m}
	return &m.Packed
}

// packetMemory is a packet with the memory of its runs, which is used again when it has been sent.
type packetMemory struct {
	Packet
	head pb.Frame
	runs []Run
}

var packetMemories = sync.Pool{New: func() any { return new(packetMemory) }}

// NewPacket is one to be sent, with an empty head.
func NewPacket() *Packet {
	m := packetMemories.Get().(*packetMemory)
	m.Packet = Packet{Head: &m.head, memory: m}
	return &m.Packet
}

var states = sync.Pool{New: func() any { return new(pb.StreamState) }}

// NewState is what is told of a flow, for a packet that is made to be sent: it is used again when that has been.
func NewState(flow uint32) *pb.StreamState {
	state := states.Get().(*pb.StreamState)
	state.Flow = flow
	return state
}

// SetRuns gives a packet that was made to be sent its runs. They are copied.
func (p *Packet) SetRuns(runs []Run) {
	p.memory.runs = append(p.memory.runs[:0], runs...)
	p.Runs = p.memory.runs
}

// size is the bytes of all.
func (p *Packed) size() (bytes int) {
	if p != nil {
		for _, piece := range p.Bytes {
			bytes += len(piece)
		}
	}
	return bytes
}

// PlainSize is how many bytes a body has that is nothing but a payload of so many bytes, and its item.
func PlainSize(payload int) (body, item int) {
	if payload > 0 {
		body = 1 + varintLen(uint64(payload)) + payload
	}
	return body, 1 + varintLen(uint64(body)) + body
}

// AppendPlainItem appends a message with nothing but a payload, as an item of a run.
func AppendPlainItem(out, payload []byte) []byte {
	body, _ := PlainSize(len(payload))
	out = binary.AppendUvarint(append(out, itemTag), uint64(body))
	if body == 0 {
		return out
	}
	out = binary.AppendUvarint(append(out, plainTag), uint64(len(payload)))
	return append(out, payload...)
}

// FirstItem is the body of the first of some items, and the items behind it.
func FirstItem(items []byte) (body, rest []byte) {
	size, n := binary.Uvarint(items[1:])
	start := 1 + n
	end := start + int(size)
	return items[start:end:end], items[end:]
}

// Seq is the seq of the i-th message, from 0.
func (run *Run) Seq(i int) uint64 {
	if run.Flow == 0 {
		return run.FirstSeq
	}
	return run.FirstSeq + uint64(i)
}

// Len is how many messages a run has.
func (run *Run) Len() int {
	if run.Packed != nil {
		return run.Packed.Count
	}
	return len(run.Items)
}

// All are the messages of a run, also of a packed one.
func (run *Run) All() []Item {
	if run.Packed == nil {
		return run.Items
	}
	items := make([]Item, 0, run.Packed.Count)
	for _, rest := range run.Packed.Bytes {
		for len(rest) > 0 {
			item := Item{TypeID: run.Packed.TypeID, TTLMs: run.Packed.TTLMs}
			item.Body, rest = FirstItem(rest)
			items = append(items, item)
		}
	}
	return items
}

// Sent: the packet has been written, and nobody reads it any more. What its packed runs were in is used again.
func (p *Packet) Sent() {
	for i := range p.Runs {
		packed := p.Runs[i].Packed
		if packed == nil {
			continue
		}
		for _, block := range packed.Used {
			blocks.Put(block)
		}
		if m := packed.memory; m != nil {
			*m = packedMemory{}
			packedMemories.Put(m)
		}
	}
	if m := p.memory; m != nil {
		for _, state := range m.head.State {
			state.Reset()
			states.Put(state)
		}
		clear(m.head.State)
		kept := m.head.State[:0]
		m.head.Reset()
		m.head.State = kept
		clear(m.runs)
		m.Packet = Packet{}
		packetMemories.Put(m)
	}
}

// packer packs the items of a run that is read, as long as all can be.
type packer struct {
	packed Packed
	// start and end are where they are in the run.
	start, end int
	failed     bool
}

// add is told of the next item of a run; false: it is not packed, nor is what follows.
func (p *packer) add(run []byte, f *field) bool {
	payload, plain := PlainPayload(f.bytes)
	plain = plain && run[f.start] == itemTag // in one byte: who reads it again relies on that
	if p.packed.Count == 0 {
		p.start, p.end = f.start, f.start
	}
	if p.failed = p.failed || !plain || f.start != p.end; p.failed {
		return false
	}
	p.packed.Count++
	p.packed.Longest = max(p.packed.Longest, len(payload))
	p.end = f.end
	return true
}

// items are those that were packed, with room for so many more.
func (p *packer) items(run []byte, more int) []Item {
	items := make([]Item, 0, p.packed.Count+more)
	for rest := run[p.start:p.end]; len(rest) > 0; {
		var item Item
		item.Body, rest = FirstItem(rest)
		items = append(items, item)
	}
	return items
}

// isWorthIt: they stay packed, if they are alike.
func (p *packer) isWorthIt() bool { return !p.failed && p.packed.Count >= fewPlain }

// packedRun is what has come packed: it is one piece.
type packedRun struct {
	Packed
	bytes [1][]byte
}

// result is what was packed, with the type and the deadline of all. It is made in made, if that is empty.
func (p *packer) result(run []byte, types, ttls []uint32, made *packedRun) *Packed {
	if made.Count > 0 {
		made = new(packedRun)
	}
	made.Packed = p.packed
	packed := &made.Packed
	made.bytes[0] = run[p.start:p.end:p.end]
	packed.Bytes = made.bytes[:]
	if len(types) == 1 {
		packed.TypeID = types[0]
	}
	if len(ttls) == 1 {
		packed.TTLMs = ttls[0]
	}
	return packed
}
