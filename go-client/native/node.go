//go:build cgo

package native

// #include "actorbridge.h"
// #cgo noescape ab_abi_version
// #cgo nocallback ab_abi_version
// #cgo noescape ab_status_name
// #cgo nocallback ab_status_name
// #cgo noescape ab_node_open
// #cgo nocallback ab_node_open
// #cgo noescape ab_node_status_get
// #cgo nocallback ab_node_status_get
// #cgo noescape ab_node_stop
// #cgo nocallback ab_node_stop
// #cgo noescape ab_node_close
// #cgo nocallback ab_node_close
// #cgo noescape ab_node_dump
// #cgo nocallback ab_node_dump
import "C"

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/actorbridge/actorbridge/go-client/door"
)

// nativeDoor opens Rust nodes, one after the other: each lives while it has links.
type nativeDoor struct {
	options options
	mu      sync.Mutex
	node    *rustNode
}

func newDoor(o options) door.Door { return &nativeDoor{options: o} }

// String implements door.Door.
func (d *nativeDoor) String() string {
	if d.options.name == "" {
		return "native"
	}
	return "native:" + d.options.name
}

// Dial implements door.Door. It waits only for the door's node before to have ended: two of one name would share what their
// actors hold. The handshake comes after it, in packets.
func (d *nativeDoor) Dial(ctx context.Context) (door.Link, error) {
	for ctx.Err() == nil {
		l, ending, err := d.dial(door.Logger(ctx))
		switch {
		case err != nil:
			return nil, err
		case l != nil:
			return l, nil
		}
		select {
		case <-ending:
		case <-ctx.Done():
			return nil, fmt.Errorf("native: the Rust node that this door opened before has not ended yet: %w", ctx.Err())
		}
	}
	return nil, ctx.Err()
}

// dial makes a link, or gives what is closed when the node before has ended.
func (d *nativeDoor) dial(log *slog.Logger) (l *link, ending <-chan struct{}, err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.node != nil && d.node.links == 0 {
		select {
		case <-d.node.ended:
			d.node = nil
		default:
			return nil, d.node.ended, nil
		}
	}
	if d.node == nil {
		if d.node, err = d.options.start(); err != nil {
			return nil, nil, err
		}
	}
	node := d.node
	l, err = openLink(node.handle)
	if err != nil {
		if node.links == 0 {
			close(node.closing)
		}
		return nil, nil, err
	}
	node.links++
	l.node, l.log, l.release = node, log, func() { d.release(node) }
	node.sink.add(l)
	return l, nil, nil
}

// release gives a link back; with the last one the node goes, and it returns when that has ended.
func (d *nativeDoor) release(node *rustNode) {
	d.mu.Lock()
	node.links--
	last := node.links == 0
	d.mu.Unlock()
	if last {
		close(node.closing)
		<-node.ended
	}
}

// rustNode is a Rust node from its opening to its end.
type rustNode struct {
	handle C.ab_node
	name   string
	grace  time.Duration
	// links that are open; the door's lock is around it.
	links          int
	closing, ended chan struct{}
	sink           sink
}

// start opens a node, and a goroutine that is with it to its end.
func (o options) start() (*rustNode, error) {
	handle, err := o.open()
	if err != nil {
		return nil, err
	}
	n := &rustNode{
		handle: handle, name: nameOf(handle), grace: max(o.grace, 0),
		closing: make(chan struct{}), ended: make(chan struct{}),
	}
	logs.add(n)
	go n.live()
	return n, nil
}

// live drains the node's log while it lives, and sees it out.
func (n *rustNode) live() {
	defer close(n.ended)
	ticker := time.NewTicker(logTime)
	defer ticker.Stop()
	for open := true; open; {
		select {
		case <-ticker.C:
			logs.drain()
		case <-n.closing:
			open = false
		}
	}
	C.ab_node_stop(n.handle, C.uint32_t(n.grace/time.Millisecond))
	// It ends within its grace or a small multiple of it, also where handlers block all of its threads: the library leaves those behind,
	// and logs it. Nothing rings: the doorbells went with the links.
	for wait := time.Millisecond; !n.hasStopped(); wait = min(2*wait, logTime) {
		time.Sleep(wait)
		logs.drain()
	}
	logs.drain()
	logs.remove(n)
	closeNode(n.handle)
}

func (n *rustNode) status() (status C.ab_node_status, ok bool) {
	status.struct_size = C.sizeof_ab_node_status
	ok = C.ab_node_status_get(n.handle, &status) == C.AB_OK
	return status, ok
}

func (n *rustNode) hasStopped() bool {
	status, ok := n.status()
	return !ok || status.state == C.AB_STATE_STOPPED
}

func (o options) open() (C.ab_node, error) {
	if o.workers < 0 || o.workers > 64 {
		return 0, &door.SetupError{Err: fmt.Errorf("native: %d workers; use 1 to 64, or 0 for the default", o.workers)}
	}
	// Another major version may have other structs: this is all that may be asked of it.
	if has, needs := C.ab_abi_version(), C.uint32_t(C.AB_ABI_VERSION); has>>16 != needs>>16 {
		return 0, &Error{Status: C.AB_ABI_MISMATCH, Name: "AB_ABI_MISMATCH", Text: fmt.Sprintf(
			"the Rust library has C ABI %d.%d, this Go client needs %d.%d: run `cargo update -p actorbridge-ffi` or `go get -u "+
				"github.com/actorbridge/actorbridge/go-client/native`", has>>16, has&0xffff, needs>>16, needs&0xffff)}
	}
	var node C.ab_node
	var why C.ab_error
	why.struct_size = C.sizeof_ab_error
	opts := C.ab_node_opts{
		struct_size: C.sizeof_ab_node_opts,
		abi:         C.AB_ABI_VERSION,
		workers:     C.uint32_t(o.workers),
	}
	name := []byte(o.name)
	var pin runtime.Pinner
	defer pin.Unpin()
	if len(name) > 0 {
		pin.Pin(&name[0])
		opts.name, opts.name_len = (*C.char)(unsafe.Pointer(&name[0])), C.uint32_t(len(name))
	}
	return node, check(C.ab_node_open(&opts, &node, &why), &why)
}

func closeNode(node C.ab_node) { C.ab_node_close(node) }

// nameOf is a node's name, which its module gives where no option does.
func nameOf(node C.ab_node) string {
	var size C.size_t
	C.ab_node_dump(node, C.AB_DUMP_NODE, nil, 0, &size)
	buf := make([]byte, size+1)
	status := C.ab_node_dump(node, C.AB_DUMP_NODE, (*C.uint8_t)(unsafe.SliceData(buf)), C.size_t(len(buf)), &size)
	var dump struct{ Node string }
	if status != C.AB_OK || json.Unmarshal(buf[:size], &dump) != nil {
		return ""
	}
	return dump.Node
}

// check makes an error of a negative status.
func check(status C.int32_t, why *C.ab_error) error {
	if status >= 0 {
		return nil
	}
	e := &Error{Status: int32(status), Name: C.GoString(C.ab_status_name(status))}
	if why != nil {
		e.Text = C.GoStringN(&why.text[0], C.int(why.text_len))
	}
	return e
}
