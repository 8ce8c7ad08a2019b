package actorbridge_test

import (
	"context"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// trafficWith is what a node has counted of its links with a peer.
func trafficWith(t *testing.T, node *ab.Node, peer string) *actorbridgev1.Traffic {
	t.Helper()
	for _, traffic := range node.Status(nil).Traffic {
		if traffic.Peer == peer {
			return traffic
		}
	}
	t.Fatalf("node %s knows no peer %s", node.Name(), peer)
	return nil
}

// joinedNodes are two nodes with a link, and an actor of b.
func joinedNodes(t *testing.T) (a, b *ab.Node, echo ab.Ref) {
	b, address := listening(t, "tcp://127.0.0.1:0")
	spawn(t, b, "echo")
	a = start(t, "a", ab.WithLink(remote.Door(address)))
	return a, b, refOf(t, a, "ab:///echo")
}

func TestBothEndsOfALinkCountTheSameFramesAndBytes(t *testing.T) {
	a, b, echo := joinedNodes(t)
	if _, err := ab.Ask[*testpb.EchoReply](t.Context(), echo, &testpb.EchoRequest{}); err != nil {
		t.Fatal(err)
	}
	same := func(to, from *actorbridgev1.Traffic) bool {
		return to.FramesSent > 0 && to.BytesSent > to.FramesSent && to.FramesSent == from.FramesReceived &&
			to.BytesSent == from.BytesReceived
	}
	eventually(t, "what has left to have come", func() bool {
		return same(trafficWith(t, a, "b"), trafficWith(t, b, "a"))
	})
	if back := trafficWith(t, a, "b"); back.BytesReceived <= back.FramesReceived {
		t.Errorf("a has counted %v", back)
	}
}

func TestALinkThatComesBackGoesOnCounting(t *testing.T) {
	b, address := listening(t, "tcp://127.0.0.1:0")
	a := start(t, "a", ab.WithLink(remote.Door(address)))
	before := trafficWith(t, a, "b")
	a.Disconnect("b")
	eventually(t, "the end of the link", func() bool { return len(a.Peers())+len(b.Peers()) == 0 })
	if _, err := a.Dial(t.Context(), remote.Door(address)); err != nil {
		t.Fatal(err)
	}
	after := trafficWith(t, a, "b")
	if before.Reconnects != 0 || after.Reconnects != 1 || after.FramesSent < before.FramesSent {
		t.Errorf("before %v, after %v", before, after)
	}
}

func TestAsksAreCountedByHowTheyEndedAndToldWhileTheyWait(t *testing.T) {
	a, _, echo := joinedNodes(t)
	counted := func(code actorbridgev1.Code) uint64 {
		for _, asks := range a.Status(nil).Asks {
			if asks.Code == code {
				return asks.Count
			}
		}
		return 0
	}
	before := counted(actorbridgev1.Code_CODE_OK)
	if _, err := ab.Ask[*testpb.EchoReply](t.Context(), echo, &testpb.EchoRequest{}); err != nil {
		t.Fatal(err)
	}
	if counted(actorbridgev1.Code_CODE_OK) <= before {
		t.Error("an ask that is answered is not counted")
	}
	if _, err := a.Ask(t.Context(), echo, &testpb.FailNow{Code: "X"}); err == nil {
		t.Fatal("it does not fail")
	}
	if n := counted(actorbridgev1.Code_CODE_HANDLER_ERROR); n != 1 {
		t.Errorf("%d asks have failed", n)
	}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := a.Ask(ctx, echo, &testpb.Hold{})
		ended <- err
	}()
	eventually(t, "the ask to be told", func() bool {
		now := a.Status(nil)
		return now.AsksWaiting == 1 && len(now.OldestAsks) == 1 && now.OldestAsks[0].Target == "ab:///echo" &&
			now.OldestAsks[0].Peer == "b"
	})
	cancel()
	if err := receive(t, "the end of the ask", ended); err == nil {
		t.Error("it is answered")
	}
	if n := counted(actorbridgev1.Code_CODE_OUTCOME_UNKNOWN); n != 1 || a.Status(nil).AsksWaiting != 0 {
		t.Errorf("%d have been given up", n)
	}
}

func TestASenderWithoutCreditIsCountedOnceAndItsMailboxIsTheFullest(t *testing.T) {
	t.Parallel() // its end waits for a handler that does not return
	a, b, _ := joinedNodes(t)
	spawn(t, b, "slow", ab.Mailbox(4))
	slow := refOf(t, a, "ab:///slow")
	must(t, a.Tell(t.Context(), slow, &testpb.Hold{}))
	for a.TryTell(slow, &testpb.Add{}) == nil {
	}
	if a.TryTell(slow, &testpb.Add{}) == nil {
		t.Error("there is credit again")
	}
	if n := trafficWith(t, a, "b").CreditStalls; n != 1 {
		t.Errorf("%d stalls", n)
	}
	if links := a.Status(nil).Links; len(links) != 1 || links[0].Stalled != 1 || !links[0].Dialled || !links[0].Up {
		t.Errorf("the links are %v", links)
	}
	there, err := ab.Ask[*actorbridgev1.NodeStatus](t.Context(), refOf(t, a, "ab://b/system"), &actorbridgev1.StatusRequest{MostActors: 1})
	must(t, err)
	if there.Node != "b" || there.Actors != 2 || len(there.Fullest) != 1 || there.Fullest[0].Path != "slow" {
		t.Errorf("b says %v", there)
	}
	only := b.Status(&actorbridgev1.StatusRequest{Prefix: "e"})
	if len(only.Fullest) != 1 || only.Fullest[0].Path != "echo" || only.Fullest[0].Dispatcher != "pool" {
		t.Errorf("with a prefix it is %v", only.Fullest)
	}
}
