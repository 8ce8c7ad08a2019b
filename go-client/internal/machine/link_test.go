package machine

import (
	"testing"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// pair is two link machines and the frames between them.
type pair struct {
	t    testing.TB
	now  Millis
	ends [2]*Link
	// took is what each end has to do, in order.
	took [2][]Action
}

func newPair(t testing.TB) *pair {
	p := &pair{t: t, now: 1000}
	p.ends[0] = NewLink(Config{Role: Dialer, Node: "left", Incarnation: 1, MinProtocol: 1, MaxProtocol: 1}, p.now)
	p.ends[1] = NewLink(Config{Role: Acceptor, Node: "right", Incarnation: 2, MinProtocol: 1, MaxProtocol: 1}, p.now)
	p.settle()
	return p
}

// settle carries frames, as bytes, until nobody has anything to say.
func (p *pair) settle() {
	p.t.Helper()
	for said := true; said; {
		said = false
		for from := range p.ends {
			var packet *wire.Packet
			packet, p.took[from] = p.ends[from].Poll(p.now, p.took[from])
			if packet == nil {
				continue
			}
			said = true
			read, err := wire.ReadPacket(packet.Append(nil), wire.MaxFrameBytes)
			if err != nil {
				p.t.Fatal(err)
			}
			p.took[1-from] = p.ends[1-from].Receive(read, p.took[1-from])
		}
	}
}

// take is what the end has to do since the last take.
func (p *pair) take(end int) []Action {
	actions := p.took[end]
	p.took[end] = nil
	return actions
}

func TestAMessageTravelsWithCreditFromOneMachineToTheOther(t *testing.T) {
	p := newPair(t)
	if up := p.take(0); len(up) != 1 || up[0].Kind != ActionUp || up[0].Up.Peer != "right" {
		t.Fatalf("the dialer's actions are %+v", up)
	}
	p.take(1)
	who := wire.NewWho("ab:///a", "ab:///b", "ab://left/a")
	flow, refused := p.ends[0].Open(7, who.Bytes, 1, Binding{Number: 1})
	if refused != nil {
		t.Fatal(refused)
	}
	what := wire.NewWhat(pb.Kind_KIND_TELL, "test.Ping", 1, 1, 0)
	for range InitialCredit {
		if sent := p.ends[0].Send(flow, what, 0, 0, wire.AppendBody(nil, wire.BodyFields{}, []byte("hi"))); sent.Result != SendQueued {
			t.Fatalf("a message within the credit was answered %+v", sent)
		}
	}
	if sent := p.ends[0].Send(flow, what, 0, 0, nil); sent.Result != SendNoCredit {
		t.Fatalf("a message beyond the credit was answered %+v", sent)
	}
	p.settle()
	came := p.take(1)
	if len(came) != 1+InitialCredit || came[0].Kind != ActionOpened || came[0].Who.Target != "ab:///b" {
		t.Fatalf("the acceptor's actions are %+v", came)
	}
	if last := came[InitialCredit]; last.Kind != ActionDeliver || last.Seq != InitialCredit || last.TypeID != 1 {
		t.Fatalf("the last message is %+v", last)
	}
	p.ends[1].State(came[0].Flow, 16, 32, false)
	p.settle()
	if more := p.take(0); len(more) != 1 || more[0].Kind != ActionCredit || more[0].Flow != flow {
		t.Fatalf("the dialer's actions are %+v", more)
	}
}
