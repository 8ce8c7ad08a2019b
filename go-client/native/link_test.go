//go:build cgo

package native

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	_ "github.com/actorbridge/actorbridge/go-client/native/lib"
)

// dial makes a link and shakes hands; what follows is frame 2 of either side.
func dial(t *testing.T, d door.Door) *link {
	t.Helper()
	return dialLogging(t, d, slog.DiscardHandler)
}

func dialLogging(t *testing.T, d door.Door, handler slog.Handler) *link {
	t.Helper()
	dialled, err := d.Dial(door.WithLogger(t.Context(), slog.New(handler)))
	if err != nil {
		t.Fatal(err)
	}
	l := dialled.(*link)
	t.Cleanup(func() { _ = l.Close() })
	hello := &pb.Hello{MinProtocol: 1, MaxProtocol: 1, Node: "go", Incarnation: 1, LinkEpoch: 1, Lanes: 1}
	if err := l.Send(&wire.Packet{Head: &pb.Frame{Hello: hello}}); err != nil {
		t.Fatal(err)
	}
	p, err := l.Recv()
	if err != nil || p.Head.Welcome == nil {
		t.Fatalf("after a Hello came %v, %v", p, err)
	}
	return l
}

// findAsks opens flow 1 to the node's /system and asks it n times for an actor.
func findAsks(n int, path string) *wire.Packet {
	who := wire.NewWho("", "ab://actorbridge/system", "ab://go/system")
	what := wire.NewWhat(pb.Kind_KIND_ASK, "actorbridge.v1.FindRequest", 1, 1, pb.ContentType_CONTENT_TYPE_PROTOBUF)
	payload, err := proto.Marshal(&pb.FindRequest{Path: path})
	if err != nil {
		panic(err)
	}
	p := &wire.Packet{Head: &pb.Frame{
		Open: []*pb.StreamOpen{{Flow: 1, Stream: 7, Epoch: 1, Mode: pb.Mode_MODE_FLOW, Prefix: who.Bytes, FirstSeq: 1}},
		Type: []*pb.TypeDef{{Id: 1, Prefix: what.Bytes}},
	}, Runs: []wire.Run{{Flow: 1, FirstSeq: 1}}}
	for i := range n {
		body := wire.AppendBody(nil, wire.BodyFields{Correlation: uint64(i + 1)}, payload)
		p.Runs[0].Items = append(p.Runs[0].Items, wire.Item{TypeID: 1, TTLMs: 5000, Body: body})
	}
	return p
}

// answers receives until every one of n asks has its answer, and returns their correlations in the order of arrival.
func answers(t *testing.T, l *link, n int) []uint64 {
	t.Helper()
	var got []uint64
	for len(got) < n {
		p, err := l.Recv()
		if err != nil {
			t.Fatalf("after %d answers: %v", len(got), err)
		}
		for _, run := range p.Runs {
			for _, item := range run.All() {
				var e wire.Envelope
				if refusal := e.ReadBody(item.Body, 0); refusal != nil {
					t.Fatal(refusal)
				}
				got = append(got, e.Correlation)
			}
		}
	}
	return got
}

func TestAGoNodeAndARustNodeInOneProcessTalkAsIfAtHome(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	node, err := ab.Start(ctx, "go", ab.WithLink(Door(Name("rust"))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Shutdown(ctx) }()
	system, err := node.Ref("ab://rust/system")
	if err != nil {
		t.Fatal(err)
	}
	_, err = ab.Ask[*pb.FindReply](ctx, system, &pb.FindRequest{Path: "nobody"})
	if !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("asking for an actor that is nowhere gave %v", err)
	}
	status, err := ab.Ask[*pb.NodeStatus](ctx, system, &pb.StatusRequest{})
	// AddressSanitizer's malloc does not say what it has given out; that there is something without it, peer-native's tests see.
	if err != nil || status.HeapBytes != 0 && status.HeapBytes < 10_000 {
		t.Errorf("its heap has %d bytes, %v", status.GetHeapBytes(), err)
	}
	found, err := ab.Ask[*pb.FindReply](ctx, system, &pb.FindRequest{Path: "system"})
	if err != nil || found.Owner != "rust" {
		t.Errorf("asking for /system gave %v, %v", found, err)
	}
}

func TestAnswersComeInOrder(t *testing.T) {
	l := dial(t, Door())
	if err := l.Send(findAsks(16, strings.Repeat("x", 3000))); err != nil {
		t.Fatal(err)
	}
	for i, correlation := range answers(t, l, 16) {
		if correlation != uint64(i+1) {
			t.Errorf("answer %d is for ask %d", i+1, correlation)
		}
	}
}

func TestAMessageBeyondItsCreditIsRefusedNotLost(t *testing.T) {
	l := dial(t, Door())
	// 16 is what every new stream may send at once.
	if err := l.Send(findAsks(17, "nobody")); err != nil {
		t.Fatal(err)
	}
	got := answers(t, l, 17)
	slices.Sort(got)
	if got[0] != 1 || got[16] != 17 {
		t.Errorf("17 asks on 16 credits were answered as %v", got)
	}
}

func TestCloseIsSafeWhile64GoroutinesSendAndOneReceives(t *testing.T) {
	l := dial(t, Door())
	var all sync.WaitGroup
	started := make(chan struct{}, 64)
	for range 64 {
		all.Go(func() {
			started <- struct{}{}
			for l.Send(&wire.Packet{Head: &pb.Frame{Ping: &pb.Ping{Token: 1}}}) == nil {
			}
		})
	}
	all.Go(func() {
		for {
			if _, err := l.Recv(); err != nil {
				if !errors.Is(err, io.EOF) {
					t.Errorf("a closed link ends with io.EOF, not %v", err)
				}
				return
			}
		}
	})
	for range 64 {
		<-started
	}
	if err := errors.Join(l.Close(), l.Close()); err != nil {
		t.Error(err)
	}
	ended := make(chan struct{})
	go func() { all.Wait(); close(ended) }()
	select {
	case <-ended:
	case <-time.After(10 * time.Second):
		t.Fatal("a call did not return after Close")
	}
}

func TestCloseWakesARecvThatWaits(t *testing.T) {
	l := dial(t, Door())
	received := make(chan error)
	go func() {
		_, err := l.Recv()
		received <- err
	}()
	_ = l.Close()
	select {
	case err := <-received:
		if !errors.Is(err, io.EOF) {
			t.Errorf("Recv returned %v", err)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("Recv still waits")
	}
}

func TestAFrameThatBreaksTheProtocolEndsTheLinkWithASentence(t *testing.T) {
	l := dial(t, Door())
	err := l.Send(&wire.Packet{Head: &pb.Frame{}, Runs: []wire.Run{{Flow: 9, FirstSeq: 1, Items: []wire.Item{{Body: []byte{8, 1}}}}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := l.Recv()
	if err != nil || !strings.Contains(p.Head.GetGoodbye().GetDetail(), "flow 9") {
		t.Errorf("the last words are %v, %v", p, err)
	}
	if _, err := l.Recv(); !errors.Is(err, io.EOF) {
		t.Errorf("after the last words: %v", err)
	}
}

func TestAnOpenThatCannotBeSaysWhyAndWhatToDo(t *testing.T) {
	for name, c := range map[string]struct {
		door door.Door
		says string
	}{
		"a name with a slash": {Door(Name("a/b")), "AB_BAD_ARGUMENT"},
		"65 workers":          {Door(Workers(65)), "use 1 to 64"},
	} {
		if _, err := c.door.Dial(t.Context()); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
