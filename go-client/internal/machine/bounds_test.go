package machine

import (
	"bytes"
	"fmt"
	"runtime"
	"strings"
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

func downs(actions []Action) *Down {
	for i := range actions {
		if actions[i].Kind == ActionDown {
			return actions[i].Down
		}
	}
	return nil
}

func TestATypeBeyondTheTableGoesWithItsItem(t *testing.T) {
	p := newPair(t)
	for n := range MaxTypes + 2 {
		what := wire.NewWhat(pb.Kind_KIND_REPLY, fmt.Sprint("t", n), 1, 1, 0)
		p.ends[0].SendOffStream(what, wire.AppendBody(nil, wire.BodyFields{Correlation: 1}, []byte("x")))
	}
	p.settle()
	delivered := p.take(1)[1:]
	if len(delivered) != MaxTypes+2 {
		t.Fatalf("%d messages came, not %d", len(delivered), MaxTypes+2)
	}
	for i, a := range delivered {
		inTable := i < MaxTypes
		if a.Kind != ActionDeliver || a.Delivery.Kind != uint32(pb.Kind_KIND_REPLY) || (a.TypeID != 0) != inTable {
			t.Fatalf("message %d is %+v", i, a)
		}
		if !inTable && !bytes.Contains(a.Body, fmt.Append(nil, "t", i)) {
			t.Errorf("message %d has lost its type: %q", i, a.Body)
		}
	}
	if down := downs(p.take(0)); down != nil {
		t.Errorf("the link is down: %+v", down)
	}
}

// flood gives the right end the same frame until it ends the link or has had most of them, and never lets it speak.
func flood(t *testing.T, most int, head func(n int) *pb.Frame, runs func(n int) []wire.Run) *Down {
	t.Helper()
	p := newPair(t)
	number := p.ends[1].lastNumber
	for n := range most {
		packet := &wire.Packet{Head: head(n)}
		if runs != nil {
			packet.Runs = runs(n)
		}
		number++
		packet.Head.Number = number
		if down := downs(p.ends[1].Receive(packet, nil)); down != nil {
			return down
		}
	}
	return nil
}

func TestAPeerThatBindsAndClosesAndNeverReadsLosesItsLink(t *testing.T) {
	who := wire.NewWho("", "ab:///x", "").Bytes
	down := flood(t, MaxControls, func(int) *pb.Frame {
		open := &pb.StreamOpen{Flow: 1, Mode: pb.Mode_MODE_FLOW, FirstSeq: 1, Prefix: who}
		return &pb.Frame{Open: []*pb.StreamOpen{open, {Flow: 1, FirstSeq: 1, Close: true}}}
	}, nil)
	if down == nil || !strings.Contains(down.Detail, "does not read") {
		t.Errorf("the link ended with %+v", down)
	}
}

func TestAPeerThatCausesRefusalsAndNeverReadsLosesItsLink(t *testing.T) {
	who := wire.NewWho("", "ab:///x", "").Bytes
	items := make([]wire.Item, 1_000)
	down := flood(t, MaxOutcomes, func(n int) *pb.Frame {
		if n > 0 {
			return new(pb.Frame)
		}
		return &pb.Frame{Open: []*pb.StreamOpen{{Flow: 1, Mode: pb.Mode_MODE_FLOW, FirstSeq: 1, Prefix: who}}}
	}, func(n int) []wire.Run {
		return []wire.Run{{Flow: 1, FirstSeq: 1_000, Items: items}} // beyond the credit: refused each time
	})
	if down == nil || !strings.Contains(down.Detail, "does not read") {
		t.Errorf("the link ended with %+v", down)
	}
}

// partsPair is a pair whose right end is a peer of these limits that puts messages together.
func partsPair(t *testing.T, limits *pb.Limits) *pair {
	p := &pair{t: t, now: 1000}
	parts := []uint32{uint32(pb.Capability_CAPABILITY_FRAGMENTS)}
	p.ends[0] = NewLink(Config{Role: Acceptor, Node: "left", MinProtocol: 1, MaxProtocol: 1, Capabilities: parts}, p.now)
	p.ends[1] = NewLink(
		Config{Role: Dialer, Node: "right", MinProtocol: 1, MaxProtocol: 1, Capabilities: parts, Limits: limits}, p.now,
	)
	p.settle()
	return p
}

func TestAPeerThatWouldHaveAllInPartsIsNotLinked(t *testing.T) {
	p := partsPair(t, &pb.Limits{InlineBytes: minInline - 1})
	if down := downs(p.take(0)); down == nil || !strings.Contains(down.Detail, "inline_bytes is 1023; it must be 1024 at least") {
		t.Errorf("the link ended with %+v", down)
	}
	if p = partsPair(t, &pb.Limits{InlineBytes: minInline}); p.ends[0].Phase() != PhaseUp {
		t.Errorf("with the least there may be, it ended with %+v", downs(p.take(0)))
	}
}

// heap is how much memory is in use.
func heap() uint64 {
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// Each way to have many small messages leave in parts: each of an ask of its own, or all behind a large one of the same ask.
func TestSmallAnswersThatNobodyReadsCountAllTheMemoryThatTheyTake(t *testing.T) {
	what := wire.NewWhat(pb.Kind_KIND_EVENT, "test.Event", 1, 1, 0)
	for name, way := range map[string]struct {
		size        int
		correlation func(n int) uint64
	}{
		"of many asks": {minInline, func(n int) uint64 { return uint64(n) + 1 }},
		"of one ask":   {10, func(int) uint64 { return 1 }},
	} {
		p := partsPair(t, &pb.Limits{InlineBytes: minInline})
		send := func(n, size int) bool {
			body := wire.AppendBody(nil, wire.BodyFields{Correlation: way.correlation(n)}, make([]byte, size))
			return p.ends[0].SendOffStream(what, body).Result == SendQueued
		}
		send(0, 2*minInline)
		const most = MaxLargeAnswers/AnswerOverhead + 1
		before, queued := heap(), 0
		for queued < most && send(queued+1, way.size) {
			queued++
		}
		took := heap() - before
		runtime.KeepAlive(p)
		if counted := uint64(queued) * (AnswerOverhead + uint64(way.size)); queued == most || took > counted+counted/4 {
			t.Errorf("%s: %d answers wait, take %d bytes, and count %d", name, queued, took, counted)
		}
	}
}

func TestAnswersThatComeInPartAndNeverEndCostTheLink(t *testing.T) {
	begin := func(n int) *pb.Frame {
		return &pb.Frame{Fragment: []*pb.Fragment{{Seq: uint64(n) + 1, Total: 2, Data: []byte{1}}}}
	}
	p := partsPair(t, nil)
	number, begun := p.ends[0].lastNumber, 0
	for ; begun < 2*MaxBegun; begun++ {
		head := begin(begun)
		number++
		head.Number = number
		if down := downs(p.ends[0].Receive(&wire.Packet{Head: head}, nil)); down != nil {
			if !strings.Contains(down.Detail, "4096 answers are begun, and one more") {
				t.Errorf("the link ended with %+v", down)
			}
			break
		}
	}
	if begun != MaxBegun {
		t.Errorf("%d answers were begun", begun)
	}
}

// An honest sender begins no more than its peer takes, however little of each fits beside the others.
func TestNoMoreAnswersAreBegunThanThePeerTakes(t *testing.T) {
	p := partsPair(t, &pb.Limits{InlineBytes: minInline, AssemblyBytes: 1 << 40})
	what := wire.NewWhat(pb.Kind_KIND_REPLY, "test.Reply", 1, 1, 0)
	const answers = MaxBegun + 1_000
	for n := range answers {
		body := wire.AppendBody(nil, wire.BodyFields{Correlation: uint64(n) + 1}, make([]byte, 2*quantum))
		if sent := p.ends[0].SendOffStream(what, body); sent.Result != SendQueued {
			t.Fatalf("answer %d: %+v", n, sent)
		}
	}
	p.settle()
	came := p.take(1)
	if down := downs(came); down != nil || len(came) != answers+1 {
		t.Errorf("%d actions, and the link ended with %+v", len(came), down)
	}
}

func TestANodeNameWithoutEndIsRefusedByItsSizeWhateverElseIsWrong(t *testing.T) {
	l := NewLink(Config{Role: Acceptor, Node: "here", MinProtocol: 1, MaxProtocol: 1}, 0)
	hello := &pb.Hello{MinProtocol: 7, MaxProtocol: 7, Node: strings.Repeat("n", 200_000)}
	down := downs(l.Receive(&wire.Packet{Head: &pb.Frame{Number: 1, Hello: hello}}, nil))
	if down == nil || !strings.Contains(down.Detail, "200000 bytes") || len(down.Detail) > 200 {
		t.Errorf("the link ended with %.300v", down)
	}
}

func TestAWarmLinkAllocatesOnlyForItsPackets(t *testing.T) {
	p := newPair(t)
	flow, refused := p.ends[0].Open(7, wire.NewWho("ab:///a", "ab:///b", "").Bytes, 1, Binding{Number: 1})
	if refused != nil {
		t.Fatal(refused)
	}
	what := wire.NewWhat(pb.Kind_KIND_TELL, "test.Tell", 1, 1, 0)
	body := wire.AppendBody(nil, wire.BodyFields{}, []byte("sixty-four bytes, or nearly so"))
	const batch = 200
	actions := make([]Action, 0, 2*batch)
	seq := uint64(0)
	round := func() {
		p.ends[1].State(1, seq, seq+batch, false)
		p.settle()
		p.took[0], p.took[1] = p.took[0][:0], p.took[1][:0]
		for range batch {
			if sent := p.ends[0].Send(flow, what, 0, 0, body); sent.Result != SendQueued {
				t.Fatalf("message %d: %+v", seq, sent)
			}
			seq++
		}
		var packet *wire.Packet
		packet, actions = p.ends[0].Poll(p.now, actions[:0])
		actions = p.ends[1].Receive(packet, actions)
		if len(actions) != batch {
			t.Fatalf("%d actions", len(actions))
		}
	}
	p.settle()
	round()
	if allocs := testing.AllocsPerRun(20, round) / batch; allocs > 0.5 {
		t.Errorf("%.2f allocations for each message", allocs)
	}
}

func TestAPeerThatSendsAndAnswersNoPingLosesItsLink(t *testing.T) {
	p := newPair(t)
	p.settle()
	l := p.ends[1]
	var actions []Action
	for second := range Millis(120) {
		now := p.now + second*1_000
		actions = l.Receive(&wire.Packet{Head: &pb.Frame{Number: l.lastNumber + 1}}, actions) // any frame, so that it is not silent
		actions = l.Tick(now, actions)
		for packet := (&wire.Packet{}); packet != nil; {
			packet, _ = l.Poll(now, nil)
		}
	}
	if down := downs(actions); down == nil || !strings.Contains(down.Detail, "does not read") ||
		l.RefusedFor() != pb.RefusalReason_REFUSAL_REASON_NEVER_READS {
		t.Errorf("the link ended with %+v, for %v", down, l.RefusedFor())
	}
}

func TestAnAskerWhoseAnswerFindsNoRoomIsToldAndOneThatNeverReadsLosesItsLink(t *testing.T) {
	p := newPair(t)
	p.settle()
	l := p.ends[1]
	what := wire.NewWhat(pb.Kind_KIND_REPLY, "test.Reply", 1, 1, 0)
	body := wire.AppendBody(nil, wire.BodyFields{}, make([]byte, 32_000))
	for queued := 0; l.SendOffStream(what, body).Result == SendQueued; queued += len(body) {
		if queued > MaxQueuedAnswers {
			t.Fatal("answers without end wait")
		}
	}
	told := 0
	for l.Fail(7, pb.Code_CODE_MAILBOX_FULL, pb.Effect_EFFECT_DONE, "no room").Result == SendQueued {
		if told++; told > 100_000 {
			t.Fatal("failures without end wait")
		}
	}
	if told < 1_000 {
		t.Errorf("only %d askers are told", told)
	}
	actions := l.Receive(&wire.Packet{Head: &pb.Frame{Number: l.lastNumber + 1}}, nil)
	if down := downs(actions); down == nil || !strings.Contains(down.Detail, "does not read") {
		t.Errorf("the link ended with %+v", down)
	}
}

func TestAPeerThatAnswersPingsMayGoOnForEver(t *testing.T) {
	p := newPair(t)
	p.settle()
	for range 300 {
		p.now += 1_000
		for end, l := range p.ends {
			p.took[end] = l.Tick(p.now, p.took[end])
		}
		p.settle()
	}
	if down := downs(append(p.took[0], p.took[1]...)); down != nil {
		t.Errorf("the link ended with %+v", down)
	}
}
