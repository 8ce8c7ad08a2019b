//go:build cgo

package native

// #include "actorbridge.h"
import "C"

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"sync"
	"syscall"
	"unsafe"

	"google.golang.org/protobuf/proto"

	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// What a link begins to receive with; one packet may need more, and then it is grown.
const (
	recvDescs = 1024
	recvArena = 128 << 10
)

// link is a door.Link on the C library.
type link struct {
	handle  C.ab_link
	node    *rustNode
	release func()
	once    sync.Once
	log     *slog.Logger

	// The doorbell, and arm, which Recv hands to the poller: once, so that waiting allocates nothing.
	bell *os.File
	raw  syscall.RawConn
	arm  func(uintptr) bool
	// What arm was answered.
	armed C.int32_t

	sending sync.Mutex
	out     batch

	in      batch
	packets []*wire.Packet
}

// batch is the memory of one call, used again for the next.
type batch struct {
	descs    []C.ab_desc
	statuses []C.int32_t
	arena    []byte
}

func openLink(node C.ab_node) (*link, error) {
	l := &link{in: batch{descs: make([]C.ab_desc, recvDescs), arena: make([]byte, recvArena)}}
	var why C.ab_error
	why.struct_size = C.sizeof_ab_error
	if err := check(C.ab_link_open(node, nil, 0, 1, &l.handle, &why), &why); err != nil {
		return nil, err
	}
	if err := l.openBell(); err != nil {
		C.ab_link_close(l.handle)
		return nil, err
	}
	return l, nil
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
	l.arm = func(uintptr) bool {
		l.armed = C.ab_link_arm(l.handle, 0)
		return l.armed != C.AB_OK
	}
	return nil
}

// Send implements door.Link. The packet has been acted on when it returns. Unlike other doors, it may be called by many
// goroutines at once.
func (l *link) Send(p *wire.Packet) error {
	l.sending.Lock()
	defer l.sending.Unlock()
	if err := l.out.put(p); err != nil {
		return err
	}
	b := &l.out
	status := C.ab_link_send(l.handle, &b.descs[0], C.uint32_t(len(b.descs)),
		(*C.uint8_t)(unsafe.SliceData(b.arena)), C.size_t(len(b.arena)), &b.statuses[0])
	if err := check(status, nil); err != nil {
		return err
	}
	for i, status := range b.statuses {
		if status != C.AB_OK {
			name := C.GoString(C.ab_status_name(status))
			return fmt.Errorf("native: message %d of a packet was not taken (%s): the node broke the link's rules", i, name)
		}
	}
	return nil
}

// put lays a packet out: a descriptor for the head, one for each message.
func (b *batch) put(p *wire.Packet) (err error) {
	b.descs, b.arena = b.descs[:0], b.arena[:0]
	if p.Head != nil {
		if b.arena, err = (proto.MarshalOptions{}).MarshalAppend(b.arena, p.Head); err != nil {
			return fmt.Errorf("native: the packet's head does not encode: %w", err)
		}
	}
	b.descs = append(b.descs, C.ab_desc{kind: C.AB_KIND_HEAD, len: C.uint32_t(len(b.arena))})
	for i := range p.Runs {
		run := &p.Runs[i]
		seq, step := run.FirstSeq, uint64(1)
		if run.Flow == 0 {
			seq, step = 0, 0
		}
		for j := range run.Items {
			item := &run.Items[j]
			b.descs = append(b.descs, C.ab_desc{
				target: C.uint64_t(run.Flow), seq: C.uint64_t(seq),
				_type: C.uint32_t(item.TypeID), ttl_ms: C.uint32_t(item.TTLMs),
				ext_off: C.uint32_t(len(b.arena)), ext_len: C.uint32_t(len(item.Body)),
				flags: C.AB_DESC_WHOLE | C.uint16_t(min(run.Hops, C.AB_DESC_HOPS)), attempt: C.uint32_t(run.Attempt),
			})
			b.arena = append(b.arena, item.Body...)
			seq += step
		}
	}
	if cap(b.statuses) < len(b.descs) {
		b.statuses = make([]C.int32_t, len(b.descs), cap(b.descs))
	}
	b.statuses = b.statuses[:len(b.descs)]
	return nil
}

// Recv implements door.Link.
func (l *link) Recv() (*wire.Packet, error) {
	for len(l.packets) == 0 {
		if err := l.receive(); err != nil {
			return nil, err
		}
	}
	p := l.packets[0]
	l.packets = l.packets[1:]
	return p, nil
}

// receive takes what there is, or waits until there is something.
func (l *link) receive() error {
	b := &l.in
	var n C.uint32_t
	var used C.size_t
	status := C.ab_link_recv(l.handle, 0, &b.descs[0], C.uint32_t(len(b.descs)),
		(*C.uint8_t)(unsafe.SliceData(b.arena)), C.size_t(len(b.arena)), &n, &used)
	switch {
	case status == C.AB_SHORT_BUFFER:
		b.descs = make([]C.ab_desc, max(len(b.descs), int(n)))
		b.arena = make([]byte, max(len(b.arena), int(used)))
		return nil
	case status == C.AB_LINK_DOWN || status == C.AB_CLOSED:
		return io.EOF
	case status < 0:
		return check(status, nil)
	case n > 0:
		return l.take(int(n))
	}
	if err := l.raw.Read(l.arm); err != nil {
		return io.EOF // the bell was closed by Close
	}
	return nil
}

// take copies what was received out of the batch: one piece of memory for each packet.
func (l *link) take(n int) error {
	l.packets = l.packets[:0]
	for descs := l.in.descs[:n]; len(descs) > 0; {
		end := 1
		for end < len(descs) && descs[end].kind != C.AB_KIND_HEAD {
			end++
		}
		p, err := l.in.packet(descs[:end])
		if err != nil {
			return err
		}
		l.packets = append(l.packets, p)
		descs = descs[end:]
	}
	return nil
}

func (b *batch) packet(descs []C.ab_desc) (*wire.Packet, error) {
	head, items := descs[0], descs[1:]
	p := &wire.Packet{Head: new(pb.Frame)}
	if err := proto.Unmarshal(b.arena[head.off:][:head.len], p.Head); err != nil {
		return nil, &wire.Refusal{Code: pb.Code_CODE_UNDECODABLE, Detail: "the frame's head does not decode: " + err.Error()}
	}
	size := 0
	for i := range items {
		size += int(items[i].ext_len)
	}
	bodies := make([]byte, 0, size)
	all := make([]wire.Item, len(items))
	for i := range items {
		d := &items[i]
		at := len(bodies)
		bodies = append(bodies, b.arena[d.ext_off:][:d.ext_len]...)
		all[i] = wire.Item{TypeID: uint32(d._type), TTLMs: uint32(d.ttl_ms), Body: bodies[at:len(bodies):len(bodies)]}
	}
	for i := range items {
		if i == 0 || !continues(&items[i-1], &items[i]) {
			p.Runs = append(p.Runs, runOf(&items[i]))
		}
		run := &p.Runs[len(p.Runs)-1]
		first := i - len(run.Items)
		run.Items = all[first : i+1 : i+1]
	}
	return p, nil
}

// continues says whether a message belongs to the run of the one before it.
func continues(before, d *C.ab_desc) bool {
	next := before.seq
	if before.target != 0 {
		next++
	}
	return d.target == before.target && d.seq == next && d.attempt == before.attempt && d.flags == before.flags
}

func runOf(d *C.ab_desc) wire.Run {
	return wire.Run{
		Flow: uint32(d.target), FirstSeq: uint64(d.seq), Attempt: uint32(d.attempt), Hops: uint32(d.flags & C.AB_DESC_HOPS),
	}
}

// Close implements door.Link. It may be called at any time and more than once. Of the last link of a Rust node it returns
// when that has ended.
func (l *link) Close() error {
	var err error
	l.once.Do(func() {
		C.ab_link_close(l.handle)
		err = l.bell.Close()
		l.node.sink.remove(l)
		l.release()
	})
	return err
}
