package main

import (
	"context"
	_ "embed"
	"errors"

	"github.com/tetratelabs/wazero"
	"github.com/tetratelabs/wazero/api"
	"google.golang.org/protobuf/proto"

	benchv1 "github.com/actorbridge/actorbridge/bench/go/ffi/gen/bench/v1"
	"github.com/actorbridge/actorbridge/bench/go/meter"
)

// echoWasm is echo.wat: what byhand_echo does, as WebAssembly. There is no target for it among what builds the rest, so it is written
// by hand; `make bench-smoke` runs it.
//
//go:embed echo.wasm
var echoWasm []byte

// inWasm is the function that byHand calls, in a WebAssembly runtime without cgo.
func inWasm(ctx context.Context) ([]meter.Case, error) {
	runtime := wazero.NewRuntime(ctx)
	module, err := runtime.Instantiate(ctx, echoWasm)
	if err != nil {
		return nil, err
	}
	w := wasmEcho{module.Memory(), module.ExportedFunction("echo")}
	return []meter.Case{meter.Of("wazero_protobuf", w.ask)}, nil
}

type wasmEcho struct {
	memory api.Memory
	echo   api.Function
}

func (w wasmEcho) ask(ctx context.Context, n int) error {
	asked := &benchv1.Payload{Data: make([]byte, size)}
	var stack [3]uint64
	for range n {
		request, err := proto.Marshal(asked)
		if err != nil {
			return err
		}
		const replyAt, replyCap = 32 << 10, 256
		if !w.memory.Write(0, request) {
			return errors.New("a request is larger than the module's memory")
		}
		stack = [3]uint64{uint64(len(request)), replyAt, replyCap}
		if err := w.echo.CallWithStack(ctx, stack[:]); err != nil {
			return err
		}
		reply, ok := w.memory.Read(replyAt, uint32(stack[0]))
		if !ok {
			return errors.New("echo failed")
		}
		var answer benchv1.Payload
		if err := proto.Unmarshal(reply, &answer); err != nil {
			return err
		}
	}
	return nil
}
