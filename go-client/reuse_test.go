package actorbridge_test

import (
	"errors"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// A sender gives a flow's number to another stream as soon as the old one is closed. What the old one sent may still be held here then,
// and nothing that becomes of it may be said of the new one.

// standstill is a listening node with an actor `slow` that handles nothing until it is let go, and then fails what fails says; handled
// has the numbers in order.
func standstill(t *testing.T, fails func(n uint64) bool) (address string, letGo func(), handled chan uint64) {
	node := start(t, "b")
	gate, numbers := make(chan struct{}), make(chan uint64, 64)
	spawnFunc(t, node, "slow", func(_ ab.Context, m *ab.Message) error {
		<-gate
		var add testpb.Add
		if err := m.Decode(&add); err != nil {
			return err
		}
		numbers <- add.N
		if fails(add.N) {
			return errors.New("it fails what it was told")
		}
		return nil
	})
	spawn(t, node, "worker")
	server, err := remote.Listen(node, "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	return server.Addr(), func() { close(gate) }, numbers
}

// gives closes flow 2, and when that is confirmed opens it as another stream.
func (s *stranger) gives(closedAt uint64, target string) {
	s.t.Helper()
	s.says(&actorbridgev1.Frame{Open: []*actorbridgev1.StreamOpen{{Flow: 2, Close: true, FirstSeq: closedAt + 1}}})
	s.until("the end of the binding", func(p *wire.Packet) bool {
		for _, reset := range p.Head.GetReset_() {
			if reset.Flow == 2 && reset.Code == actorbridgev1.Code_CODE_OK {
				return true
			}
		}
		return false
	})
	s.says(&actorbridgev1.Frame{Open: []*actorbridgev1.StreamOpen{{
		Flow: 2, Stream: 99, Epoch: 1, Mode: actorbridgev1.Mode_MODE_FLOW, FirstSeq: 1,
		Prefix: wire.NewWho("", target, "ab://stranger/system").Bytes,
	}}})
}

func TestWhatBecomesOfMessagesIsNotSaidOfTheNextStreamWithTheFlowsNumber(t *testing.T) {
	address, letGo, handled := standstill(t, func(n uint64) bool { return n >= 5 })
	s := strange(t, address)
	s.greets()
	s.binds(2, "ab:///slow")
	for n := range uint64(10) {
		s.sends(2, n+1, 0, adding(t, n+1))
	}
	s.gives(10, "ab:///worker")
	s.sends(2, 1, 0, adding(t, 1))
	letGo()
	for range 10 {
		receive(t, "a message", handled)
	}
	s.says(&actorbridgev1.Frame{Ping: &actorbridgev1.Ping{Token: 9}})
	s.until("the pong", func(p *wire.Packet) bool {
		for _, state := range p.Head.GetState() {
			if state.Flow == 2 && (len(state.Outcomes) > 0 || state.Processed > 1) {
				t.Errorf("of a stream that has sent one message it says %v", state)
			}
		}
		return p.Head.GetPong() != nil
	})
}

func TestAnActorThatHoldsWhatTwoStreamsOfOneFlowsNumberSentHandlesAll(t *testing.T) {
	address, letGo, handled := standstill(t, func(uint64) bool { return false })
	s := strange(t, address)
	s.greets()
	s.binds(2, "ab:///slow")
	for n := range uint64(10) {
		s.sends(2, n+1, 0, adding(t, n+1))
	}
	s.gives(10, "ab:///slow")
	for n := range uint64(5) {
		s.sends(2, n+1, 0, adding(t, n+11))
	}
	s.settles()
	letGo()
	for n := range uint64(15) {
		if got := receive(t, "a message", handled); got != n+1 {
			t.Fatalf("message %d came as number %d", got, n+1)
		}
	}
	s.until("what is processed of the second stream", func(p *wire.Packet) bool {
		for _, state := range p.Head.GetState() {
			if state.Flow == 2 && state.Processed > 5 {
				t.Fatalf("of 5 messages %d are processed", state.Processed)
			}
			if state.Flow == 2 && state.Processed == 5 {
				return true
			}
		}
		return false
	})
}
