//go:build cgo && race

package native

import (
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// reader looks at what another goroutine has written, when an answer comes. No lock is between the two but the rings.
type reader struct {
	packer
	written *int
	read    chan int
}

// Run implements door.LaneReceiver.
func (r *reader) Run(*door.LaneRun) { r.read <- *r.written }

// Packet implements door.LaneReceiver.
func (r *reader) Packet(*wire.Packet) {}

func TestWhatHappenedBeforeAMessageWentToRustIsNoRaceForWhoeverGetsWhatComesOfIt(t *testing.T) {
	l := dial(t, Door())
	written := 0
	r := &reader{written: &written, read: make(chan int, 1)}
	go func() { _ = l.Receive(r) }()
	written = 7 // the goroutine that reads it runs already
	if !l.TrySend(findAsks(1, "nobody")) {
		t.Fatal("there is no room in an empty ring")
	}
	select {
	case read := <-r.read:
		if read != 7 {
			t.Errorf("it reads %d", read)
		}
	case <-time.After(10 * time.Second):
		t.Fatal("no answer comes")
	}
}
