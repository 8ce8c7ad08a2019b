// Package codec reads and writes messages as JSON and as MessagePack, as docs/CODECS.md says.
//
// json.go is protobuf's own JSON with our bounds. msgpack.go writes, read.go reads, by the message's descriptor; token.go
// and heads.go have the values of MessagePack, and unknown.go the fields that this program does not know.
package codec

import (
	"errors"
	"fmt"
)

// MaxDepth is how deep objects, arrays and maps may lie in each other, the outermost counted.
const MaxDepth = 100

var errDepth = fmt.Errorf("it nests deeper than %d", MaxDepth)

var errShort = errors.New("it ends in the middle of a value")
