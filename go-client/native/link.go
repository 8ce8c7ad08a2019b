//go:build cgo

package native

// #include "actorbridge.h"
// #cgo noescape ab_link_open
// #cgo nocallback ab_link_open
// #cgo noescape ab_link_fd
// #cgo nocallback ab_link_fd
// #cgo noescape ab_link_map
// #cgo nocallback ab_link_map
// #cgo noescape ab_link_unmap
// #cgo nocallback ab_link_unmap
// #cgo noescape ab_link_wake
// #cgo nocallback ab_link_wake
// #cgo noescape ab_link_close
// #cgo nocallback ab_link_close
import "C"

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os"
	"runtime"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
	"unsafe"

	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	// spinTime is how long a receiver looks for more before it sleeps, if that paid the last time: waking it costs more.
	spinTime = 50 * time.Microsecond
	// takeAtOnce is how many runs and frames are taken before their room is given back.
	takeAtOnce = 64
)

// link is a door.Lane on the C library.
type link struct {
	handle  C.ab_link
	node    *rustNode
	release func()
	once    sync.Once
	log     *slog.Logger

	// The doorbell, and woken, which Receive hands to the poller: once, so that waiting allocates nothing.
	bell  *os.File
	raw   syscall.RawConn
	woken func(uintptr) bool

	// The memory of the rings, which is let go when nobody uses it any more.
	lane   C.ab_lane
	users  atomic.Int64
	out    ringWriter
	in     ringReader
	head   []byte // a packet's, while it is written
	packed packer
	// paid: to look for more for a while before sleeping was of use the last time.
	paid    bool
	sending sync.Mutex
}

func openLink(node C.ab_node) (*link, error) {
	l := new(link)
	var why C.ab_error
	why.struct_size = C.sizeof_ab_error
	if err := check(C.ab_link_open(node, nil, 0, 1, &l.handle, &why), &why); err != nil {
		return nil, err
	}
	if err := errors.Join(l.openBell(), l.openRings()); err != nil {
		C.ab_link_close(l.handle)
		if l.lane._map != 0 {
			C.ab_link_unmap(l.lane._map)
		}
		return nil, err
	}
	return l, nil
}

// openRings maps the link's memory.
func (l *link) openRings() (err error) {
	l.lane.struct_size = C.sizeof_ab_lane
	if err := check(C.ab_link_map(l.handle, 0, &l.lane), nil); err != nil {
		return err
	}
	l.users.Store(1)
	memory := unsafe.Slice((*byte)(l.lane.base), int(l.lane.size))
	l.out.ring, l.in.ring, err = rings(memory)
	return err
}

// enter keeps the rings' memory until leave; false = it is gone.
func (l *link) enter() bool {
	for {
		users := l.users.Load()
		if users == 0 {
			return false
		}
		if l.users.CompareAndSwap(users, users+1) {
			return true
		}
	}
}

func (l *link) leave() {
	if l.users.Add(-1) == 0 {
		C.ab_link_unmap(l.lane._map)
	}
}

// openBell brings the library's doorbell to Go's poller. It is a duplicate: the library's own is the library's to close.
func (l *link) openBell() error {
	var fd C.int32_t
	if err := check(C.ab_link_fd(l.handle, 0, &fd), nil); err != nil {
		return err
	}
	syscall.ForkLock.RLock()
	own, err := syscall.Dup(int(fd))
	if err == nil {
		syscall.CloseOnExec(own)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return fmt.Errorf("native: the link's doorbell: %w", err)
	}
	l.bell = os.NewFile(uintptr(own), "actorbridge link")
	if l.raw, err = l.bell.SyscallConn(); err != nil {
		return errors.Join(fmt.Errorf("native: the link's doorbell: %w", err), l.bell.Close())
	}
	// Who has written, or closed the link, has set it to 0. The descriptor is never read: the poller tells of each new ring.
	l.woken = func(uintptr) bool { return atomic.LoadUint32(l.in.asleep) == 0 }
	return nil
}

// HasRoom implements door.Lane.
func (l *link) HasRoom(bytes int) bool { return l.out.hasRoom(space(bytes) + space(runHeadSize)) }

// Put implements door.Lane.
func (l *link) Put(m door.LaneItem) {
	head := runHead{seq: m.Seq, flow: m.Flow, typeID: m.TypeID, ttlMs: m.TTLMs, hops: m.Hops}
	if debugging {
		checkItem(head, m.Plain, m.Bytes)
	}
	l.out.putMessage(head, m.Plain, m.Bytes)
}

// PutAll implements door.Lane.
func (l *link) PutAll(m door.LaneItem, payloads [][]byte) int {
	payloads = payloads[:l.out.fitting(payloads)]
	head := runHead{seq: m.Seq, flow: m.Flow, typeID: m.TypeID, ttlMs: m.TTLMs, hops: m.Hops}
	if debugging {
		next := head
		for _, payload := range payloads {
			checkItem(next, true, payload)
			next = next.next()
		}
	}
	l.out.putRun(head, payloads)
	return len(payloads)
}

// Publish implements door.Lane.
func (l *link) Publish() {
	if l.out.publish() {
		l.wake()
	}
}

// Granted implements door.Lane.
func (l *link) Granted(flow uint32) (processed, credit uint64) {
	if g := l.out.grant(flow); g != nil {
		return atomic.LoadUint64(&g[0]), atomic.LoadUint64(&g[1])
	}
	return 0, 0
}

// WantCredit implements door.Lane.
func (l *link) WantCredit(flows int) { atomic.StoreUint32(l.out.wantCredit, uint32(flows)) }

// Forget implements door.Lane.
func (l *link) Forget(flow uint32) {
	if g := l.out.grant(flow); g != nil {
		atomic.StoreUint64(&g[0], 0)
		atomic.StoreUint64(&g[1], 0)
	}
}

// Grant implements door.Lane.
func (l *link) Grant(flow uint32, processed, credit uint64) bool {
	g := l.in.grant(flow)
	if g == nil {
		return false
	}
	atomic.StoreUint64(&g[0], max(processed, atomic.LoadUint64(&g[0])))
	atomic.StoreUint64(&g[1], max(credit, atomic.LoadUint64(&g[1])))
	return atomic.LoadUint32(l.in.wantCredit) == 0
}

// wake wakes the library's side.
func (l *link) wake() { C.ab_link_wake(l.handle, 0) }

// TrySend implements door.Lane.
func (l *link) TrySend(p *wire.Packet) bool {
	l.head, _ = proto.MarshalOptions{}.MarshalAppend(l.head[:0], p.Head) // it cannot fail: its texts are UTF-8
	need := space(len(l.head))
	for i := range p.Runs {
		for _, item := range p.Runs[i].All() {
			need += space(len(item.Body)) + space(runHeadSize)
		}
	}
	if !l.out.hasRoom(need) {
		return false
	}
	l.out.put(tagFrame, l.head)
	for i := range p.Runs {
		run := &p.Runs[i]
		h := runHead{seq: run.FirstSeq, flow: run.Flow, hops: run.Hops}
		for _, item := range run.All() {
			h.typeID, h.ttlMs = item.TypeID, item.TTLMs
			if debugging {
				checkItem(h, false, item.Body)
			}
			l.out.putMessage(h, false, item.Body)
			h = h.next()
		}
	}
	if l.out.publish() {
		l.wake()
	}
	return true
}

// Send implements door.Link: TrySend that waits for room.
func (l *link) Send(p *wire.Packet) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	if !l.enter() {
		return net.ErrClosed
	}
	defer l.leave()
	for atomic.LoadUint32(l.in.closed) == 0 {
		if l.TrySend(p) {
			return nil
		}
		runtime.Gosched()
	}
	return io.EOF
}

// Recv implements door.Link.
func (l *link) Recv() (*wire.Packet, error) {
	if !l.enter() {
		return nil, io.EOF
	}
	defer l.leave()
	for len(l.packed.packets) == 0 {
		if l.packed.refusal != nil {
			return nil, l.packed.refusal
		}
		if err := l.next(&l.packed); err != nil {
			return nil, err
		}
	}
	p := l.packed.packets[0]
	l.packed.packets = l.packed.packets[1:]
	return p, nil
}

// Receive implements door.Lane.
func (l *link) Receive(into door.LaneReceiver) error {
	if !l.enter() {
		return io.EOF
	}
	defer l.leave()
	for {
		if err := l.next(into); err != nil {
			return err
		}
	}
}

// next hands over what waits, or waits until there may be something.
func (l *link) next(into door.LaneReceiver) error {
	if l.receive(into) {
		return nil
	}
	if atomic.LoadUint32(l.in.closed) != 0 && !l.receive(into) {
		return io.EOF
	}
	since := time.Now()
	if l.paid && l.spin(since) {
		return nil
	}
	if l.in.sleep() {
		if l.out.full.Swap(false) {
			into.Room() // what has come since the last look told nobody: this side was awake
		}
		if err := l.raw.Read(l.woken); err != nil {
			return io.EOF // the bell was closed by Close
		}
		into.Room()
	}
	l.paid = time.Since(since) < 2*spinTime // with the other side asleep too, it takes longer than it will
	return nil
}

// spin looks for more for a while; true = there is.
func (l *link) spin(since time.Time) bool {
	for i := 1; ; i++ {
		runtime.Gosched()
		if atomic.LoadUint64(l.in.ring.tail) != l.in.head {
			return true
		}
		if i%16 == 0 && time.Since(since) > spinTime {
			return false
		}
	}
}

// receive hands over some of what waits; false = nothing does.
func (l *link) receive(into door.LaneReceiver) bool {
	for i := range takeAtOnce {
		frame, run, err := l.in.take()
		switch {
		case err != nil:
			into.Refuse(&wire.Refusal{Code: pb.Code_CODE_UNDECODABLE, Detail: err.Error()})
			l.in.head = l.in.tail
		case frame != nil:
			l.frame(frame, into)
		case run != nil:
			into.Run(run)
		default:
			l.free()
			return i > 0
		}
	}
	l.free()
	return true
}

func (l *link) free() {
	if l.in.free() {
		l.wake() // the library waits for room
	}
}

func (l *link) frame(frame []byte, into door.LaneReceiver) {
	p := &wire.Packet{Head: new(pb.Frame)}
	if err := proto.Unmarshal(frame, p.Head); err != nil {
		into.Refuse(&wire.Refusal{Code: pb.Code_CODE_UNDECODABLE, Detail: "the frame's head does not decode: " + err.Error()})
		return
	}
	into.Packet(p)
}

// Close implements door.Link. It may be called at any time and more than once, but by none that writes. Of the last link of a Rust
// node it returns when that has ended.
func (l *link) Close() error {
	var err error
	l.once.Do(func() {
		C.ab_link_close(l.handle)
		err = l.bell.Close()
		l.leave()
		l.node.sink.remove(l)
		l.release()
	})
	return err
}
