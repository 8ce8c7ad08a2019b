package wire

import (
	"encoding/binary"
	"fmt"
	"math"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

const (
	// MaxFrameItems is the most messages, and the most other entries, that one frame may hold.
	MaxFrameItems = 65_536
	// foreseenItems is the most messages that a run's reader makes room for before they are there.
	foreseenItems = 4_096
	// MaxFrameBytes is above what any peer may send, whatever its limits say.
	MaxFrameBytes = 4 << 20
)

// Packet is a Frame: its head, and its runs as slices of the frame's bytes.
type Packet struct {
	// Head is every field but run, which is empty here. Nil means an empty head; ReadPacket never leaves it nil.
	Head *pb.Frame
	// Runs are the messages.
	Runs []Run
	// FrameBytes is how large the frame is that it came in, or was written to last; 0 = none.
	FrameBytes int
	// memory is what it was made in to be sent, or nil.
	memory *packetMemory
}

// Run is consecutive messages of one flow.
type Run struct {
	// Flow is the binding; 0 = off-stream.
	Flow uint32
	// FirstSeq is the seq of the first item. Off-stream, of all: the epoch of the actor's stay that they follow it to, or 0.
	FirstSeq uint64
	// Attempt is 0 for the first try.
	Attempt uint32
	// Hops counts the nodes that have forwarded these messages.
	Hops uint32
	// Queued is the messages of this flow that wait for credit at the sender.
	Queued uint32
	// Items are the messages, in order.
	Items []Item
	// Packed are the messages, instead of Items, or nil.
	Packed *Packed
}

// Item is one message on one hop.
type Item struct {
	// TypeID is the TypeDef that holds its what; 0 = in the body.
	TypeID uint32
	// TTLMs is the milliseconds left when the packet was built; 0 = no deadline.
	TTLMs uint32
	// Body is the item's bytes. Nobody rewrites them.
	Body []byte
}

// FrameTooLarge refuses a frame by its length, or is nil.
func FrameTooLarge(size, maxBytes int) *Refusal {
	limit := min(maxBytes, MaxFrameBytes)
	if size <= limit {
		return nil
	}
	return &Refusal{pb.Code_CODE_TOO_LARGE, fmt.Sprintf("a frame of %d bytes is over the limit of %d", size, limit)}
}

// ReadPacket reads a frame of at most maxBytes. Items are slices of frame, which must not change while they are in use.
// A refused frame costs its link; the error says what is wrong with it and is always a *Refusal.
func ReadPacket(frame []byte, maxBytes int) (*Packet, error) {
	p, refusal := readPacket(frame, maxBytes)
	if refusal != nil {
		return nil, refusal
	}
	return p, nil
}

func readPacket(frame []byte, maxBytes int) (*Packet, *Refusal) {
	if refusal := FrameTooLarge(len(frame), maxBytes); refusal != nil {
		return nil, refusal
	}
	made := new(arrived)
	p := &made.Packet
	p.Head, p.Runs, p.FrameBytes = &made.head, made.runs[:0], len(frame)
	var head []byte
	headEnd := 0
	budget := frameBudget{}
	r := fields{all: frame}
	var f field
	for {
		more, err := r.next(&f)
		if err != nil {
			return nil, err
		}
		if !more {
			break
		}
		switch {
		case f.number == 15 && f.typ == bytesType:
			p.Runs = append(p.Runs, Run{})
			if err := p.Runs[len(p.Runs)-1].read(f.bytes, &budget, &made.spare); err != nil {
				return nil, err
			}
		case f.number == 15:
			return nil, undecodable("Frame.run is not a message")
		case f.number == 16:
			return nil, undecodable("Frame.crc32c was not negotiated on this link")
		case f.number > 16 && f.number < 32:
			return nil, undecodable("Frame has the unknown field %d", f.number)
		case f.number < 15:
			if err := checkHeadType(&f); err != nil {
				return nil, err
			}
			if headEnd == f.start { // as nearly always: they stay where they are
				head, headEnd = frame[:f.end:f.end], f.end
			} else {
				head = append(head, frame[f.start:f.end]...)
			}
		} // 32 and above: a later version's, ignored
		if err := budget.entry(); err != nil {
			return nil, err
		}
	}
	if err := proto.Unmarshal(head, p.Head); err != nil {
		return nil, undecodable("the frame's head does not decode: %v", err)
	}
	return p, nil
}

// arrived is a packet that has come, with the memory of what most have: a head, and a run.
type arrived struct {
	Packet
	head pb.Frame
	runs [1]Run
	spare
}

// spare is memory for the first run of a packet that is packed, and for lists of one, which are read before the next run is.
type spare struct {
	packed packedRun
	ttls   [1]uint32
	types  [1]uint32
}

// checkHeadType refuses what protobuf-go would take for an unknown field.
func checkHeadType(f *field) *Refusal {
	want := bytesType
	if f.number == 3 || f.number == 4 {
		want = varintType
	}
	if f.typ != want {
		return undecodable("Frame's field %d has the wrong wire type", f.number)
	}
	return nil
}

// frameBudget bounds what a frame of empty entries could make its reader allocate.
type frameBudget struct{ items, entries int }

func (b *frameBudget) entry() *Refusal {
	if b.entries++; b.entries > MaxFrameItems {
		return undecodable("a frame has more than %d entries", MaxFrameItems)
	}
	return nil
}

func (b *frameBudget) item() *Refusal {
	if b.items++; b.items > MaxFrameItems {
		return undecodable("a frame has more than %d messages", MaxFrameItems)
	}
	return nil
}

func (run *Run) read(bytes []byte, budget *frameBudget, spare *spare) *Refusal {
	ttls, types := spare.ttls[:0], spare.types[:0]
	var p packer
	r := fields{all: bytes}
	var f field
	for {
		more, err := r.next(&f)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if f.number == 15 && f.typ == bytesType {
			if err := budget.item(); err != nil {
				return err
			}
			if p.add(bytes, &f) {
				continue
			}
			if run.Items == nil { // the others are as large as the first, mostly
				left := len(bytes) - r.at
				run.Items = p.items(bytes, min(left/(len(f.bytes)+2)+1, foreseenItems))
			}
			run.Items = append(run.Items, Item{Body: f.bytes})
		} else if err := run.set(&f, &ttls, &types); err != nil {
			return err
		}
	}
	if p.isWorthIt() && len(ttls) <= 1 && len(types) <= 1 {
		run.Packed = p.result(bytes, types, ttls, &spare.packed)
		return nil
	}
	if run.Items == nil && p.packed.Count > 0 {
		run.Items = p.items(bytes, 0)
	}
	err := run.spread(ttls, "Run.ttl_ms", func(i *Item, v uint32) { i.TTLMs = v })
	if err == nil {
		err = run.spread(types, "Run.type", func(i *Item, v uint32) { i.TypeID = v })
	}
	return err
}

func (run *Run) set(f *field, ttls, types *[]uint32) (err *Refusal) {
	switch {
	case f.number == 5:
		return readList(f, ttls, "Run.ttl_ms")
	case f.number == 7:
		return readList(f, types, "Run.type")
	case f.number == 15 || f.number <= 8 && f.typ != varintType:
		return undecodable("Run.%d has the wrong wire type", f.number)
	}
	switch f.number {
	case 1:
		run.Flow, err = narrow(f.num, "Run.flow")
	case 2:
		run.FirstSeq = f.num
	case 4:
		run.Attempt, err = narrow(f.num, "Run.attempt")
	case 6:
		run.Queued, err = narrow(f.num, "Run.queued")
	case 8:
		run.Hops, err = narrow(f.num, "Run.hops")
	} // 3, resolved: reliable modes only; 9-14 and above 15: a later version's
	return err
}

func narrow(v uint64, name string) (uint32, *Refusal) {
	if v > math.MaxUint32 {
		return 0, undecodable("%s = %d is over 32 bits", name, v)
	}
	return uint32(v), nil
}

func readList(f *field, list *[]uint32, name string) *Refusal {
	packed := fields{all: f.bytes}
	switch f.typ {
	case varintType:
		return addToList(f.num, list, name)
	case bytesType:
	default:
		return undecodable("%s has the wrong wire type", name)
	}
	for packed.at < len(packed.all) {
		v, err := packed.varint()
		if err != nil {
			return undecodable("%s ends inside a varint", name)
		}
		if err := addToList(v, list, name); err != nil {
			return err
		}
	}
	return nil
}

func addToList(v uint64, list *[]uint32, name string) *Refusal {
	if len(*list) == MaxFrameItems {
		return undecodable("%s has more than %d values", name, MaxFrameItems)
	}
	n, err := narrow(v, name)
	*list = append(*list, n)
	return err
}

func (run *Run) spread(list []uint32, name string, set func(*Item, uint32)) *Refusal {
	switch len(list) {
	case 0:
	case 1:
		for i := range run.Items {
			set(&run.Items[i], list[0])
		}
	case len(run.Items):
		for i, v := range list {
			set(&run.Items[i], v)
		}
	default:
		return undecodable("%s has %d values for %d messages: none, one, or one each", name, len(list), len(run.Items))
	}
	return nil
}

// MaxSize is the most bytes that Append appends; it is less by a few for each message.
func (p *Packet) MaxSize() int {
	size := 0
	if p.Head != nil {
		size = proto.Size(p.Head)
	}
	for i := range p.Runs {
		size += maxRunHead
		for _, item := range p.Runs[i].Items {
			size += maxItemHead + len(item.Body)
		}
		size += p.Runs[i].Packed.size()
	}
	return size
}

const (
	// maxRunHead is a run's own tag and length, and all its fields but the lists: a tag and a number each.
	maxRunHead = 6*(1+binary.MaxVarintLen64) + 2*(1+2*binary.MaxVarintLen32)
	// maxItemHead is an item's tag and length, and its places in both lists.
	maxItemHead = 1 + 3*binary.MaxVarintLen32
)

// Append appends the frame's bytes. It panics if the head holds a string that is not UTF-8, which only a bug can put there.
func (p *Packet) Append(out []byte) []byte {
	start := len(out)
	if p.Head != nil {
		var err error
		if out, err = (proto.MarshalOptions{Deterministic: true}).MarshalAppend(out, p.Head); err != nil {
			panic("wire: the packet's head does not encode: " + err.Error())
		}
	}
	for i := range p.Runs {
		run := &p.Runs[i]
		var room [128]byte
		head := run.appendHead(room[:0])
		size := len(head)
		for _, item := range run.Items {
			size += 1 + varintLen(uint64(len(item.Body))) + len(item.Body)
		}
		size += run.Packed.size()
		out = binary.AppendUvarint(out, 15<<3|uint64(bytesType))
		out = binary.AppendUvarint(out, uint64(size))
		out = append(out, head...)
		for _, item := range run.Items {
			out = appendBytes(out, 15, item.Body)
		}
		if run.Packed != nil {
			for _, piece := range run.Packed.Bytes {
				out = append(out, piece...)
			}
		}
	}
	p.FrameBytes = len(out) - start
	return out
}

func (run *Run) appendHead(out []byte) []byte {
	out = appendUint(out, 1, uint64(run.Flow))
	out = appendUint(out, 2, run.FirstSeq)
	out = appendUint(out, 4, uint64(run.Attempt))
	packed := run.Packed
	if packed == nil {
		out = appendList(out, 5, run.Items, func(i *Item) uint32 { return i.TTLMs })
	} else {
		out = appendSame(out, 5, packed.TTLMs)
	}
	out = appendUint(out, 6, uint64(run.Queued))
	if packed == nil {
		out = appendList(out, 7, run.Items, func(i *Item) uint32 { return i.TypeID })
	} else {
		out = appendSame(out, 7, packed.TypeID)
	}
	return appendUint(out, 8, uint64(run.Hops))
}

// appendSame appends the value that all messages have, if it is not 0.
func appendSame(out []byte, number, v uint32) []byte {
	if v == 0 {
		return out
	}
	out = binary.AppendUvarint(out, uint64(number)<<3|uint64(bytesType))
	out = binary.AppendUvarint(out, uint64(varintLen(uint64(v))))
	return binary.AppendUvarint(out, uint64(v))
}

// appendList appends one value a message: nothing if all are 0, one value if all are the same.
func appendList(out []byte, number uint32, items []Item, get func(*Item) uint32) []byte {
	if len(items) == 0 {
		return out
	}
	size, same, first := 0, true, get(&items[0])
	for i := range items {
		v := get(&items[i])
		size += varintLen(uint64(v))
		same = same && v == first
	}
	if same {
		return appendSame(out, number, first)
	}
	out = binary.AppendUvarint(out, uint64(number)<<3|uint64(bytesType))
	out = binary.AppendUvarint(out, uint64(size))
	for i := range items {
		out = binary.AppendUvarint(out, uint64(get(&items[i])))
	}
	return out
}
