package actorbridge_test

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// One who floods an actor by a link keeps nobody else from it.

// stuck: who has waited so long for room waits until the peer reads.
const stuck = 300 * time.Millisecond

// reader is a peer that reads by hand.
type reader struct {
	*stranger
	// asked are the flows to the actor that is asked.
	asked   []uint32
	flooded int
}

// next reads a packet: the correlation of the ask that is in it, or 0, and how much of the flood came before.
func (r *reader) next() (correlation uint64, before int) {
	r.t.Helper()
	came := make(chan *wire.Packet, 1)
	go func() {
		p, err := r.link.Recv()
		if err != nil {
			r.t.Errorf("the link is over: %v", err)
		}
		came <- p
	}()
	p := receive(r.t, "a packet", came)
	if p == nil {
		r.t.FailNow()
	}
	for _, open := range p.Head.GetOpen() {
		if bytes.Contains(open.Prefix, []byte("asked")) {
			r.asked = append(r.asked, open.Flow)
		}
	}
	for _, run := range p.Runs {
		if !slices.Contains(r.asked, run.Flow) {
			r.flooded += run.Len()
			continue
		}
		var e wire.Envelope
		if refusal := e.ReadBody(run.All()[0].Body, 0); refusal != nil {
			r.t.Fatal(refusal)
		}
		correlation, before = e.Correlation, r.flooded
	}
	return correlation, before
}

func TestAnAskIsAnsweredWhileTheFloodOfAnotherActorStillWaits(t *testing.T) {
	node, address := listening(t, "tcp://127.0.0.1:0")
	link, err := remote.Door(address).Dial(t.Context())
	must(t, err)
	t.Cleanup(func() { link.Close() })
	r := &reader{stranger: &stranger{t: t, link: link}}
	head := hello(1, 1)
	head.Hello.Limits = &actorbridgev1.Limits{InitialCredit: 10_000}
	r.says(head)
	r.next()
	eventually(t, "the link", func() bool { return slices.Equal(node.Peers(), []string{"stranger"}) })

	flooded, asked := refOf(t, node, "ab://stranger/flooded"), refOf(t, node, "ab://stranger/asked")
	data := ab.NewRawType("fair.v1.Data")
	flood := 0
	for {
		ctx, cancel := context.WithTimeout(t.Context(), stuck)
		err := node.TellRaw(ctx, flooded, data, make([]byte, 8<<10))
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			break
		}
		must(t, err)
		flood++
	}
	answered := make(chan error, 1)
	go func() {
		reply, err := node.AskRaw(t.Context(), asked, data, []byte("who"))
		if err == nil && string(reply) != "here" {
			t.Errorf("the answer is %q", reply)
		}
		answered <- err
	}()

	eventually(t, "the ask is sent", func() bool {
		asks := node.Status(&actorbridgev1.StatusRequest{}).OldestAsks
		return len(asks) == 1 && asks[0].Peer == "stranger"
	})

	correlation, before := r.next()
	for correlation == 0 {
		correlation, before = r.next()
	}
	if before == flood {
		t.Fatalf("all %d messages of the flood came before the ask", before)
	}
	what := wire.NewWhat(actorbridgev1.Kind_KIND_REPLY, "fair.v1.Data", 1, 1, actorbridgev1.ContentType_CONTENT_TYPE_RAW)
	r.sends(0, 0, 0, wire.Join(nil, what.Bytes, wire.AppendBody(nil, wire.BodyFields{Correlation: correlation}, []byte("here"))))
	must(t, receive(t, "the answer, while its peer reads no more", answered))
	for r.flooded < flood {
		r.next()
	}
}
