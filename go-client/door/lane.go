package door

import "github.com/actorbridge/actorbridge/go-client/internal/wire"

// A Lane is a Link through memory that both sides share. Messages need not go in packets: what leaves is written at once, and what
// comes is taken in runs. Packets and messages keep the order in which they are written.
type Lane interface {
	Link
	// HasRoom says whether a message of so many bytes can be written now. If not, Room is called when it may be.
	HasRoom(bytes int) bool
	// Put writes a message that HasRoom has just said there is room for. It keeps nothing. The peer sees it after Publish.
	Put(LaneItem)
	// PutAll writes the messages of a run that begins with item, whose bytes are the payloads', as many as there is room for now, and
	// says how many. It keeps nothing.
	PutAll(item LaneItem, payloads [][]byte) int
	// Publish shows the peer what was put, and wakes it if it sleeps.
	Publish()
	// Granted is what the peer has granted on one of our flows in the memory: processed, and credit; 0, 0 = nothing.
	Granted(flow uint32) (processed, credit uint64)
	// WantCredit says on how many flows senders wait for credit. While there are any, the peer tells of what it grants. Look once more
	// after it.
	WantCredit(flows int)
	// Forget: a flow's number is for another stream from now on, and nothing is granted on it.
	Forget(flow uint32)
	// Grant grants credit on one of the peer's flows in the memory; true: the peer looks there, and need not be told. A grant may come
	// behind a newer one: it takes nothing back.
	Grant(flow uint32, processed, credit uint64) (silent bool)
	// TrySend writes a packet; false: there is no room now, and Room is called when there may be. All but Receive are called by
	// one goroutine at a time, never block, and are not called once Close has been.
	TrySend(*wire.Packet) bool
	// Receive hands over what comes, until the link is over, and says why it is. It takes the place of Recv.
	Receive(LaneReceiver) error
}

// A LaneItem is one message on its way out.
type LaneItem struct {
	// Flow is the binding; 0 = off-stream.
	Flow uint32
	// TypeID is the TypeDef; 0 = in Bytes.
	TypeID uint32
	// Seq is 0 off-stream.
	Seq uint64
	// TTLMs is milliseconds left; 0 = no deadline.
	TTLMs uint32
	// Hops counts the nodes that forwarded it.
	Hops uint32
	// Plain: Bytes are a payload, and the item has nothing else; else they are the item.
	Plain bool
	// Bytes are the sender's.
	Bytes []byte
}

// A LaneRun is messages of one flow that came together.
type LaneRun struct {
	// Flow, TypeID, TTLMs, Hops and Plain are as in [LaneItem], for all of them.
	Flow, TypeID, TTLMs, Hops uint32
	Plain                     bool
	// FirstSeq is the seq of the first; they rise by one. Off-stream, of all: the epoch of the actor's stay that they follow it to, or 0.
	FirstSeq uint64
	// Block is the bytes of all, one behind the other. It is the receiver's.
	Block []byte
	// Ends is where each of them ends in Block. It is the receiver's only until Run returns.
	Ends []uint32
}

// Len is how many messages it has.
func (r *LaneRun) Len() int { return len(r.Ends) }

// At is the bytes of a message.
func (r *LaneRun) At(i int) []byte {
	start := uint32(0)
	if i > 0 {
		start = r.Ends[i-1]
	}
	return r.Block[start:r.Ends[i]:r.Ends[i]]
}

// Longest is how many bytes the longest message has.
func (r *LaneRun) Longest() int {
	longest, start := uint32(0), uint32(0)
	for _, end := range r.Ends {
		longest, start = max(longest, end-start), end
	}
	return int(longest)
}

// Items is the same as messages of a packet.
func (r *LaneRun) Items() wire.Run {
	run := wire.Run{Flow: r.Flow, FirstSeq: r.FirstSeq, Hops: r.Hops, Items: make([]wire.Item, r.Len())}
	for i := range run.Items {
		body := r.At(i)
		if r.Plain {
			body = wire.AppendBody(nil, wire.BodyFields{}, body)
		}
		run.Items[i] = wire.Item{TypeID: r.TypeID, TTLMs: r.TTLMs, Body: body}
	}
	return run
}

// A LaneReceiver is handed what comes by a lane, in order, by one goroutine.
type LaneReceiver interface {
	// Packet is handed a packet without runs.
	Packet(*wire.Packet)
	// Run is handed messages. It is the caller's again when it returns, but for Block.
	Run(*LaneRun)
	// Refuse: the peer sent what does not parse.
	Refuse(*wire.Refusal)
	// Room: there may be room again for what found none.
	Room()
}
