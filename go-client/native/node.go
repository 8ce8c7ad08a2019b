//go:build cgo

package native

// #include "actorbridge.h"
import "C"

import (
	"context"
	"fmt"
	"runtime"
	"sync"
	"time"
	"unsafe"

	"github.com/actorbridge/actorbridge/go-client/door"
)

// nativeDoor owns a Rust node while it has links.
type nativeDoor struct {
	options options
	mu      sync.Mutex
	node    C.ab_node
	links   int
}

func newDoor(o options) door.Door { return &nativeDoor{options: o} }

// String implements door.Door.
func (d *nativeDoor) String() string {
	if d.options.name == "" {
		return "native"
	}
	return "native:" + d.options.name
}

// Dial implements door.Door. It does not block: the node's handshake comes after it, in packets.
func (d *nativeDoor) Dial(ctx context.Context) (door.Link, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.links == 0 {
		node, err := d.options.open()
		if err != nil {
			return nil, err
		}
		d.node = node
	}
	l, err := openLink(d.node, d.release)
	if err != nil {
		if d.links == 0 {
			d.options.stop(d.node)
		}
		return nil, err
	}
	d.links++
	return l, nil
}

// release gives a link back; with the last one the node goes.
func (d *nativeDoor) release() {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.links--; d.links == 0 {
		d.options.stop(d.node)
	}
}

func (o options) open() (C.ab_node, error) {
	if o.workers < 0 || o.workers > 64 {
		return 0, fmt.Errorf("native: %d workers; use 1 to 64, or 0 for the default", o.workers)
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

func (o options) stop(node C.ab_node) {
	C.ab_node_stop(node, C.uint32_t(max(o.grace, 0)/time.Millisecond))
	C.ab_node_close(node)
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
