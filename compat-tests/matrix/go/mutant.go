package main

import (
	"fmt"
	"slices"
	"strconv"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/compat/peerpb"
)

// A mutant is a mistake that the peer makes: the runner must see it. The environment variable COMPAT_MUTANT names it.
type mutant string

const (
	wrongTag    mutant = "wrong-tag"     // the first field is written with the next field's number
	dropUnknown mutant = "drop-unknown"  // what is passed on lacks the fields that this peer does not know
	intAsString mutant = "int-as-string" // a correlation is written once more, as text; in MessagePack, a small number is text
)

func mutantOf(name string) (mutant, error) {
	switch m := mutant(name); m {
	case "", wrongTag, dropUnknown, intAsString:
		return m, nil
	}
	return "", fmt.Errorf("COMPAT_MUTANT=%s is no mistake that is known here", name)
}

// message spoils a message: its first field is data[0] in protobuf, {"NAME in JSON, and behind the map's head in MessagePack.
func (m mutant) message(codec ab.Codec, data []byte) []byte {
	switch {
	case m == wrongTag && codec == ab.Protobuf && len(data) > 0:
		data[0] += 8
	case m == wrongTag && codec == ab.JSON && len(data) > 2:
		data[2]++
	case m == wrongTag && codec == ab.MessagePack && len(data) > 1:
		data[1]++
	case m == intAsString && codec == ab.MessagePack && len(data) > 2 && data[2] < 10:
		data = slices.Replace(data, 2, 3, 0xa1, '0'+data[2])
	}
	return data
}

func (m mutant) envelope(data []byte, order *peerpb.WriteEnvelope) []byte {
	data = m.message(ab.Protobuf, data)
	if m != intAsString {
		return data
	}
	for _, f := range order.Fields {
		if f.Name == "correlation" {
			text := strconv.FormatUint(f.GetNumber(), 10)
			data = append(append(data, 3<<3|2, byte(len(text))), text...)
		}
	}
	return data
}
