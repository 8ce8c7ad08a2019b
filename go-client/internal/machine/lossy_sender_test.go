package machine

import (
	"encoding/binary"
	"fmt"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// fate is what a sender knows of a message.
type fate int

const (
	fateSent    fate = iota
	fateReplied      // an ask
	fateRefused      // certainly not handled: the receiver says so, or it never left
	fateUnknown      // nobody knows
	fateExpired      // an ask whose time is over
	fateGone         // its sender's process is no more: there is nobody to be told
)

// oddity is what of a message the receiver does not know.
type oddity int

const (
	oddNothing oddity = iota
	oddKind
	oddCodec
	oddVersion
)

type lossyMessage struct {
	number      int
	stream      *lossyStream
	isAsk       bool
	odd         oddity
	deadline    Millis // 0 = none
	correlation uint64
	// conn, flow and seq are where it was sent last.
	conn *lossyConn
	flow uint32
	seq  uint64
	fate fate
	// handled is how often, letter whether the receiver has it in its dead letters, died whether it was held by a process that is no more.
	handled      int
	letter, died bool
}

// lossyStream is a stream to the actor, and its session.
type lossyStream struct {
	id, next uint64
	flow     uint32
	binding  uint32
	// heard is the last seq that the actor was given, lastMessage the last that it has handled, by the order of sending.
	heard       uint64
	lastMessage int
}

type lossySender struct {
	world       *lossyWorld
	name        string
	incarnation uint64
	epoch       uint64
	streams     []*lossyStream
	asks        *Asks[int]
	conn        *lossyConn   // the newest
	conns       []*lossyConn // those of which an end is not over
	redialAt    Millis
	// blocked: what is on its way to each end comes no earlier.
	blocked [2]Millis
	again   []*lossyMessage // what an eager sender sends once more
}

func newLossySender(w *lossyWorld, number int) *lossySender {
	s := &lossySender{world: w, name: fmt.Sprint("sender", number)}
	s.begin()
	return s
}

// begin is the start of a process.
func (s *lossySender) begin() {
	s.incarnation, s.epoch, s.streams, s.again = s.world.Uint64(), 0, nil, nil
	s.asks = NewAsks[int](s.incarnation)
	for range 3 {
		s.streams = append(s.streams, &lossyStream{id: s.world.Uint64(), next: 1, lastMessage: -1})
	}
	s.dial()
}

// restart: the process dies, and another begins under its name. Silently: its connections do not end.
func (s *lossySender) restart(silently bool) {
	for _, m := range s.world.messages {
		if m.conn.sender == s && m.fate == fateSent {
			m.fate = fateGone
		}
	}
	for _, c := range append([]*lossyConn(nil), s.conns...) {
		c.close(0, silently)
	}
	s.world.seen.restarts++
	s.begin()
}

// isUp: messages may be sent.
func (s *lossySender) isUp() bool { return !s.conn.closed[0] && s.conn.ends[0].IsUp() }

// someConn is a connection of which an end is not over, or nil.
func (s *lossySender) someConn() *lossyConn {
	if len(s.conns) == 0 {
		return nil
	}
	return s.conns[s.world.IntN(len(s.conns))]
}

func (s *lossySender) redial() {
	if s.conn.closed[0] && s.world.now >= s.redialAt {
		s.dial()
	}
}

// send sends a message, if that can be.
func (s *lossySender) send() (sent bool) {
	w := s.world
	m := &lossyMessage{number: len(w.messages), stream: s.streams[w.IntN(len(s.streams))], isAsk: w.oneIn(3)}
	if w.IntN(1000) < w.traffic.odd {
		m.odd = oddity(w.between(1, 3))
		m.isAsk = m.isAsk && m.odd != oddKind
	}
	if w.IntN(1000) < w.traffic.hasty {
		m.deadline = w.now + 1 + w.Uint64N(w.traffic.within)
	} else if m.isAsk {
		m.deadline = w.now + 10_000
	}
	return s.sendNew(m)
}

// sendNew sends this message for the first time.
func (s *lossySender) sendNew(m *lossyMessage) (sent bool) {
	if !s.isUp() {
		return false
	}
	if m.isAsk {
		m.correlation, _ = s.asks.Begin(m.deadline, m.number)
	}
	if !s.transmit(m) {
		if m.isAsk {
			s.asks.End(m.correlation)
		}
		return false
	}
	s.world.messages = append(s.world.messages, m)
	return true
}

func (m *lossyMessage) what() *wire.What {
	kind, version, codec := pb.Kind_KIND_TELL, uint32(1), pb.ContentType_CONTENT_TYPE_PROTOBUF
	if m.isAsk {
		kind = pb.Kind_KIND_ASK
	}
	switch m.odd {
	case oddKind:
		kind = pb.Kind(200)
	case oddCodec:
		codec = pb.ContentType(77)
	case oddVersion:
		version = 9
	}
	return wire.NewWhat(kind, "lossy.v1.Message", version, version, codec)
}

func (s *lossySender) transmit(m *lossyMessage) (queued bool) {
	w, link := s.world, s.conn.ends[0]
	payload := binary.LittleEndian.AppendUint64(nil, uint64(m.number))
	if w.oneIn(8) || w.traffic.heavy {
		payload = append(payload, make([]byte, w.IntN(int(w.inline)-100))...)
	} else if w.oneIn(16) { // in parts
		payload = append(payload, make([]byte, w.IntN(60_000))...)
	}
	sent := Sent{Result: SendNoCredit}
	if !m.isAsk && m.deadline == 0 && w.oneIn(2) {
		if last, queued := link.SendAll(m.stream.flow, m.what(), [][]byte{payload}); queued == 1 {
			sent = Sent{Seq: last}
		}
	}
	if sent.Result != SendQueued {
		body := wire.AppendBody(nil, wire.BodyFields{Correlation: m.correlation}, payload)
		sent = link.Send(m.stream.flow, m.what(), m.deadline, 0, body)
	}
	switch sent.Result {
	case SendNoCredit:
		w.seen.noCredit++
	case SendNoRoom:
		w.seen.noRoom++
	case SendRefused:
		w.fail("message %d is refused by a link that is up: %v", m.number, sent.Refusal)
	case SendQueued:
		m.conn, m.flow, m.seq, m.stream.next = s.conn, m.stream.flow, sent.Seq, sent.Seq+1
		return true
	}
	return false
}

// cancel gives up the newest ask: nobody cares what becomes of it, but no other may be hurt.
func (s *lossySender) cancel() {
	for i := len(s.world.messages) - 1; i >= 0; i-- {
		if m := s.world.messages[i]; m.conn == s.conn && m.isAsk && m.fate == fateSent {
			s.asks.End(m.correlation)
			s.giveUp(m, fateUnknown)
			return
		}
	}
}

func (s *lossySender) giveUp(m *lossyMessage, f fate) {
	m.fate = f
	if m.conn == s.conn && s.isUp() {
		s.conn.act(0, s.conn.ends[0].Cancel(m.flow, m.seq, nil))
	}
}

// expire ends the asks whose time is over.
func (s *lossySender) expire() {
	for _, ask := range s.asks.Expire(s.world.now, nil) {
		s.world.seen.expired++
		s.giveUp(s.world.messages[ask.Waiter], fateExpired)
	}
}

// act does what the sender's end of a link says.
func (s *lossySender) act(c *lossyConn, a *Action) {
	switch a.Kind {
	case ActionUp:
		s.bind(c)
	case ActionDeliver:
		s.answered(&a.Delivery)
	case ActionRefused:
		s.refused(c, a)
	case ActionBadItem:
		s.world.fail("an answer is refused: %v", a.Refusal)
	case ActionDown:
		s.redialAt = s.world.now + Millis(s.world.IntN(200))
		s.world.seen.down(c.ends[0])
		s.ended(c, a.Down.LastFrame)
	}
}

func (s *lossySeen) down(link *Link) {
	s.lost++
	if link.RefusedFor() == pb.RefusalReason_REFUSAL_REASON_SILENT {
		s.silent++
	}
}

// bind: the link is up, and each stream goes on where it was, unless the link is to end at once.
func (s *lossySender) bind(c *lossyConn) {
	if !c.ends[0].IsUp() {
		return
	}
	for _, stream := range s.streams {
		stream.binding++
		who := wire.NewWho("ab:///a", fmt.Sprint("ab:///", stream.id), "ab://sender/a")
		flow, refused := c.ends[0].Open(stream.id, who.Bytes, stream.next, Binding{Number: stream.binding})
		if refused != nil {
			s.world.fail("a stream is not opened: %v", refused)
		}
		stream.flow = flow
	}
	again := s.again
	s.again = nil
	for _, m := range again {
		s.transmit(m)
	}
}

// answered settles an ask. One that was settled before keeps its outcome: its slot is gone.
func (s *lossySender) answered(d *Delivery) {
	w := s.world
	var e wire.Envelope
	if refusal := e.ReadBody(d.Body, 0); refusal != nil {
		w.fail("an answer cannot be read: %v", refusal)
		return
	}
	number, waits := s.asks.End(d.Correlation)
	if !waits {
		w.seen.late++
		return
	}
	m := w.messages[number]
	if d.Kind == uint32(pb.Kind_KIND_FAILURE) {
		m.fate = fateRefused
		return
	}
	if got := int(binary.LittleEndian.Uint64(e.Payload)); got != number {
		w.fail("the answer to message %d came for message %d", got, number)
	}
	if m.handled != 1 {
		w.fail("message %d was handled %d times when its reply came", number, m.handled)
	}
	m.fate = fateReplied
}

// refused: the receiver says of a message that it was not handled.
func (s *lossySender) refused(c *lossyConn, a *Action) {
	m := s.world.sentAt(c, a.Flow, a.Outcome.Seq)
	if m == nil {
		s.world.fail("seq %d of flow %d is refused, and was not sent", a.Outcome.Seq, a.Flow)
		return
	}
	if m.fate == fateSent {
		m.fate = fateRefused
		s.asks.End(m.correlation)
	}
}

// sentAt is the message with this seq.
func (w *lossyWorld) sentAt(c *lossyConn, flow uint32, seq uint64) *lossyMessage {
	for i := len(w.messages) - 1; i >= 0; i-- {
		if m := w.messages[i]; m.conn == c && m.flow == flow && m.seq == seq {
			return m
		}
	}
	return nil
}

// ended: the sender's end of the link is over, and it says what became of the messages that it sent by it.
func (s *lossySender) ended(c *lossyConn, last LastFrame) {
	unknown := make(map[[2]uint64]bool)
	for _, r := range c.ends[0].Unknown() {
		for seq := r.First; seq <= r.Last; seq++ {
			unknown[[2]uint64{r.Stream, seq}] = true
		}
	}
	for _, m := range s.world.messages {
		isUnknown := unknown[[2]uint64{m.stream.id, m.seq}]
		switch {
		case m.conn != c || m.fate != fateSent:
		case m.isAsk:
			s.asks.End(m.correlation)
			if m.fate = fateUnknown; s.world.certain || c.ends[0].NeverLeft(m.flow, m.seq, last) {
				m.fate = fateRefused
			}
			if m.fate == fateRefused && m.handled > 0 {
				s.world.fail("message %d was handled, and its sender is told that it was not", m.number)
			}
		case isUnknown && s.world.eager:
			s.again = append(s.again, m)
		case isUnknown && !s.world.silent:
			m.fate = fateUnknown
		}
	}
}
