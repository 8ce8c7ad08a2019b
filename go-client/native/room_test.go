//go:build cgo

package native

import (
	"errors"
	"io"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/actorbridge/actorbridge/go-client/door"
)

// roomless is a receiver whose link waits for room.
type roomless struct {
	door.LaneReceiver
	looked chan struct{}
}

// Room implements door.LaneReceiver.
func (r roomless) Room() {
	select {
	case r.looked <- struct{}{}:
	default:
	}
}

// The node gives room back while this side is awake, and then says nothing more.
func TestAReceiverThatGoesToSleepLooksForRoomThatNobodyTellsItOf(t *testing.T) {
	to, from, err := rings(memory(4096))
	if err != nil {
		t.Fatal(err)
	}
	bell, node, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer node.Close()
	l := &link{bell: bell, in: ringReader{ring: from}, out: ringWriter{ring: to}}
	if l.HasRoom(8192) {
		t.Fatal("8 KiB fit into a ring of 4")
	}
	if l.raw, err = bell.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	l.woken = func(uintptr) bool { return atomic.LoadUint32(l.in.asleep) == 0 }
	receiver := roomless{looked: make(chan struct{}, 1)}
	ended := make(chan error)
	go func() { ended <- l.next(receiver) }()
	select {
	case <-receiver.looked:
	case <-time.After(10 * time.Second):
		t.Error("it sleeps, and there is room")
	}
	if atomic.LoadUint32(l.in.asleep) == 0 {
		t.Error("it was awake when it looked: there may be room since")
	}
	_ = bell.Close()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("when its doorbell was closed it said %v", err)
	}
}
