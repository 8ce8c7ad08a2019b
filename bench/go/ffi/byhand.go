//go:build cgo

package main

// #include <stddef.h>
// #include <stdint.h>
// ptrdiff_t byhand_echo(const uint8_t *request, size_t request_len, uint8_t *reply, size_t reply_cap);
// #cgo noescape byhand_echo
// #cgo nocallback byhand_echo
import "C"

import (
	"context"
	"errors"

	"google.golang.org/protobuf/proto"

	benchv1 "github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1"
	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// byHand is a C function called with protobuf both ways, as teams write it.
func byHand() []meter.Case {
	return []meter.Case{meter.Of("cgo_by_hand_protobuf", byHandEcho)}
}

func byHandEcho(_ context.Context, n int) error {
	asked := &benchv1.Payload{Data: make([]byte, size)}
	for range n {
		request, err := proto.Marshal(asked)
		if err != nil {
			return err
		}
		reply := make([]byte, 256)
		got := C.byhand_echo((*C.uint8_t)(&request[0]), C.size_t(len(request)), (*C.uint8_t)(&reply[0]), C.size_t(len(reply)))
		if got < 0 {
			return errors.New("byhand_echo failed")
		}
		var answer benchv1.Payload
		if err := proto.Unmarshal(reply[:got], &answer); err != nil {
			return err
		}
	}
	return nil
}
