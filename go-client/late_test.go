package actorbridge_test

import (
	"slices"
	"testing"

	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

const lateStream = 77

func lateWho() *wire.Who {
	return wire.NewWho("ab:///sender", "ab:///journal/1", "ab://stranger/sender")
}

// bindsAgain binds a stream to an actor that may have moved.
func (s *stranger) bindsAgain(number, after uint32, firstSeq uint64) {
	s.t.Helper()
	s.says(&actorbridgev1.Frame{Open: []*actorbridgev1.StreamOpen{{
		Flow: 2, Stream: lateStream, Epoch: 1, Mode: actorbridgev1.Mode_MODE_FLOW, FirstSeq: firstSeq,
		Prefix: lateWho().Bytes, Binding: number, After: after,
	}}})
}

func (s *stranger) hasDrained(binding uint32) {
	s.t.Helper()
	s.says(&actorbridgev1.Frame{Move: []*actorbridgev1.Move{{
		Actor: "ab:///journal/1", Epoch: 3,
		Step: &actorbridgev1.Move_Drained{Drained: &actorbridgev1.Drained{Stream: lateStream, Binding: binding}},
	}}})
}

// settles waits until all that was said before has been acted on.
func (s *stranger) settles() {
	s.t.Helper()
	s.says(&actorbridgev1.Frame{Ping: &actorbridgev1.Ping{Token: 9}})
	s.until("the pong", func(p *wire.Packet) bool { return p.Head.GetPong() != nil })
}

func adding(t *testing.T, n uint64) []byte {
	return enveloped(actorbridgev1.Kind_KIND_TELL, 0, &testpb.Add{}, encoded(t, &testpb.Add{By: 1, N: n}))
}

func TestAStreamWaitsForWhatItsLastBindingSentAndALossOfAnEarlierOneSaysNothingOfThat(t *testing.T) {
	w := newWitness()
	home := w.node(t, "b")
	server, err := remote.Listen(home, "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	away := w.node(t, "away")
	joinToCut(t, away, home)
	actor, err := home.Spawn("journal/1", w.journals("b"))
	if err != nil {
		t.Fatal(err)
	}
	moveAway(t, home, actor, "away")
	moveAway(t, away, refOf(t, away, actor.String()), "b")
	handled := func() uint64 { return answersAt(t, "b", actor).Handled }
	address := server.Addr()

	first := strange(t, address)
	first.greets()
	first.bindsAgain(1, 0, 1)
	first.sends(2, 1, 0, adding(t, 1))
	first.settles()
	first.link.Close() // this binding is lost
	eventually(t, "the end of the link", func() bool { return !slices.Contains(home.Peers(), "stranger") })

	// The second binding, with message 2, is at an old owner.
	second := strange(t, address)
	second.greets()
	second.bindsAgain(3, 2, 3)
	second.sends(2, 3, 0, adding(t, 3))
	second.hasDrained(1)
	second.settles()
	if n := handled(); n != 1 {
		t.Fatalf("it has handled %d: the third message has overtaken the second", n)
	}
	second.sends(0, 0, 0, wire.Join(lateWho().Bytes, nil, adding(t, 2))) // as an old owner forwards it
	second.hasDrained(2)
	second.settles()
	if n := handled(); n != 3 || w.lastOf(1) != 3 {
		t.Errorf("it has handled %d, and %d last", n, w.lastOf(1))
	}
}
