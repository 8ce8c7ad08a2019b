//go:build cgo

package native

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// packets is a receiver that tells of each packet.
type packets struct {
	roomless
	came chan struct{}
}

// Packet implements door.LaneReceiver.
func (p packets) Packet(*wire.Packet) { p.came <- struct{}{} }

func TestAReceiverToWhichLittleComesSleepsInsteadOfLookingForMore(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // this goroutine and the receiver take turns
	l, node, ringer := bare(t)
	l.paid = true // as after many messages that came one soon after the other
	receiver := packets{came: make(chan struct{})}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		for l.next(receiver) == nil {
		}
	}()
	// turnsUntilItSleeps counts how often the receiver looks for more, and lets others run.
	turnsUntilItSleeps := func() (turns int) {
		for ; atomic.LoadUint32(l.in.asleep) == 0; turns++ {
			runtime.Gosched()
		}
		return turns
	}
	turnsUntilItSleeps()
	for range 20 {
		time.Sleep(2 * time.Millisecond) // longer than it pays to look for more
		node.put(tagFrame, nil)
		if !node.publish() {
			t.Fatal("it slept, and need not be woken")
		}
		if _, err := ringer.Write([]byte{0}); err != nil {
			t.Fatal(err)
		}
		<-receiver.came
		if turns := turnsUntilItSleeps(); turns > 10 {
			t.Fatalf("it looked %d times for more that did not come", turns)
		}
	}
	_ = l.bell.Close()
	<-ended
}
