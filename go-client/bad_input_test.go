package actorbridge_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// stranger is a peer that says what no node says.
type stranger struct {
	t      *testing.T
	link   door.Link
	number uint64
	came   chan *wire.Packet // closed when the link is over,
	over   error             // and why
}

// strange dials a node, and says nothing yet.
func strange(t *testing.T, address string) *stranger {
	return strangeBy(t, remote.Door(address))
}

func strangeBy(t *testing.T, by door.Door) *stranger {
	link, err := by.Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := &stranger{t: t, link: link, came: make(chan *wire.Packet, 64)}
	read := make(chan struct{})
	go func() {
		defer close(read)
		defer close(s.came)
		for {
			var p *wire.Packet
			if p, s.over = link.Recv(); s.over != nil {
				return
			}
			s.came <- p
		}
	}()
	t.Cleanup(func() {
		link.Close()
		receive(t, "the end of the stranger's reader", read)
	})
	return s
}

// says sends a frame; its number is counted unless it has one.
func (s *stranger) says(head *actorbridgev1.Frame, runs ...wire.Run) {
	s.t.Helper()
	s.number++
	if head.Number == 0 {
		head.Number = s.number
	}
	if err := s.link.Send(&wire.Packet{Head: head, Runs: runs}); err != nil {
		s.t.Fatal(err)
	}
}

func hello(lowest, highest uint32) *actorbridgev1.Frame {
	return &actorbridgev1.Frame{Hello: &actorbridgev1.Hello{
		MinProtocol: lowest, MaxProtocol: highest, Node: "stranger", Incarnation: 7, LinkEpoch: 1, Lanes: 1,
	}}
}

// greets makes the handshake, and binds flow 1 to a worker.
func (s *stranger) greets() {
	s.t.Helper()
	s.says(hello(1, 1))
	s.until("the Welcome", func(p *wire.Packet) bool { return p.Head.GetWelcome() != nil })
	s.binds(1, "ab:///worker")
}

func (s *stranger) binds(flow uint32, target string) {
	s.t.Helper()
	s.says(&actorbridgev1.Frame{Open: []*actorbridgev1.StreamOpen{{
		Flow: flow, Stream: uint64(flow), Epoch: 1, Mode: actorbridgev1.Mode_MODE_FLOW, FirstSeq: 1,
		Prefix: wire.NewWho("", target, "ab://stranger/system").Bytes,
	}}})
}

func (s *stranger) sends(flow uint32, seq uint64, ttlMs uint32, body []byte) {
	s.t.Helper()
	s.says(&actorbridgev1.Frame{}, wire.Run{Flow: flow, FirstSeq: seq, Items: []wire.Item{{TTLMs: ttlMs, Body: body}}})
}

// until reads up to the packet that is it.
func (s *stranger) until(what string, is func(*wire.Packet) bool) {
	s.t.Helper()
	timer := time.NewTimer(long)
	defer timer.Stop()
	for {
		select {
		case p, ok := <-s.came:
			if !ok {
				s.t.Fatalf("the link ended before %s", what)
			}
			if is(p) {
				return
			}
		case <-timer.C:
			s.t.Fatalf("%s did not come", what)
		}
	}
}

// refusal reads up to the failure that answers an ask, or the Outcome of a seq of flow 1.
func (s *stranger) refusal(correlation, seq uint64) (f *actorbridgev1.Failure) {
	s.t.Helper()
	s.until("the refusal", func(p *wire.Packet) bool {
		for _, state := range p.Head.GetState() {
			for _, o := range state.Outcomes {
				if correlation == 0 && state.Flow == 1 && o.Seq == seq {
					f = &actorbridgev1.Failure{Code: o.Code, Effect: o.Effect, Detail: o.Detail}
				}
			}
		}
		s.answers(p, func(e *wire.Envelope) {
			if e.Correlation == correlation && correlation != 0 {
				f, _ = e.Failure()
			}
		})
		return f != nil
	})
	return f
}

func (s *stranger) answers(p *wire.Packet, each func(*wire.Envelope)) {
	for _, run := range p.Runs {
		for _, item := range run.All() {
			var e wire.Envelope
			if refusal := e.ReadBody(item.Body, 0); refusal != nil {
				s.t.Fatal(refusal)
			}
			each(&e)
		}
	}
}

// asking is a whole ask of a type with these bytes as payload.
func asking(correlation uint64, message proto.Message, payload []byte) []byte {
	return enveloped(actorbridgev1.Kind_KIND_ASK, correlation, message, payload)
}

func enveloped(kind actorbridgev1.Kind, correlation uint64, message proto.Message, payload []byte) []byte {
	return versioned(kind, 1, correlation, message, payload)
}

// versioned is a whole message that needs a reader of this version.
func versioned(kind actorbridgev1.Kind, version uint32, correlation uint64, message proto.Message, payload []byte) []byte {
	name := string(message.ProtoReflect().Descriptor().FullName())
	what := wire.NewWhat(kind, name, version, version, actorbridgev1.ContentType_CONTENT_TYPE_PROTOBUF)
	return wire.Join(nil, what.Bytes, wire.AppendBody(nil, wire.BodyFields{Correlation: correlation}, payload))
}

func TestABadMessageCostsItselfAndIsAnsweredWithItsCodeAndASentence(t *testing.T) {
	log := new(warnings)
	node, address := listening(t, "tcp://127.0.0.1:0", log.logger())
	spawn(t, node, "worker")
	s := strange(t, address)
	s.greets()
	s.binds(2, "ab:///nobody")
	echo := &testpb.EchoRequest{}
	seq := uint64(0)
	for i, bad := range []struct {
		name        string
		flow        uint32
		ahead       uint64 // of the next seq
		correlation uint64
		body        []byte
		code        ab.Code
		says        string
	}{
		{"an item that overrides its stream's target", 1, 0, 11,
			protowire.AppendString(protowire.AppendTag(asking(11, echo, nil), 5, protowire.BytesType), "ab:///forged"),
			ab.CodeBadOverride, "Envelope.target is set twice; set it once"},
		{"an item that is torn", 1, 0, 12, append(asking(12, echo, nil), 0x12, 50, 1), ab.CodeUndecodable, "says 50 bytes"},
		{"a payload that does not decode", 1, 0, 13, asking(13, echo, []byte("\x0a\x7fshort")), ab.CodeUndecodable, "EchoRequest"},
		{"a kind of a later version", 1, 0, 0, enveloped(999, 0, echo, nil), ab.CodeUnsupportedKind, "upgrade this node"},
		{"a message for a newer reader, whose payload is not touched", 1, 0, 18,
			versioned(actorbridgev1.Kind_KIND_ASK, 9, 18, echo, []byte("\xff\xff")),
			ab.CodeUnsupportedVersion, "needs a reader of version 9; this one reads version 1"},
		{"a message beyond its credit", 1, 5000, 15, asking(15, echo, nil), ab.CodeMailboxFull, "wait for more"},
		{"a message over 64 KiB", 1, 0, 16, asking(16, echo, make([]byte, 64<<10)), ab.CodeTooLarge, "limit of 65536"},
		{"a message for nobody", 2, 0, 17, asking(17, echo, nil), ab.CodeNoSuchActor, ""},
	} {
		to := uint64(1)
		if bad.flow == 1 {
			if bad.ahead == 0 {
				seq++
			}
			to = seq + bad.ahead
		}
		s.sends(bad.flow, to, 0, bad.body)
		f := s.refusal(bad.correlation, to)
		if ab.Code(f.Code) != bad.code || f.Effect != actorbridgev1.Effect_EFFECT_NONE || !strings.Contains(f.Detail, bad.says) {
			t.Errorf("%s is answered with %v", bad.name, f)
		}
		eventually(t, "a dead letter with the bytes of "+bad.name, func() bool {
			letters := node.DeadLetters()
			if len(letters) != i+1 {
				return false
			}
			last := letters[i]
			return last.Code == bad.code && last.Effect == ab.EffectNone && len(last.Envelope) > 0
		})
	}
	hasRefused(t, node, once(actorbridgev1.RefusalReason_REFUSAL_REASON_CREDIT_VIOLATION))
	log.has(t, "code=CREDIT_VIOLATION")
	s.sends(1, seq+1, 0, asking(99, echo, nil))
	s.until("the answer to a good ask", func(p *wire.Packet) (answered bool) {
		s.answers(p, func(e *wire.Envelope) { answered = answered || e.Correlation == 99 && !e.Present.Has(21) })
		return answered
	})
}

func TestAnAskWhoseTimeEndsInTheMailboxIsExpiredAndNeverHandled(t *testing.T) {
	node, address := listening(t, "tcp://127.0.0.1:0")
	spawn(t, node, "worker")
	s := strange(t, address)
	s.greets()
	s.sends(1, 1, 0, asking(1, &testpb.Hold{}, nil))
	s.sends(1, 2, 1, asking(2, &testpb.Add{}, nil))
	eventually(t, "the wait of both", func() bool { return depth(t, node, "worker") == 2 })
	time.Sleep(2 * time.Millisecond) // the time of the second is over now
	s.says(&actorbridgev1.Frame{Skip: []*actorbridgev1.Skip{{Flow: 1, First: 1, Count: 1, Reason: actorbridgev1.Code_CODE_CANCELLED}}})
	if f := s.refusal(2, 0); ab.Code(f.Code) != ab.CodeExpired || f.Effect != actorbridgev1.Effect_EFFECT_NONE {
		t.Errorf("it is answered with %v", f)
	}
	expect(t, refOf(t, node, "ab:///worker"), 0)
}

func TestAnAskerThatCannotTakeItsAnswerHearsThatAndThatItsAskWasHandled(t *testing.T) {
	node, address := listening(t, "tcp://127.0.0.1:0")
	spawnFunc(t, node, "worker", func(_ ab.Context, m *ab.Message) error {
		return m.Reply(&testpb.EchoReply{Data: make([]byte, 100_000)})
	})
	s := strange(t, address) // without fragments
	s.greets()
	s.sends(1, 1, 0, asking(7, &testpb.EchoRequest{}, nil))
	if f := s.refusal(7, 0); ab.Code(f.Code) != ab.CodeTooLarge || f.Effect != actorbridgev1.Effect_EFFECT_DONE {
		t.Errorf("it is answered with %v", f)
	}
}

// with is a frame with these bytes behind its fields.
func with(more []byte) *actorbridgev1.Frame {
	head := &actorbridgev1.Frame{}
	head.ProtoReflect().SetUnknown(more)
	return head
}

func TestABadFrameCostsItsLinkAndNoOtherAndSaysWhy(t *testing.T) {
	node, address := listening(t, "tcp://127.0.0.1:0")
	spawn(t, node, "worker")
	innocent := start(t, "innocent", ab.WithLink(remote.Door(address)))
	for name, bad := range map[string]struct {
		sends func(*stranger)
		code  actorbridgev1.GoodbyeCode
		says  string
	}{
		"a torn frame": {func(s *stranger) { s.greets(); s.says(with([]byte{0x7a, 9, 1})) },
			actorbridgev1.GoodbyeCode_GOODBYE_PROTOCOL, "says 9 bytes"},
		"a version that nobody speaks": {func(s *stranger) { s.says(hello(7, 9)) },
			actorbridgev1.GoodbyeCode_GOODBYE_VERSION, "stranger speaks 7 to 9, b speaks 1 to 1"},
		"no Hello": {func(s *stranger) { s.binds(1, "ab:///worker") },
			actorbridgev1.GoodbyeCode_GOODBYE_PROTOCOL, "neither Hello nor Welcome"},
		"a message on a flow that is not open": {func(s *stranger) { s.greets(); s.sends(9, 1, 0, nil) },
			actorbridgev1.GoodbyeCode_GOODBYE_PROTOCOL, "flow 9, which is not open"},
	} {
		t.Run(name, func(t *testing.T) {
			s := strange(t, address)
			bad.sends(s)
			s.until("the Goodbye", func(p *wire.Packet) bool {
				goodbye := p.Head.GetGoodbye()
				if goodbye != nil && (goodbye.Code != bad.code || !strings.Contains(goodbye.Detail, bad.says)) {
					t.Errorf("the last words are %v", goodbye)
				}
				return goodbye != nil
			})
			eventually(t, "the end of the link", func() bool { return len(node.Peers()) == 1 })
			expect(t, refOf(t, innocent, "ab:///worker"), 0)
		})
	}
}

// padded is a frame with so many bytes that nobody knows.
func padded(bytes int) *actorbridgev1.Frame {
	return with(protowire.AppendBytes(protowire.AppendTag(nil, 99, protowire.BytesType), make([]byte, bytes)))
}

// isGoodbyeOfBothSizes: 3072.. is 300 KiB and what is around them.
func isGoodbyeOfBothSizes(p *wire.Packet) bool {
	goodbye := p.Head.GetGoodbye()
	return goodbye.GetCode() == actorbridgev1.GoodbyeCode_GOODBYE_PROTOCOL &&
		strings.Contains(goodbye.Detail, "a frame of 3072") && strings.Contains(goodbye.Detail, "over the limit of 262144")
}

func TestAFrameOverTheLimitCostsItsLinkAndSaysBothSizes(t *testing.T) {
	node, address := listening(t, "tcp://127.0.0.1:0")
	spawn(t, node, "worker")
	innocent := start(t, "innocent", ab.WithLink(remote.Door(address)))
	for name, c := range map[string]struct {
		bytes int
		ends  func(*stranger)
	}{
		"what a node could send": {300 << 10, func(s *stranger) { s.until("the Goodbye of both sizes", isGoodbyeOfBothSizes) }},
		// gRPC ends the stream of such a frame, and then there is no room for a Goodbye.
		"over the 4 MiB of the protocol": {5 << 20, func(s *stranger) {
			for receive(t, "the end of the stream", s.came) != nil {
			}
			var refusal *wire.Refusal
			if !errors.As(s.over, &refusal) || refusal.Code != actorbridgev1.Code_CODE_TOO_LARGE ||
				!strings.Contains(refusal.Detail, "vs. 4194304") {
				t.Errorf("its sender is told %v", s.over)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := strange(t, address)
			s.greets()
			s.says(padded(c.bytes))
			c.ends(s)
			eventually(t, "the end of the link", func() bool { return len(node.Peers()) == 1 })
			expect(t, refOf(t, innocent, "ab:///worker"), 0)
		})
	}
}

// boaster accepts links, and begins with a frame over the limit.
type boaster struct{ heard chan *wire.Packet }

func (b boaster) Accept(link door.Link) error {
	if err := link.Send(&wire.Packet{Head: padded(300 << 10)}); err != nil {
		return err
	}
	for {
		p, err := link.Recv()
		if err != nil {
			return err
		}
		b.heard <- p
	}
}

func TestANodeThatDialsSaysWhatItRefusedToo(t *testing.T) {
	b := boaster{make(chan *wire.Packet, 8)}
	server, err := remote.Listen(b, "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	a := start(t, "a")
	_, err = a.Dial(t.Context(), remote.Door(server.Addr()))
	if !errors.Is(err, ab.ErrUnavailable) || !strings.Contains(err.Error(), "over the limit of 262144") {
		t.Errorf("it fails with %v", err)
	}
	hasRefused(t, a, once(actorbridgev1.RefusalReason_REFUSAL_REASON_OVERSIZED_FRAME))
	for !isGoodbyeOfBothSizes(receive(t, "the Goodbye of both sizes", b.heard)) {
	}
}
