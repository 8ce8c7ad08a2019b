//go:build cgo

package native

import (
	"context"
	"slices"
	"sync"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// What goes through the rings goes past the packets: a tap sees it all the same, at both ends.
func TestATapSeesWhatGoesThroughSharedMemory(t *testing.T) {
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	node, err := ab.Start(ctx, "go", ab.WithLink(Door(Name("rust"))))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = node.Shutdown(ctx) }()
	system := func(of string) ab.Ref {
		ref, err := node.Ref("ab://" + of + "/system")
		if err != nil {
			t.Fatal(err)
		}
		return ref
	}
	rust := system("rust")
	looks := map[string]func() []*pb.TappedEnvelope{}
	for _, end := range []string{"go", "rust"} {
		looks[end] = look(ctx, t, node, system(end))
	}
	if err := node.TellRaw(ctx, rust, ab.NewRawType("ticks.v1.Tick"), []byte("tick")); err != nil {
		t.Fatal(err)
	}
	if _, err := ab.Ask[*pb.ListReply](ctx, rust, &pb.ListRequest{}); err != nil {
		t.Fatal(err)
	}
	for end, rest := range looks {
		there := map[string]pb.Direction{"go": pb.Direction_DIRECTION_SENT, "rust": pb.Direction_DIRECTION_RECEIVED}[end]
		back := pb.Direction_DIRECTION_SENT + pb.Direction_DIRECTION_RECEIVED - there
		var got []string
		for _, e := range rest() {
			got = append(got, e.Type+" "+e.Direction.String())
		}
		want := []string{"ticks.v1.Tick " + there.String(), "actorbridge.v1.ListRequest " + there.String(), "actorbridge.v1.ListReply " + back.String()}
		// The other end's tap may have begun after this one.
		got = slices.DeleteFunc(got, func(shown string) bool { return !slices.Contains(want, shown) })
		if !slices.Equal(got, want) {
			t.Errorf("at the %s node it shows %q, not %q", end, got, want)
		}
	}
}

// look begins a tap, and returns what waits for a reply to a list, and for all that was shown until then.
func look(ctx context.Context, t *testing.T, node *ab.Node, system ab.Ref) func() (shown []*pb.TappedEnvelope) {
	t.Helper()
	tap, err := node.Subscribe(ctx, system, &pb.TapRequest{})
	if err != nil {
		t.Fatal(err)
	}
	var once sync.Once
	begun, events := make(chan struct{}), make(chan []*pb.TappedEnvelope, 1)
	go func() {
		var shown []*pb.TappedEnvelope
		defer func() { events <- shown }()
		for event, err := range tap.All() {
			var tapped pb.Tapped
			if err != nil || event.Decode(&tapped) != nil {
				return
			}
			once.Do(func() { close(begun) })
			shown = append(shown, tapped.Envelopes...)
			if slices.ContainsFunc(tapped.Envelopes, func(e *pb.TappedEnvelope) bool { return e.Type == "actorbridge.v1.ListReply" }) {
				return
			}
		}
	}()
	select {
	case <-begun:
	case <-ctx.Done():
		t.Fatal("the tap did not begin")
	}
	return func() []*pb.TappedEnvelope { return <-events }
}
