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

// bare is a link without a library, what writes as its node would, and the end of its doorbell that the node rings.
func bare(t *testing.T) (l *link, node *ringWriter, ringer *os.File) {
	t.Helper()
	to, from, err := rings(memory(4096))
	if err != nil {
		t.Fatal(err)
	}
	bell, ringer, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _, _ = bell.Close(), ringer.Close() })
	l = &link{bell: bell, in: ringReader{ring: from}, out: ringWriter{ring: to}}
	if l.raw, err = bell.SyscallConn(); err != nil {
		t.Fatal(err)
	}
	l.woken = func(uintptr) bool { return atomic.LoadUint32(l.in.asleep) == 0 }
	return l, &ringWriter{ring: from}, ringer
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
	l, _, _ := bare(t)
	if l.HasRoom(8192) {
		t.Fatal("8 KiB fit into a ring of 4")
	}
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
	_ = l.bell.Close()
	if err := <-ended; !errors.Is(err, io.EOF) {
		t.Errorf("when its doorbell was closed it said %v", err)
	}
}
