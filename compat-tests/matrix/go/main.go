// Command compat is the Go peer of the compat matrix, for the first version of the schema versions.v1; with the build tag v2
// for the second. compat-tests/matrix/README.md describes the conversation.
//
//   - peer.go: orders and answers. envelope.go: with the Go node's own reader and writer. message.go: by protobuf-go.
//   - snapshot.go: by an actor of a node. mutant.go: planned mistakes.
package main

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/protobuf/proto"

	"github.com/actorbridge/actorbridge/go-client/compat/peerpb"
)

// maxBytes is above every message of the conversation.
const maxBytes = 96 << 20

func main() {
	if err := run(bufio.NewReader(os.Stdin), os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, "compat-matrix-go:", err)
		os.Exit(1)
	}
}

// run answers orders until in ends.
func run(in io.Reader, out io.Writer) error {
	peer, err := newPeer(os.Getenv("COMPAT_MUTANT"))
	if err != nil {
		return err
	}
	for {
		frame, err := readFrame(in)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
		order := new(peerpb.Order)
		if err := proto.Unmarshal(frame, order); err != nil {
			return fmt.Errorf("not an order: %w", err)
		}
		answer, err := proto.Marshal(peer.carryOut(order))
		if err != nil {
			return err
		}
		if _, err := out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(answer)))); err != nil {
			return err
		}
		if _, err := out.Write(answer); err != nil {
			return err
		}
	}
}

func readFrame(in io.Reader) ([]byte, error) {
	var length [4]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	n := binary.BigEndian.Uint32(length[:])
	if n > maxBytes {
		return nil, fmt.Errorf("an order of %d bytes, over the limit of %d", n, maxBytes)
	}
	frame := make([]byte, n)
	_, err := io.ReadFull(in, frame)
	return frame, err
}
