package main

import (
	"fmt"
	"strconv"

	"github.com/actorbridge/actorbridge/go-client/compat/peerpb"
)

// A mutant is a mistake that the peer makes: the runner must see it. The environment variable COMPAT_MUTANT names it.
type mutant string

const (
	wrongTag    mutant = "wrong-tag"     // the first field is written with the next field's number
	dropUnknown mutant = "drop-unknown"  // what is passed on lacks the fields that this peer does not know
	intAsString mutant = "int-as-string" // a correlation is written once more, as text
)

func mutantOf(name string) (mutant, error) {
	switch m := mutant(name); m {
	case "", wrongTag, dropUnknown, intAsString:
		return m, nil
	}
	return "", fmt.Errorf("COMPAT_MUTANT=%s is no mistake that is known here", name)
}

func (m mutant) message(data []byte) []byte {
	if m == wrongTag && len(data) > 0 {
		data[0] += 8
	}
	return data
}

func (m mutant) envelope(data []byte, order *peerpb.WriteEnvelope) []byte {
	data = m.message(data)
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
