package wire

import (
	"bytes"
	"testing"
)

func TestABodyWithNothingButAPayloadIsPlainAndNoOtherIs(t *testing.T) {
	for _, size := range []int{1, 127, 128, 60_000} {
		payload := bytes.Repeat([]byte{7}, size)
		if got, plain := PlainPayload(AppendBody(nil, BodyFields{}, payload)); !plain || !bytes.Equal(got, payload) {
			t.Errorf("of %d bytes came %d, %v", size, len(got), plain)
		}
	}
	others := map[string][]byte{
		"empty":            {},
		"an ask":           AppendBody(nil, BodyFields{Correlation: 77}, []byte("x")),
		"a longer payload": {2<<3 | 2, 9, 1},
		"a field behind":   append(AppendBody(nil, BodyFields{}, []byte("x")), 3<<3, 1),
		"an endless size":  bytes.Repeat([]byte{2<<3 | 2, 0x80}, 12),
	}
	for name, body := range others {
		if got, plain := PlainPayload(body); plain {
			t.Errorf("%s: taken for a payload of %d bytes", name, len(got))
		}
	}
}
