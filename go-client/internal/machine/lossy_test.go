package machine

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"os"
	"strconv"
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// Two nodes whose link loses, repeats and reorders frames, and which dial again when it is over. The shells are models: an actor that
// handles what comes, one after the other, and senders that note what they are told of each message. In the end each message was
// handled once, or its sender was told that nobody knows; one that was answered UNAVAILABLE was never handled.

// faults are chances in a thousand, for each frame.
type faults struct {
	drop, dropAcks, repeat, swap int
}

// mutant is a shell or a reader that does something wrong, to see that it is found.
type mutant struct {
	// trusting: the reader does not look at the numbers of frames.
	trusting bool
	// certain: a sender says of each ask of a lost link that it was not handled.
	certain bool
	// silent: a sender does not say of which tells nobody knows.
	silent bool
	// eager: a sender sends those again.
	eager bool
}

// fate is what a sender knows of a message.
type fate int

const (
	fateSent    fate = iota
	fateReplied      // an ask
	fateNone         // an ask: certainly not handled
	fateUnknown
)

type lossyMessage struct {
	stream, seq uint64
	isAsk       bool
	link        int // the number of the link that it went by
	flow        uint32
	fate        fate
	handled     int
}

type lossyStream struct {
	id, next uint64
	flow     uint32
	binding  uint32
	// heard is the last seq that the actor was given, granted the highest that it has allowed.
	heard, granted uint64
	// lastMessage is the last that was handled, by the order of sending.
	lastMessage int
}

// mail is what waits at the receiver.
type mail struct {
	link    int
	flow    uint32
	seq     uint64
	message int
}

// lossyWorld is both nodes, and the frames between them.
type lossyWorld struct {
	*rand.Rand
	faults
	mutant
	now      Millis
	links    int
	ends     [2]*Link
	pipes    [2][][]byte // to each end
	read     [2]uint64   // the last frame's number, as a trusting reader sees it
	streams  []*lossyStream
	byFlow   map[uint32]*lossyStream // at the receiver
	messages []*lossyMessage         // its number less one is an ask's correlation
	mailbox  []mail
	again    []int // what an eager sender sends once more
	wrong    string
}

func (w *lossyWorld) fail(format string, args ...any) {
	if w.wrong == "" {
		w.wrong = fmt.Sprintf(format, args...)
	}
}

// lossyWalk is what went wrong in so many steps; "" = nothing did.
func lossyWalk(seed uint64, steps int, f faults, m mutant) (wrong string, links int) {
	w := &lossyWorld{Rand: rand.New(rand.NewPCG(seed, 1)), faults: f, mutant: m, now: 1000}
	for id := range uint64(3) {
		w.streams = append(w.streams, &lossyStream{id: id + 1, next: 1, lastMessage: -1})
	}
	w.dial()
	for range steps {
		w.step()
	}
	w.faults = faults{}
	for range 200 { // to rest, without faults
		w.now += 100
		for end := range w.ends {
			w.poll(end)
			w.carry(end)
			w.act(end, w.ends[end].Tick(w.now, nil))
		}
		w.handle()
		w.redial()
	}
	w.settled()
	return w.wrong, w.links
}

// dial makes a link. Its handshake is not hurt.
func (w *lossyWorld) dial() {
	w.links++
	for end, role := range []Role{Dialer, Acceptor} {
		w.ends[end] = NewLink(Config{
			Role: role, Node: []string{"left", "right"}[end], Incarnation: uint64(end + 1), LinkEpoch: uint64(w.links),
			MinProtocol: 1, MaxProtocol: 1, Capabilities: []uint32{uint32(pb.Capability_CAPABILITY_FRAGMENTS)},
			Limits: &pb.Limits{PingMs: 5000, InlineBytes: 1_024, AssemblyBytes: 200_000},
		}, w.now)
	}
	w.pipes, w.read, w.byFlow = [2][][]byte{}, [2]uint64{}, make(map[uint32]*lossyStream)
	saved := w.faults
	w.faults = faults{}
	for range 3 {
		for end := range w.ends {
			w.poll(end)
		}
		for end := range w.ends {
			w.carry(end)
		}
	}
	w.faults = saved
	for _, s := range w.streams {
		s.binding++
		who := wire.NewWho("ab:///a", fmt.Sprint("ab:///", s.id), "ab://left/a")
		flow, refused := w.ends[0].Open(s.id, who.Bytes, s.next, Binding{Number: s.binding})
		if refused != nil {
			w.fail("a stream is not opened: %v", refused)
		}
		s.flow = flow
	}
}

func (w *lossyWorld) step() {
	w.now += Millis(w.IntN(20))
	switch n := w.IntN(12); {
	case n < 4:
		w.send(w.streams[w.IntN(len(w.streams))], w.IntN(3) == 0)
		if w.IntN(10) == 0 {
			w.cancel()
		}
	case n < 7:
		w.poll(w.IntN(2))
	case n < 10:
		w.carry(w.IntN(2))
	case n < 11:
		w.handle()
	default:
		end := w.IntN(2)
		w.act(end, w.ends[end].Tick(w.now, nil))
	}
	w.redial()
}

func (w *lossyWorld) send(s *lossyStream, isAsk bool) {
	m := &lossyMessage{stream: s.id, isAsk: isAsk}
	if w.transmit(len(w.messages), m) {
		w.messages = append(w.messages, m)
	}
}

// cancel gives up the newest message, if it is an ask: nobody cares what becomes of it, but no other may be hurt.
func (w *lossyWorld) cancel() {
	if n := len(w.messages); n > 0 && w.messages[n-1].isAsk && w.messages[n-1].fate == fateSent && w.messages[n-1].link == w.links {
		m := w.messages[n-1]
		m.fate = fateUnknown
		w.act(0, w.ends[0].Cancel(m.flow, m.seq, nil))
	}
}

func (w *lossyWorld) transmit(number int, m *lossyMessage) (queued bool) {
	kind, fields := pb.Kind_KIND_TELL, wire.BodyFields{}
	if m.isAsk {
		kind, fields.Correlation = pb.Kind_KIND_ASK, uint64(number+1)
	}
	what, s := wire.NewWhat(kind, "lossy.v1.Message", 1, 1, 0), w.streams[m.stream-1]
	payload := binary.LittleEndian.AppendUint64(nil, uint64(number))
	if w.IntN(12) == 0 { // in parts
		payload = append(payload, make([]byte, w.IntN(90_000))...)
	}
	sent := Sent{Result: SendNoCredit}
	if !m.isAsk && w.IntN(2) == 0 {
		if last, queued := w.ends[0].SendAll(s.flow, what, [][]byte{payload}); queued == 1 {
			sent = Sent{Seq: last}
		}
	}
	if sent.Result != SendQueued {
		sent = w.ends[0].Send(s.flow, what, 0, 0, wire.AppendBody(nil, fields, payload))
	}
	if sent.Result != SendQueued {
		return false
	}
	m.link, m.flow, m.seq, s.next = w.links, s.flow, sent.Seq, sent.Seq+1
	return true
}

// poll puts what an end has to say on its way, as far as the faults let it.
func (w *lossyWorld) poll(end int) {
	packet, actions := w.ends[end].Poll(w.now, nil)
	w.act(end, actions)
	if packet == nil {
		return
	}
	frame, pipe := packet.Append(nil), &w.pipes[1-end]
	isAck := end == 1 && len(packet.Head.State) > 0
	if w.IntN(1000) < w.drop || isAck && w.IntN(1000) < w.dropAcks {
		return
	}
	*pipe = append(*pipe, frame)
	if w.IntN(1000) < w.repeat {
		*pipe = append(*pipe, frame)
	}
	if n := len(*pipe); n > 1 && w.IntN(1000) < w.swap {
		(*pipe)[n-1], (*pipe)[n-2] = (*pipe)[n-2], (*pipe)[n-1]
	}
}

// carry brings an end the next frame.
func (w *lossyWorld) carry(end int) {
	if len(w.pipes[end]) == 0 {
		return
	}
	packet, err := wire.ReadPacket(w.pipes[end][0], wire.MaxFrameBytes)
	w.pipes[end] = w.pipes[end][1:]
	if err != nil {
		w.fail("a frame does not parse: %v", err)
		return
	}
	w.read[end]++
	if w.trusting {
		packet.Head.Number = w.read[end]
	}
	w.act(end, w.ends[end].Receive(packet, nil))
}

// act does what a machine says.
func (w *lossyWorld) act(end int, actions []Action) {
	for _, a := range actions {
		switch {
		case a.Kind == ActionOpened:
			s := w.streams[a.Stream-1]
			w.byFlow[a.Flow], s.granted = s, a.Seq+InitialCredit-1
		case a.Kind == ActionDeliver && end == 1:
			w.deliver(a.Delivery)
		case a.Kind == ActionDeliver:
			w.reply(a.Delivery)
		case a.Kind == ActionDown && end == 0:
			w.ended(a.Down.LastFrame)
		}
	}
}

func (w *lossyWorld) deliver(d Delivery) {
	var e wire.Envelope
	if refusal := e.ReadBody(d.Body, 0); refusal != nil || len(e.Payload) < 8 {
		w.fail("%.20x came", d.Body)
		return
	}
	s, message := w.byFlow[d.Flow], int(binary.LittleEndian.Uint64(e.Payload))
	switch {
	case s == nil || w.messages[message].stream != s.id || w.messages[message].seq != d.Seq:
		w.fail("message %d came as seq %d of another stream", message, d.Seq)
		return
	case d.Seq <= s.heard:
		w.fail("seq %d of stream %d came after %d", d.Seq, s.id, s.heard)
	case d.Seq > s.granted:
		w.fail("seq %d of stream %d is beyond its credit of %d", d.Seq, s.id, s.granted)
	}
	s.heard = d.Seq
	w.mailbox = append(w.mailbox, mail{w.links, d.Flow, d.Seq, message})
}

// handle handles the oldest message that waits, says so, and answers an ask by the link that there is.
func (w *lossyWorld) handle() {
	if len(w.mailbox) == 0 {
		return
	}
	next := w.mailbox[0]
	w.mailbox = w.mailbox[1:]
	m := w.messages[next.message]
	s := w.streams[m.stream-1]
	if m.handled++; m.handled > 1 {
		w.fail("message %d was handled twice", next.message)
	}
	if m.fate == fateNone {
		w.fail("message %d was handled, and its sender was told that it was not", next.message)
	}
	if next.message <= s.lastMessage {
		w.fail("message %d was handled after %d", next.message, s.lastMessage)
	}
	s.lastMessage = next.message
	if next.link == w.links {
		s.granted = max(s.granted, next.seq+InitialCredit)
		w.ends[1].State(next.flow, next.seq, s.granted, false)
	}
	if m.isAsk {
		var payload []byte
		if w.IntN(12) == 0 {
			payload = make([]byte, w.IntN(90_000))
		}
		body := wire.AppendBody(nil, wire.BodyFields{Correlation: uint64(next.message + 1)}, payload)
		w.ends[1].SendOffStream(wire.NewWhat(pb.Kind_KIND_REPLY, "lossy.v1.Reply", 1, 1, 0), body)
	}
}

// reply settles an ask. One that was settled before keeps its outcome: its slot is gone.
func (w *lossyWorld) reply(d Delivery) {
	m := w.messages[d.Correlation-1]
	if m.handled != 1 {
		w.fail("message %d was handled %d times when its reply came", d.Correlation-1, m.handled)
	}
	if m.fate == fateSent {
		m.fate = fateReplied
	}
}

// ended: the sender's end of the link is over, and it says what became of the messages that it sent by it.
func (w *lossyWorld) ended(last LastFrame) {
	unknown := make(map[[2]uint64]bool)
	for _, r := range w.ends[0].Unknown() {
		for seq := r.First; seq <= r.Last; seq++ {
			unknown[[2]uint64{r.Stream, seq}] = true
		}
	}
	for number, m := range w.messages {
		switch {
		case m.link != w.links || m.fate != fateSent:
		case m.isAsk && (w.certain || w.ends[0].NeverLeft(m.flow, m.seq, last)):
			if m.fate = fateNone; m.handled > 0 {
				w.fail("message %d was handled, and its sender is told that it was not", number)
			}
		case m.isAsk:
			m.fate = fateUnknown
		case unknown[[2]uint64{m.stream, m.seq}] && w.eager:
			w.again = append(w.again, number)
		case unknown[[2]uint64{m.stream, m.seq}] && !w.silent:
			m.fate = fateUnknown
		}
	}
}

// redial brings the last words of an end that is over to the other one, ends that too, and links them again.
func (w *lossyWorld) redial() {
	if w.ends[0].Phase() != PhaseDown && w.ends[1].Phase() != PhaseDown {
		return
	}
	for end := range w.ends {
		w.poll(end)
	}
	for end := range w.ends {
		for len(w.pipes[end]) > 0 && w.ends[end].Phase() != PhaseDown {
			w.carry(end)
		}
		w.act(end, w.ends[end].Lost("the connection ended", nil))
	}
	w.dial()
	for _, number := range w.again {
		w.transmit(number, w.messages[number])
	}
	w.again = nil
}

// settled: at rest, each message is accounted for.
func (w *lossyWorld) settled() {
	for _, s := range w.streams {
		what := wire.NewWhat(pb.Kind_KIND_TELL, "lossy.v1.Message", 1, 1, 0)
		if sent := w.ends[0].Send(s.flow, what, 0, 0, make([]byte, 60_000)); sent.Result != SendQueued {
			w.fail("stream %d takes nothing any more: %+v", s.id, sent)
		}
	}
	for end := range w.ends {
		if held := w.ends[end].coming.unprocessed + w.ends[end].coming.begun; held != 0 {
			w.fail("%d bytes of large messages are held at rest", held)
		}
	}
	for number, m := range w.messages {
		switch {
		case len(w.mailbox) > 0:
			w.fail("%d messages wait for ever", len(w.mailbox))
		case m.isAsk && m.fate == fateSent:
			w.fail("ask %d (seq %d of stream %d, link %d of %d) has no outcome", number, m.seq, m.stream, m.link, w.links)
		case m.fate == fateSent && m.handled != 1:
			w.fail("tell %d (seq %d of stream %d, link %d of %d) was lost, and nobody was told", number, m.seq, m.stream, m.link, w.links)
		}
	}
}

// lossyFaults are rows 1 to 4 of what may happen to frames, and all at once.
var lossyFaults = map[string]faults{
	"none":    {},
	"drop":    {drop: 30},
	"no acks": {dropAcks: 60},
	"repeat":  {repeat: 30},
	"swap":    {swap: 30},
	"all":     {drop: 10, dropAcks: 10, repeat: 10, swap: 10},
}

func TestEachMessageIsHandledOnceOrToldWhateverHappensToFrames(t *testing.T) {
	for name, f := range lossyFaults {
		links := 0
		for seed := range lossySeeds(t) {
			wrong, n := lossyWalk(seed, 600, f, mutant{})
			if wrong != "" {
				t.Fatalf("%s, seed %d: %s", name, seed, wrong)
			}
			links += n - 1
		}
		if hurts := name != "none"; hurts != (links > 0) {
			t.Errorf("%s: %d links were lost", name, links)
		}
	}
}

func TestTheSimulationFindsWhatANodeMustNotDo(t *testing.T) {
	for name, m := range map[string]mutant{
		"reads frames out of order": {trusting: true}, "says of each ask that it was not handled": {certain: true},
		"does not say what may be lost": {silent: true}, "sends again what may have come": {eager: true},
	} {
		found := 0
		for seed := range uint64(30) {
			if wrong, _ := lossyWalk(seed, 600, lossyFaults["all"], m); wrong != "" {
				found++
			}
		}
		t.Logf("who %s is found in %d of 30 seeds", name, found)
		if found == 0 {
			t.Errorf("who %s is not found", name)
		}
	}
}

// lossySeeds is how many walks there are of each kind of fault; `make soak` sets LOSSY_SEEDS.
func lossySeeds(t *testing.T) uint64 {
	text := os.Getenv("LOSSY_SEEDS")
	if text == "" {
		return 25
	}
	n, err := strconv.ParseUint(text, 10, 32)
	if err != nil {
		t.Fatalf("LOSSY_SEEDS: %v", err)
	}
	return n
}
