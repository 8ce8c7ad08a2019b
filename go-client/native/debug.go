//go:build cgo

package native

import (
	"bytes"

	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// With the build tag abdebug, what was read from a ring is poisoned, and each message that is written there is checked against its
// envelope. Only a fault of this library makes a check fail. The feature abdebug of the library does the same on its side.

// poison is what the room of records that were read is filled with.
const poison = 0xdb

// poisonRead makes what was read unreadable, for whoever still looks at it.
func (r *ringReader) poisonRead() {
	for at := r.freed; at != r.head; at++ {
		r.data[at&r.mask] = poison
	}
}

// checkItem: a message that is written to a ring is an item of an envelope, and has a binding if it has a seq.
func checkItem(h runHead, plain bool, payload []byte) {
	body := payload
	if plain {
		body = wire.AppendBody(nil, wire.BodyFields{}, payload)
	}
	var e wire.Envelope
	switch {
	case (h.flow == 0) != (h.seq == 0) && !(h.flow == 0 && h.hops > 0): // what follows an actor that has moved has the epoch of a stay there
		panic("actorbridge: abdebug: a message in a ring has a seq and no binding, or a binding and no seq")
	case e.ReadBody(body, 0) != nil:
		panic("actorbridge: abdebug: a message in a ring is no item of an envelope")
	case plain && !bytes.Equal(e.Payload, payload):
		panic("actorbridge: abdebug: a message in a ring is another payload than its envelope's")
	}
}
