package actorbridge_test

import (
	"slices"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

func lateWho() *wire.Who {
	return wire.NewWho("ab:///sender", "ab:///journal/1", "ab://stranger/sender")
}

// lateStream is the stream of a flow.
func lateStream(flow uint32) uint64 { return 75 + uint64(flow) }

// lateOpening binds a stream to an actor that may have moved.
func lateOpening(flow, number, after uint32, firstSeq uint64) *actorbridgev1.StreamOpen {
	return &actorbridgev1.StreamOpen{
		Flow: flow, Stream: lateStream(flow), Epoch: 1, Mode: actorbridgev1.Mode_MODE_FLOW, FirstSeq: firstSeq,
		Prefix: lateWho().Bytes, Binding: number, After: after,
	}
}

func (s *stranger) bindsAgain(number, after uint32, firstSeq uint64) {
	s.t.Helper()
	s.says(&actorbridgev1.Frame{Open: []*actorbridgev1.StreamOpen{lateOpening(2, number, after, firstSeq)}})
}

func (s *stranger) hasDrained(flow, binding uint32) {
	s.t.Helper()
	s.says(&actorbridgev1.Frame{Move: []*actorbridgev1.Move{{
		Actor: "ab:///journal/1", Epoch: 3,
		Step: &actorbridgev1.Move_Drained{Drained: &actorbridgev1.Drained{Stream: lateStream(flow), Binding: binding}},
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

// cameBack is a journal that has left its node and come back: what follows it may come late.
func cameBack(t *testing.T, w *witness, options ...ab.SpawnOption) (home *ab.Node, actor ab.Ref, address string) {
	home = w.node(t, "b")
	server, err := remote.Listen(home, "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	away := w.node(t, "away")
	joinToCut(t, away, home)
	actor, err = home.Spawn("journal/1", w.journals("b"), options...)
	if err != nil {
		t.Fatal(err)
	}
	moveAway(t, home, actor, "away")
	moveAway(t, away, refOf(t, away, actor.String()), "b")
	return home, actor, server.Addr()
}

func TestAStreamWaitsForWhatItsLastBindingSentAndALossOfAnEarlierOneSaysNothingOfThat(t *testing.T) {
	w := newWitness()
	home, actor, address := cameBack(t, w)
	handled := func() uint64 { return answersAt(t, "b", actor).Handled }

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
	second.hasDrained(2, 1)
	second.settles()
	if n := handled(); n != 1 {
		t.Fatalf("it has handled %d: the third message has overtaken the second", n)
	}
	second.sends(0, 0, 0, wire.Join(lateWho().Bytes, nil, adding(t, 2))) // as an old owner forwards it
	second.hasDrained(2, 2)
	second.settles()
	if n := handled(); n != 3 || w.lastOf(1) != 3 {
		t.Errorf("it has handled %d, and %d last", n, w.lastOf(1))
	}
}

func TestStreamsThatWaitKeepNoMoreInAllThanAMailboxEverTakes(t *testing.T) {
	// Twice the mailbox's one and 4,096 are kept: 256 times the initial credit, and two messages of the last flow.
	const firstFlow, lastFlow = 2, 258
	w := newWitness()
	_, actor, address := cameBack(t, w, ab.Mailbox(1))
	handled := func() uint64 { return answersAt(t, "b", actor).Handled }
	s := strange(t, address)
	s.greets()
	for flow := uint32(firstFlow); flow <= lastFlow; flow++ {
		run := wire.Run{Flow: flow, FirstSeq: 1}
		for n := range uint64(16) {
			run.Items = append(run.Items, wire.Item{Body: adding(t, n+1)})
		}
		s.says(&actorbridgev1.Frame{Open: []*actorbridgev1.StreamOpen{lateOpening(flow, 2, 1, 1)}}, run)
	}
	var refused []uint64
	s.until("the refusals", func(p *wire.Packet) bool {
		for _, state := range p.Head.State {
			for _, o := range state.Outcomes {
				if o.Code != actorbridgev1.Code_CODE_MAILBOX_FULL || state.Flow != lastFlow {
					t.Errorf("flow %d: %v", state.Flow, o)
				}
				refused = append(refused, o.Seq)
			}
		}
		return len(refused) >= 14
	})
	s.settles()
	if refused[0] != 3 || refused[len(refused)-1] != 16 || len(refused) != 14 {
		t.Errorf("%v of the last flow are refused", refused)
	}
	if n := handled(); n != 0 {
		t.Errorf("it has handled %d: they have not waited for what comes late", n)
	}

	for flow := uint32(firstFlow); flow <= lastFlow; flow++ {
		s.hasDrained(flow, 1)
	}
	s.until("more credit", func(p *wire.Packet) bool {
		return slices.ContainsFunc(p.Head.State, func(state *actorbridgev1.StreamState) bool {
			return state.Flow == lastFlow && state.Processed == 16 && state.Credit > 16
		})
	})
	if n := handled(); n != 4_098 {
		t.Errorf("it has handled %d", n)
	}
	s.sends(lastFlow, 17, 0, adding(t, 17))
	s.settles()
	if n := handled(); n != 4_099 || w.lastOf(1) != 17 {
		t.Errorf("it has handled %d, and %d last", n, w.lastOf(1))
	}
}
