//go:build cgo

package native

// #include "actorbridge.h"
import "C"

import (
	"encoding/binary"
	"fmt"
	"sync/atomic"
	"unsafe"

	"github.com/actorbridge/actorbridge/go-client/door"
)

// The rings' layout, as docs/C_ABI.md describes it: a page with a header and what both sides know of each ring, then the rings.
const (
	ringMagic   = 0x314c4241 // "ABL1"
	ringLayout  = C.AB_LANE_LAYOUT
	ringControl = 512
	ringHeader  = 4096

	tagPad     = C.AB_RECORD_PAD
	tagFrame   = C.AB_RECORD_FRAME
	tagRun     = C.AB_RECORD_RUN
	tagItem    = C.AB_RECORD_ITEM
	tagPayload = C.AB_RECORD_PAYLOAD

	runHeadSize = 32
	// ringFlows is how many flows' credit is told in memory; ringGrants the bytes for one ring.
	ringFlows  = 65_537
	ringGrants = (ringFlows*16 + 4095) / 4096 * 4096
	// maxRecord is the most bytes of a record.
	maxRecord = 256 << 10
)

// ring is one of a lane's two rings. Each line of what it points to is written by one side.
type ring struct {
	tail, head        *uint64
	asleep, wantsRoom *uint32
	wantCredit        *uint32
	closed            *uint32
	data              []byte
	granted           []byte // by the reader, on each flow
	mask              uint64
}

// rings gives the two rings in the memory of a lane: to the node, and from it.
func rings(memory []byte) (to, from ring, err error) {
	size := binary.LittleEndian.Uint64(memory[8:])
	switch {
	case binary.LittleEndian.Uint32(memory) != ringMagic || binary.LittleEndian.Uint32(memory[4:]) != ringLayout:
		return to, from, fmt.Errorf("native: the library's rings have layout %d, this client knows %d: use versions that go together",
			binary.LittleEndian.Uint32(memory[4:]), ringLayout)
	case size == 0 || size&(size-1) != 0 || uint64(len(memory)) != ringHeader+2*size+2*ringGrants:
		return to, from, fmt.Errorf("native: the library's rings have %d bytes in a memory of %d", size, len(memory))
	}
	at := func(way uint64) ring {
		control := unsafe.Pointer(&memory[ringControl*(1+way)])
		return ring{
			tail: (*uint64)(control), head: (*uint64)(unsafe.Add(control, 128)),
			asleep: (*uint32)(unsafe.Add(control, 256)), wantsRoom: (*uint32)(unsafe.Add(control, 384)),
			wantCredit: (*uint32)(unsafe.Add(control, 388)),
			closed:     (*uint32)(unsafe.Pointer(&memory[16])),
			data:       memory[ringHeader+way*size:][:size:size],
			granted:    memory[ringHeader+2*size+way*ringGrants:][:ringGrants:ringGrants], mask: size - 1,
		}
	}
	return at(0), at(1), nil
}

// grant is what the ring's reader grants on a flow: processed, and credit. Nil for a flow beyond those.
func (r *ring) grant(flow uint32) *[2]uint64 {
	if flow >= ringFlows {
		return nil
	}
	return (*[2]uint64)(unsafe.Pointer(&r.granted[flow*16]))
}

// runHead is what the messages that follow it have in common.
type runHead struct {
	seq                       uint64
	flow, typeID, ttlMs, hops uint32
}

// next is the head of the message that follows one of this head.
func (h runHead) next() runHead {
	if h.flow != 0 {
		h.seq++
	}
	return h
}

// space is the bytes that a record takes.
func space(n int) uint64 { return 8 + (uint64(n)+7)&^7 }

// ringWriter writes records. One goroutine at a time.
type ringWriter struct {
	ring
	tail uint64
	head uint64 // the reader's, as it was seen last
	then runHead
	// full: there was no room when it was last looked for. The goroutine that receives looks at it too.
	full atomic.Bool
}

// hasRoom says whether records fit that take so many bytes together. The ring's end may cost one of them twice. If they do not, the
// reader is asked to tell when they may.
func (w *ringWriter) hasRoom(bytes uint64) bool {
	needed := bytes + min(bytes, maxRecord)
	if w.mask+1-(w.tail-w.head) >= needed {
		return true
	}
	if w.look() >= needed {
		return true
	}
	w.full.Store(true)
	atomic.StoreUint32(w.wantsRoom, 1)
	return w.look() >= needed
}

// look is how many bytes are free.
func (w *ringWriter) look() uint64 {
	w.head = atomic.LoadUint64(w.ring.head)
	return w.mask + 1 - (w.tail - w.head)
}

func (w *ringWriter) put(tag uint32, bytes []byte) {
	copy(w.begin(tag, len(bytes)), bytes)
}

// begin is the memory of a record that is to be written; there is room for it.
func (w *ringWriter) begin(tag uint32, n int) []byte {
	at, takes := w.tail&w.mask, space(n)
	if left := w.mask + 1 - at; takes > left {
		binary.LittleEndian.PutUint64(w.data[at:], left-8|tagPad<<32)
		w.tail += left
		at = 0
	}
	binary.LittleEndian.PutUint64(w.data[at:], uint64(n)|uint64(tag)<<32)
	w.tail += takes
	return w.data[at+8:][:n]
}

// fitting is how many payloads that follow each other there is room for now.
func (w *ringWriter) fitting(payloads [][]byte) int {
	free := w.mask + 1 - (w.tail - w.head)
	need := space(runHeadSize)
	most := need // the ring's end may cost the largest record twice, which the head of small payloads is
	for i, payload := range payloads {
		takes := space(len(payload))
		need, most = need+takes, max(most, takes)
		if need+most <= free {
			continue
		}
		if free = w.look(); need+most > free {
			return i
		}
	}
	return len(payloads)
}

// putRun writes payloads that fit.
func (w *ringWriter) putRun(head runHead, payloads [][]byte) {
	if len(payloads) == 0 {
		return
	}
	w.putHead(head)
	for _, payload := range payloads {
		w.put(tagPayload, payload)
	}
	w.then = head
	w.then.seq += uint64(len(payloads))
}

// putHead writes what the message that follows has in common with others, unless it is what is expected.
func (w *ringWriter) putHead(head runHead) {
	if head == w.then {
		return
	}
	run := w.begin(tagRun, runHeadSize)
	binary.LittleEndian.PutUint64(run, head.seq)
	binary.LittleEndian.PutUint64(run[8:], uint64(head.flow)|uint64(head.typeID)<<32)
	binary.LittleEndian.PutUint64(run[16:], uint64(head.ttlMs)|uint64(head.hops)<<32)
	binary.LittleEndian.PutUint64(run[24:], 0)
}

func (w *ringWriter) putMessage(head runHead, plain bool, bytes []byte) {
	w.putHead(head)
	w.then = head.next()
	tag := uint32(tagItem)
	if plain {
		tag = tagPayload
	}
	w.put(tag, bytes)
}

// publish shows the reader what was written; true = it sleeps, and has to be woken.
func (w *ringWriter) publish() bool {
	handingOver()
	atomic.StoreUint64(w.ring.tail, w.tail)
	return atomic.LoadUint32(w.asleep) != 0 && atomic.SwapUint32(w.asleep, 0) != 0
}

const (
	// What is taken as one run, at most.
	runMessages = 64
	runBytes    = 16 << 10
)

// ringReader takes records. One goroutine at a time.
type ringReader struct {
	ring
	head  uint64
	tail  uint64 // the writer's, as it was seen last
	freed uint64 // how far the room was given back
	then  runHead
	run   door.LaneRun
	ends  [runMessages]uint32
}

// record is the bytes and the tag of the record that is next; a tag of 0: nothing waits. The bytes are in the ring.
func (r *ringReader) record() (bytes []byte, tag uint32, err error) {
	waits := r.tail - r.head
	if waits == 0 {
		return nil, 0, nil
	}
	at := r.head & r.mask
	if waits > r.mask+1 || waits%8 != 0 {
		return nil, 0, fmt.Errorf("the ring's tail is %d bytes ahead of its head; it has %d", waits, r.mask+1)
	}
	word := binary.LittleEndian.Uint64(r.data[at:])
	n := word & (1<<32 - 1)
	if takes := 8 + (n+7)&^7; takes > r.mask+1-at || takes > waits {
		return nil, 0, fmt.Errorf("a record of %d bytes does not fit into the ring where it begins", n)
	}
	if n > maxRecord {
		return nil, 0, fmt.Errorf("a record of %d bytes; one has at most %d", n, maxRecord)
	}
	return r.data[at+8:][:n:n], uint32(word >> 32), nil
}

// take takes what is next: a frame's bytes, which are in the ring, or a run, which is the reader's until the next call. Neither:
// nothing waits.
func (r *ringReader) take() (frame []byte, run *door.LaneRun, err error) {
	if r.tail == r.head {
		if r.tail = atomic.LoadUint64(r.ring.tail); r.tail != r.head {
			takenOver()
		}
	}
	n := 0
	from := r.head
	for n < runMessages {
		bytes, tag, err := r.record()
		if err != nil {
			return nil, nil, err
		}
		isMessage := tag == tagItem || tag == tagPayload
		switch {
		case tag == tagPad:
		case tag == tagFrame && n == 0:
			r.head += space(len(bytes))
			return bytes, nil, nil
		case tag == tagRun && n == 0 && len(bytes) == runHeadSize:
			r.then = headOf(bytes)
		case isMessage && n == 0:
			from = r.head
			r.begin(tag == tagPayload)
			n = r.add(n, bytes)
		case isMessage && r.run.Plain == (tag == tagPayload) && int(r.ends[n-1])+len(bytes) <= runBytes:
			n = r.add(n, bytes)
		case tag == 0 || n > 0:
			return nil, r.end(from, n), nil
		default:
			return nil, nil, fmt.Errorf("a record of %d bytes has the tag %d, which is none", len(bytes), tag)
		}
		r.head += space(len(bytes))
	}
	return nil, r.end(from, n), nil
}

func headOf(b []byte) runHead {
	u32 := binary.LittleEndian.Uint32
	return runHead{seq: binary.LittleEndian.Uint64(b), flow: u32(b[8:]), typeID: u32(b[12:]), ttlMs: u32(b[16:]), hops: u32(b[20:])}
}

func (r *ringReader) begin(plain bool) {
	h := &r.then
	r.run = door.LaneRun{Flow: h.flow, TypeID: h.typeID, TTLMs: h.ttlMs, Hops: h.hops, FirstSeq: h.seq, Plain: plain}
}

// add counts a message of the run; it is copied at its end.
func (r *ringReader) add(n int, bytes []byte) int {
	end := uint32(len(bytes))
	if n > 0 {
		end += r.ends[n-1]
	}
	r.ends[n] = end
	r.then = r.then.next()
	return n + 1
}

// end copies the n messages from a place on out of the ring, into memory that has just the room.
func (r *ringReader) end(from uint64, n int) *door.LaneRun {
	if n == 0 {
		return nil
	}
	r.run.Ends = r.ends[:n]
	block := make([]byte, 0, r.ends[n-1])
	for len(block) < cap(block) {
		at := from & r.mask
		word := binary.LittleEndian.Uint64(r.data[at:])
		size := word & (1<<32 - 1)
		if uint32(word>>32) != tagPad {
			block = append(block, r.data[at+8:][:size]...)
		}
		from += 8 + (size+7)&^7
	}
	r.run.Block = block
	return &r.run
}

// free gives the room of what was taken back; true = the writer waits for it, and has to be told.
func (r *ringReader) free() bool {
	if debugging {
		r.poisonRead()
	}
	r.freed = r.head
	atomic.StoreUint64(r.ring.head, r.head)
	return atomic.LoadUint32(r.wantsRoom) != 0 && atomic.SwapUint32(r.wantsRoom, 0) != 0
}

// sleep: from now on who writes wakes the reader. False: something waits already, and it should not sleep.
func (r *ringReader) sleep() bool {
	atomic.StoreUint32(r.asleep, 1)
	if atomic.LoadUint64(r.ring.tail) == r.head && atomic.LoadUint32(r.closed) == 0 {
		return true
	}
	atomic.StoreUint32(r.asleep, 0)
	return false
}
