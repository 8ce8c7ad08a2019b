package machine

import (
	"slices"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// lossyWire is how frames travel between any two nodes.
type lossyWire struct {
	// Chances in a thousand, for each frame but the first of each side: a link whose handshake is lost is a silent one.
	drop, dropAcks, repeat, swap int
	// Each frame takes latency and up to jitter.
	latency, jitter int
	// rate is how many bytes leave in a millisecond, slice by slice; 0 = at once. A frame has come with its last byte.
	rate int
}

// sendBuffer is how many bytes lie between two nodes before a writer has to wait.
const sendBuffer = 100_000

// lossyFrame is a frame on its way; without bytes it is the end of the connection.
type lossyFrame struct {
	at    Millis
	bytes []byte
}

// pipe is one direction of a connection.
type pipe struct {
	frames []lossyFrame
	// freeAt is when the last frame has left, last when it comes, count how many have left.
	freeAt, last Millis
	count        int
}

func (p *pipe) bytes() (n int) {
	for _, f := range p.frames {
		n += len(f.bytes)
	}
	return n
}

// lossyConn is a connection: two link machines, and the frames between them. The sender's end is 0, the receiver's 1.
type lossyConn struct {
	world  *lossyWorld
	sender *lossySender
	number uint64
	ends   [2]*Link
	pipes  [2]pipe // to each end
	read   [2]uint64
	// closed: this end is over, and does nothing any more.
	closed [2]bool
	flows  map[uint32]*lossyStream // at the receiver
}

func (s *lossySender) dial() {
	w := s.world
	w.conns++
	w.seen.links++
	s.epoch++
	c := &lossyConn{world: w, sender: s, number: w.conns, flows: make(map[uint32]*lossyStream)}
	for end, config := range []Config{
		{Role: Dialer, Node: s.name, Incarnation: s.incarnation, LinkEpoch: s.epoch},
		{Role: Acceptor, Node: "receiver", Incarnation: w.receiver.incarnation},
	} {
		config.MinProtocol, config.MaxProtocol = MinProtocol, MaxProtocol
		config.Capabilities = []uint32{uint32(pb.Capability_CAPABILITY_FRAGMENTS)}
		config.Limits = &pb.Limits{PingMs: lossyPing, InlineBytes: w.inline, AssemblyBytes: 200_000}
		c.ends[end] = NewLink(config, w.now)
	}
	s.conn = c
	s.conns = append(s.conns, c)
}

// poll puts what an end has to say on its way, as far as the wire takes it.
func (c *lossyConn) poll(end int) {
	w, p := c.world, &c.pipes[1-end]
	if c.closed[end] || p.freeAt > w.now || p.bytes() > sendBuffer {
		return
	}
	packet, actions := c.ends[end].Poll(w.now, nil)
	c.act(end, actions)
	if packet == nil {
		return
	}
	frame, state := packet.Append(nil), len(packet.Head.State) > 0
	isFirst := p.count == 0
	p.count++
	if w.wire.rate > 0 {
		p.freeAt = w.now + Millis(len(frame)/w.wire.rate)
	}
	at := max(p.freeAt, w.now) + Millis(w.wire.latency+w.IntN(w.wire.jitter+1))
	if isFirst {
		p.push(at, frame)
		return
	}
	isAck := end == 1 && state
	if w.IntN(1000) < w.wire.drop || isAck && w.IntN(1000) < w.wire.dropAcks {
		return
	}
	p.push(at, frame)
	if w.IntN(1000) < w.wire.repeat {
		p.push(at, frame)
	}
	if n := len(p.frames); n > 1 && w.IntN(1000) < w.wire.swap {
		p.frames[n-1].bytes, p.frames[n-2].bytes = p.frames[n-2].bytes, p.frames[n-1].bytes
	}
}

// push: what left later does not come earlier.
func (p *pipe) push(at Millis, frame []byte) {
	p.last = max(p.last, at)
	p.frames = append(p.frames, lossyFrame{p.last, frame})
}

// carry brings an end the next frame, if it has come.
func (c *lossyConn) carry(end int) {
	w, p := c.world, &c.pipes[end]
	if c.closed[end] || len(p.frames) == 0 || p.frames[0].at > w.now || c.sender.blocked[end] > w.now {
		return
	}
	frame := p.frames[0].bytes
	p.frames = p.frames[1:]
	if frame == nil {
		c.act(end, c.ends[end].Lost("the connection ended", nil))
		return
	}
	packet, err := wire.ReadPacket(frame, wire.MaxFrameBytes)
	if err != nil {
		w.fail("a frame does not parse: %v", err)
		return
	}
	if c.read[end]++; w.trusting {
		packet.Head.Number = c.read[end]
	}
	if end == 1 && packet.Head.Hello != nil && !w.receiver.admits(c) {
		return
	}
	c.act(end, c.ends[end].Receive(packet, nil))
	w.receiver.grant()
}

// act does what a machine says.
func (c *lossyConn) act(end int, actions []Action) {
	for i := range actions {
		if end == 0 {
			c.sender.act(c, &actions[i])
		} else {
			c.world.receiver.act(c, &actions[i])
		}
	}
}

// hangUp: an end that is down has its last word, and the connection ends behind it.
func (c *lossyConn) hangUp() {
	for end, link := range c.ends {
		if !c.closed[end] && link.Phase() == PhaseDown {
			c.pipes[1-end].freeAt = 0
			c.poll(end)
			c.close(end, false)
		}
	}
}

// close: an end is over. Silently: the other end does not hear of it.
func (c *lossyConn) close(end int, silently bool) {
	if c.closed[end] {
		return
	}
	c.closed[end] = true
	c.pipes[end] = pipe{}
	other := &c.pipes[1-end]
	if !silently {
		other.push(c.world.now, nil)
	}
	if c.closed[1-end] {
		c.sender.conns = slices.DeleteFunc(c.sender.conns, func(other *lossyConn) bool { return other == c })
	}
}

// cut: the connection is reset, and what was on its way is lost.
func (c *lossyConn) cut() {
	for end := range c.pipes {
		if !c.closed[end] {
			c.pipes[end] = pipe{frames: []lossyFrame{{at: c.world.now}}, last: c.world.now, count: 1}
		}
	}
}
