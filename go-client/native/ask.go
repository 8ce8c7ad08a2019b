//go:build cgo

package native

// #include "actorbridge.h"
// #cgo noescape ab_link_ask
// #cgo nocallback ab_link_ask
// #cgo noescape ab_link_cancel
// #cgo nocallback ab_link_cancel
import "C"

import "unsafe"

// Ask implements door.Asker.
func (l *link) Ask(flow uint32, stream uint64, typeID, ttlMs uint32, body, room []byte) (envelope []byte, taken bool) {
	request := C.ab_desc{
		target: C.uint64_t(flow), source: C.uint64_t(stream), _type: C.uint32_t(typeID), ttl_ms: C.uint32_t(ttlMs),
		ext_len: C.uint32_t(len(body)), flags: C.AB_DESC_WHOLE,
	}
	var answer C.ab_desc
	var size C.size_t
	handingOver()
	status := C.ab_link_ask(l.handle, &request, (*C.uint8_t)(unsafe.SliceData(body)), C.size_t(len(body)),
		&answer, (*C.uint8_t)(unsafe.SliceData(room)), C.size_t(len(room)), &size)
	takenOver()
	switch status {
	case C.AB_OK:
		return room[answer.ext_off:][:answer.ext_len], true
	case C.AB_PENDING, C.AB_SHORT_BUFFER:
		return nil, true
	}
	return nil, false
}

// Cancel implements door.Asker.
func (l *link) Cancel(flow uint32, correlation uint64) {
	C.ab_link_cancel(l.handle, C.uint32_t(flow), C.uint64_t(correlation))
}
