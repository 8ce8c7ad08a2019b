package actorbridge_test

import (
	"errors"
	"fmt"
	"iter"
	"slices"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// A look is a tap of a node's links that has begun.
type look struct {
	t    *testing.T
	pull func() (*ab.Message, error, bool)
	end  func()
}

func lookAt(t *testing.T, node *ab.Node, request *actorbridgev1.TapRequest) look {
	t.Helper()
	tap, err := node.Subscribe(t.Context(), refOf(t, node, "ab:///system"), request)
	must(t, err)
	pull, end := iter.Pull2(tap.All())
	t.Cleanup(end)
	l := look{t, pull, end}
	if begun := l.next(); begun == nil || len(begun.Envelopes) > 0 {
		t.Fatalf("it begins with %v", begun)
	}
	return l
}

// next is the next event, nil at the end.
func (l look) next() *actorbridgev1.Tapped {
	l.t.Helper()
	event, err, more := l.pull()
	if !more {
		return nil
	}
	must(l.t, err)
	tapped := new(actorbridgev1.Tapped)
	must(l.t, event.Decode(tapped))
	return tapped
}

// all is what is shown until the end.
func (l look) all() (shown []string) {
	l.t.Helper()
	for tapped := l.next(); tapped != nil; tapped = l.next() {
		for _, e := range tapped.Envelopes {
			shown = append(shown, fmt.Sprintf("%v %v %s>%s %s %d B seq %d hops %d %s ttl %v correlation %v",
				e.Direction, e.Kind, e.Source, e.Target, e.Type, e.PayloadBytes, e.Seq, e.Hops, e.Peer, e.TtlMs > 0, e.Correlation > 0))
		}
	}
	return shown
}

func TestATapShowsAnAskAndItsAnswerAtBothEndsOfALink(t *testing.T) {
	a, b, echo := joinedNodes(t)
	request := &actorbridgev1.TapRequest{Actor: "echo", Most: 2}
	sent, received := lookAt(t, a, request), lookAt(t, b, request)
	_, err := ab.Ask[*testpb.EchoReply](t.Context(), echo, &testpb.EchoRequest{Text: "secret"})
	must(t, err)
	ask := " KIND_ASK >ab:///echo actorbridge.test.v1.EchoRequest 8 B seq 1 hops 0 %s ttl true correlation true"
	reply := " KIND_REPLY > actorbridge.test.v1.EchoReply 12 B seq 0 hops 0 %s ttl false correlation true"
	for _, end := range []struct {
		look          look
		out, in, peer string
	}{
		{sent, "DIRECTION_SENT", "DIRECTION_RECEIVED", "b"}, {received, "DIRECTION_RECEIVED", "DIRECTION_SENT", "a"},
	} {
		want := []string{fmt.Sprintf(end.out+ask, end.peer), fmt.Sprintf(end.in+reply, end.peer)}
		if got := end.look.all(); !slices.Equal(got, want) {
			t.Errorf("it shows\n%q, not\n%q", got, want)
		}
	}
}

func TestOfTellsThatGoTogetherEachIsShownOrCountedAsMissed(t *testing.T) {
	const count = 50_000
	a, _, echo := joinedNodes(t)
	tick := ab.NewRawType("ticks.v1.Tick")
	look := lookAt(t, a, &actorbridgev1.TapRequest{Type: "ticks.v1."})
	payloads := make([][]byte, count)
	for i := range payloads {
		payloads[i] = []byte("tick")
	}
	if _, err := a.TellRawAll(t.Context(), echo, tick, payloads); err != nil {
		t.Fatal(err)
	}
	shown, missed, last := 0, uint64(0), uint64(0)
	for uint64(shown)+missed < count {
		tapped := look.next()
		if len(tapped.Envelopes) > 512 {
			t.Fatalf("%d at once", len(tapped.Envelopes))
		}
		for _, e := range tapped.Envelopes {
			if e.Seq <= last || e.PayloadBytes != 4 {
				t.Fatalf("after seq %d comes %v", last, e)
			}
			last = e.Seq
		}
		shown, missed = shown+len(tapped.Envelopes), tapped.Missed
	}
	if uint64(shown)+missed != count || missed == 0 {
		t.Errorf("%d are shown, %d missed", shown, missed)
	}
}

func TestTwoTapsShowTheSameOfTellsThatCameTogether(t *testing.T) {
	a, b, echo := joinedNodes(t)
	tick := ab.NewRawType("ticks.v1.Tick")
	var payloads [][]byte
	var want []string
	for i := 1; i <= 8; i++ {
		payloads = append(payloads, make([]byte, i))
		want = append(want, fmt.Sprintf("DIRECTION_RECEIVED KIND_TELL >ab:///echo ticks.v1.Tick %d B seq %d hops 0 a ttl false correlation false", i, i))
	}
	request := &actorbridgev1.TapRequest{Type: "ticks.v1.", Most: 8}
	looks := []look{lookAt(t, b, request), lookAt(t, b, request)}
	if _, err := a.TellRawAll(t.Context(), echo, tick, payloads); err != nil {
		t.Fatal(err)
	}
	for _, look := range looks {
		if got := look.all(); !slices.Equal(got, want) {
			t.Errorf("it shows\n%q, not\n%q", got, want)
		}
	}
}

func TestANinthTapIsRefusedUntilAnotherOneEnds(t *testing.T) {
	a := start(t, "a")
	var looks []look
	for range 8 {
		looks = append(looks, lookAt(t, a, &actorbridgev1.TapRequest{}))
	}
	another := func() error {
		tap, err := a.Subscribe(t.Context(), refOf(t, a, "ab:///system"), &actorbridgev1.TapRequest{})
		must(t, err)
		for _, err = range tap.All() {
			break
		}
		return err
	}
	if err := another(); !errors.Is(err, ab.ErrMailboxFull) {
		t.Fatalf("the ninth gave %v", err)
	}
	looks[0].end()
	eventually(t, "room for another tap", func() bool { return another() == nil })
}
