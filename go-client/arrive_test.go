package actorbridge_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

func (s *stranger) steps(path string, step *actorbridgev1.Move) {
	s.t.Helper()
	step.Actor, step.Epoch = "ab:///"+path, 2
	s.says(&actorbridgev1.Frame{Move: []*actorbridgev1.Move{step}})
}

// offers offers an actor of so many bytes.
func (s *stranger) offers(path string, total uint64) {
	s.t.Helper()
	s.steps(path, &actorbridgev1.Move{Step: &actorbridgev1.Move_Offer{Offer: &actorbridgev1.Offer{
		Type: "actorbridge.test.v1.Count", StateVersion: 1, Codec: "protobuf", Total: total, Sha256: make([]byte, 32),
	}}})
}

func (s *stranger) aborts(path string) {
	s.t.Helper()
	s.steps(path, &actorbridgev1.Move{Step: &actorbridgev1.Move_Aborted{Aborted: &actorbridgev1.Aborted{}}})
}

// aborted waits for the next offer that the node does not take, and says which, and why.
func (s *stranger) aborted() (path string, why *actorbridgev1.Aborted) {
	s.t.Helper()
	s.until("the refusal of an offer", func(p *wire.Packet) bool {
		for _, step := range p.Head.Move {
			if why = step.GetAborted(); why != nil {
				path = strings.TrimPrefix(step.Actor, "ab:///")
				return true
			}
		}
		return false
	})
	return path, why
}

func TestANodeTakes64ActorsOr256MiBOfThemAtOnceAndTheNextOnceOneIsOver(t *testing.T) {
	for name, c := range map[string]struct {
		most  int
		total uint64
	}{"actors": {64, 100}, "bytes": {4, 64 << 20}} {
		t.Run(name, func(t *testing.T) {
			_, address := listening(t, "tcp://127.0.0.1:0")
			s := strange(t, address)
			s.greets()
			for i := range c.most {
				s.offers(fmt.Sprint("order/", i), c.total)
			}
			s.offers("order/0", c.total) // anew: it takes the place of the first
			s.offers("order/over", 100)
			path, why := s.aborted()
			if path != "order/over" || ab.Code(why.Code) != ab.CodeMailboxFull || !strings.Contains(why.Detail, "try again") {
				t.Fatalf("%s is refused with %v", path, why)
			}
			s.aborts("order/1")
			s.offers("order/next", 100)
			s.offers("nobody", 100)
			if path, why := s.aborted(); path != "nobody" || ab.Code(why.Code) != ab.CodeNoSuchActor {
				t.Errorf("%s is refused with %v", path, why)
			}
		})
	}
}

func TestAnActorThatOneNodeOffersIsNotTakenFromAnother(t *testing.T) {
	_, address := listening(t, "tcp://127.0.0.1:0")
	first := strange(t, address)
	first.greets()
	first.offers("order/1", 100)
	first.offers("nobody", 100)
	first.aborted() // so the one before has been taken
	second := strange(t, address)
	second.says(&actorbridgev1.Frame{Hello: &actorbridgev1.Hello{
		MinProtocol: 1, MaxProtocol: 1, Node: "another", Incarnation: 8, LinkEpoch: 1, Lanes: 1,
	}})
	second.offers("order/1", 100)
	if path, why := second.aborted(); path != "order/1" || ab.Code(why.Code) != ab.CodeFenced {
		t.Errorf("%s is refused with %v", path, why)
	}
}

func TestAMoveToANodeThatTakesNoMovesSaysThatItIsToBeUpgraded(t *testing.T) {
	node, address := listening(t, "tcp://127.0.0.1:0")
	worker := spawn(t, node, "worker")
	s := strange(t, address)
	s.greets() // without capabilities
	_, err := node.Move(t.Context(), worker, ab.To("stranger"))
	if !errors.Is(err, ab.ErrUnsupportedKind) || !strings.Contains(err.Error(), "upgrade") {
		t.Errorf("it fails with %v", err)
	}
	expect(t, worker, 0)
}
