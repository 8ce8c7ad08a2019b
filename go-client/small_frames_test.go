package actorbridge_test

import (
	"slices"
	"testing"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// Frames that carry nothing, and then frames with a message each, to an actor that stands still. HTTP/2 in Rust would not bear as
// many.
func TestAnActorThatStoodStillGetsAllThatAPeerSentInSmallFrames(t *testing.T) {
	const empty, full = 60_000, 2_000
	node, address := listening(t, "tcp://127.0.0.1:0")
	gate, told := make(chan struct{}), make(chan uint64, full)
	_, err := node.Spawn("worker", func() ab.Receiver {
		return ab.ReceiverFunc(func(_ ab.Context, m *ab.Message) error {
			var add testpb.Add
			if err := m.Decode(&add); err != nil {
				return err
			}
			<-gate
			told <- add.N
			return nil
		})
	}, ab.Mailbox(2*full))
	must(t, err)
	s := strange(t, address)
	s.greets()
	go func() {
		for range s.came { // what the node says is read, and not looked at
		}
	}()
	for range empty {
		s.says(&actorbridgev1.Frame{})
	}
	for n := uint64(1); n <= full; n++ {
		payload, err := proto.Marshal(&testpb.Add{By: 1, N: n})
		must(t, err)
		s.sends(1, n, 0, enveloped(actorbridgev1.Kind_KIND_TELL, 0, &testpb.Add{}, payload))
	}
	eventually(t, "all are in the mailbox", func() bool { return depth(t, node, "worker") == full })
	close(gate)
	for n := uint64(1); n <= full; n++ {
		if got := receive(t, "a message", told); got != n {
			t.Fatalf("in the place of message %d came %d", n, got)
		}
	}
	if peers := node.Peers(); !slices.Equal(peers, []string{"stranger"}) {
		t.Errorf("it is linked with %v", peers)
	}
}
