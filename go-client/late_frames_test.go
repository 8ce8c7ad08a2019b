package actorbridge_test

import (
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// The deadline of a message is what was left when its frame was built. What the frame lay in buffers is found by comparing it with the
// fastest ones, and is over too.
func TestTheTimeThatAFrameLayOnTheWayIsChargedToDeadlines(t *testing.T) {
	node := start(t, "b")
	spawn(t, node, "worker")
	server, err := remote.Listen(node, "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	s := strange(t, server.Addr())
	s.greets()
	builtAt := func(sentMs uint32, seq uint64, ttlMs uint32) {
		t.Helper()
		body := asking(seq, &testpb.GetCount{}, nil)
		s.says(&actorbridgev1.Frame{SentMs: sentMs}, wire.Run{Flow: 1, FirstSeq: seq, Items: []wire.Item{{TTLMs: ttlMs, Body: body}}})
	}
	answered := func(seq uint64) {
		t.Helper()
		s.until("an answer", func(p *wire.Packet) (came bool) {
			s.answers(p, func(e *wire.Envelope) {
				if e.Correlation != seq {
					return
				}
				came = true
				if f, _ := e.Failure(); f.GetCode() != 0 {
					t.Errorf("ask %d is answered with %v", seq, f)
				}
			})
			return came
		})
	}
	const minutes = 60_000
	builtAt(90*minutes, 1, 30*minutes)
	answered(1)
	builtAt(80*minutes, 2, 5*minutes) // it was built ten minutes before the first one, and comes now
	if f := s.refusal(2, 2); ab.Code(f.Code) != ab.CodeExpired || ab.Effect(f.Effect) != ab.EffectNone {
		t.Errorf("an ask whose time was over on the way is answered with %v", f)
	}
	builtAt(80*minutes, 3, 30*minutes)
	answered(3)
}
