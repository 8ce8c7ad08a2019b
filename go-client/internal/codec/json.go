package codec

import (
	"bytes"
	"encoding/json"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
)

// MarshalJSON writes canonical JSON without white space.
func MarshalJSON(message proto.Message) ([]byte, error) {
	spaced, err := protojson.Marshal(message)
	if err != nil {
		return nil, err
	}
	if depth(spaced) > MaxDepth {
		return nil, errDepth
	}
	// protojson adds a blank here and there, so that nobody compares its bytes.
	var out bytes.Buffer
	out.Grow(len(spaced))
	err = json.Compact(&out, spaced)
	return out.Bytes(), err
}

// UnmarshalJSON reads JSON. It leaves out what it does not know: names of fields and of enum values.
func UnmarshalJSON(payload []byte, message proto.Message) error {
	if depth(payload) > MaxDepth {
		return errDepth
	}
	return protojson.UnmarshalOptions{DiscardUnknown: true}.Unmarshal(payload, message)
}

// depth is how deep objects and arrays lie in each other, in what is JSON, or may be.
func depth(text []byte) int {
	now, most, inText := 0, 0, false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case inText && c == '\\':
			i++
		case c == '"':
			inText = !inText
		case inText:
		case c == '{' || c == '[':
			now++
			most = max(most, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return most
}
