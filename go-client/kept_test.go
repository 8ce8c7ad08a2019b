package actorbridge_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// away is a node named b at address, until it is ended; by the same address another may come.
func away(t *testing.T, address string) (b *ab.Node, at string, end func()) {
	t.Helper()
	b = start(t, "b")
	server, err := remote.Listen(b, address)
	must(t, err)
	t.Cleanup(server.Close)
	return b, server.Addr(), func() {
		shutdown(t, b)
		server.Close()
	}
}

func TestALostLinkIsShownAndMadeAgainUntilTheUserEndsIt(t *testing.T) {
	b, address, end := away(t, "tcp://127.0.0.1:0")
	a := start(t, "a", ab.WithLink(remote.Door(address)))
	if got := a.Links(); !slices.Equal(got, []ab.LinkInfo{{Peer: "b", Door: address, State: ab.LinkUp}}) {
		t.Errorf("the links of a are %+v", got)
	}
	if got := b.Links(); !slices.Equal(got, []ab.LinkInfo{{Peer: "a", State: ab.LinkUp}}) {
		t.Errorf("the links of b are %+v", got)
	}
	end()
	eventually(t, "attempts that fail", func() bool { return a.Links()[0].Attempts >= 2 })
	if l := a.Links()[0]; l.State != ab.LinkRedialling || l.Redials != 0 || l.Reason == "" {
		t.Errorf("while nobody is there it is %+v", l)
	}
	for _, to := range []string{"ab://b/counter", "ab:///counter"} {
		err := a.Tell(t.Context(), refOf(t, a, to), &testpb.Add{})
		var fault *ab.Error
		if !errors.As(err, &fault) || fault.Code != ab.CodeUnavailable || fault.Effect != ab.EffectNone ||
			!strings.Contains(err.Error(), "is being made again") {
			t.Errorf("a tell says %v", err)
		}
	}
	b, _, _ = away(t, address)
	spawn(t, b, "counter")
	eventually(t, "the new link", func() bool { return a.Links()[0].State == ab.LinkUp })
	if l := a.Links()[0]; l.Redials != 1 || l.Attempts != 0 || l.Reason != "" {
		t.Errorf("when it is back it is %+v", l)
	}
	expect(t, refOf(t, a, "ab://b/counter"), 0)
	expect(t, refOf(t, a, "ab:///counter"), 0)
	a.Disconnect("b")
	if left := a.Links(); len(left) != 0 {
		t.Errorf("after its end there is %+v", left)
	}
	eventually(t, "the end of the link", func() bool { return len(b.Peers()) == 0 })
}

func TestALinkThatIsDialledAgainCanBeEndedAndALinkForOnceStaysLost(t *testing.T) {
	_, address, end := away(t, "tcp://127.0.0.1:0")
	a := start(t, "a", ab.WithLink(remote.Door(address)))
	end()
	eventually(t, "the loss", func() bool { return a.Links()[0].State == ab.LinkRedialling })
	a.Disconnect("b")
	if left := a.Links(); len(left) != 0 {
		t.Errorf("after its end there is %+v", left)
	}
	_, _, end = away(t, address)
	once := remote.Door(address, remote.Once())
	if _, ok := once.(door.Redialer); ok || once.String() != address {
		t.Errorf("a door for once is %T %s", once, once)
	}
	_, err := a.Dial(t.Context(), once)
	must(t, err)
	if got := a.Links(); !slices.Equal(got, []ab.LinkInfo{{Peer: "b", State: ab.LinkUp}}) {
		t.Errorf("the link for once is %+v", got)
	}
	end()
	eventually(t, "the end of the link", func() bool { return len(a.Links()) == 0 })
	if err := a.Tell(t.Context(), refOf(t, a, "ab://b/counter"), &testpb.Add{}); !strings.Contains(err.Error(), "no link to node b is up") {
		t.Errorf("a tell says %v", err)
	}
}

func TestASecondDialTakesThePlaceOfTheFirstForGood(t *testing.T) {
	b, address, _ := away(t, "tcp://127.0.0.1:0")
	spawn(t, b, "counter")
	a := start(t, "a", ab.WithLink(remote.Door(address)))
	for range 10 {
		tellMany(t, a, refOf(t, a, "ab://b/counter"), 1, 1)
		_, err := a.Dial(t.Context(), remote.Door(address))
		must(t, err)
	}
	eventually(t, "one link", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 && len(a.Links()) == 1 })
	counts(t, refOf(t, a, "ab:///counter"))
	if l := a.Links(); len(l) != 1 || l[0].Redials != 0 {
		t.Errorf("the links are %+v", l)
	}
}

// greetsAs says Hello as a process of node a, by its dial of that number.
func (s *stranger) greetsAs(incarnation, epoch uint64) {
	s.t.Helper()
	head := hello(1, 1)
	head.Hello.Node, head.Hello.Incarnation, head.Hello.LinkEpoch = "a", incarnation, epoch
	s.says(head)
}

func isWelcome(p *wire.Packet) bool { return p.Head.GetWelcome() != nil }

// goodbye waits for a Goodbye with these words.
func (s *stranger) goodbye(words string) (said *actorbridgev1.Goodbye) {
	s.t.Helper()
	s.until("the Goodbye", func(p *wire.Packet) bool {
		said = p.Head.GetGoodbye()
		return said != nil
	})
	if !strings.Contains(said.Detail, words) {
		s.t.Errorf("the Goodbye says %q, not %q", said.Detail, words)
	}
	return said
}

// shown is a link whose transport says who the peer is.
type shown struct {
	door.Link
	identity *door.Identity
}

func (l shown) Identity() *door.Identity { return l.identity }

type identifying struct {
	*ab.Node
	as string
}

func (i identifying) Accept(l door.Link) error {
	return i.Node.Accept(shown{l, &door.Identity{Nodes: []string{i.as}}})
}

func TestANodeHasOneLinkOfAPeerItsNewest(t *testing.T) {
	b := start(t, "b")
	first := strangeBy(t, abtest.Door(b))
	first.greetsAs(7, 5)
	first.until("the Welcome", isWelcome)
	late := strangeBy(t, abtest.Door(b))
	late.greetsAs(7, 4)
	late.goodbye("has dialled again since")
	forged := strangeBy(t, abtest.Door(identifying{b, "c"}))
	forged.greetsAs(7, 6)
	forged.goodbye("the certificate of node a is of c")
	if peers := b.Peers(); !slices.Equal(peers, []string{"a"}) {
		t.Errorf("another's link cannot be ended: %v", peers)
	}
	newer := strangeBy(t, abtest.Door(b))
	newer.greetsAs(7, 6)
	newer.until("the Welcome", isWelcome)
	if said := first.goodbye("a newer link of the same node"); said.LastFrame != 1 {
		t.Errorf("its last frame was %d", said.LastFrame)
	}
	if peers := b.Peers(); !slices.Equal(peers, []string{"a"}) {
		t.Errorf("the peers are %v", peers)
	}
}

func TestAnotherProcessOfALinkedNameMustWaitForASignOfLife(t *testing.T) {
	b := start(t, "b")
	first := strangeBy(t, abtest.Door(b))
	first.greetsAs(7, 1)
	first.until("the Welcome", isWelcome)
	second := strangeBy(t, abtest.Door(b))
	second.greetsAs(8, 1)
	var question *actorbridgev1.Ping
	first.until("the question", func(p *wire.Packet) bool {
		question = p.Head.GetPing()
		return question != nil
	})
	first.says(&actorbridgev1.Frame{Pong: &actorbridgev1.Pong{Token: question.Token}})
	second.goodbye("this is another of that name")
	time.Sleep(2 * time.Millisecond) // a node counts milliseconds: in the one of its answer the first is alive
	third := strangeBy(t, abtest.Door(b))
	third.greetsAs(9, 1)
	// What was under way when the first died is no sign of life: frames, and the answer to an earlier ping.
	first.until("the question", func(p *wire.Packet) bool { return p.Head.GetPing() != nil })
	first.says(&actorbridgev1.Frame{})
	first.says(&actorbridgev1.Frame{Pong: &actorbridgev1.Pong{Token: question.Token}})
	third.until("the Welcome", isWelcome)
	if peers := b.Peers(); !slices.Equal(peers, []string{"a"}) {
		t.Errorf("the peers are %v", peers)
	}
}
