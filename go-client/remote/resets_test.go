package remote

import (
	"slices"
	"strings"
	"testing"
)

func TestResetsAreFoundHoweverTheBytesCome(t *testing.T) {
	data := "\x00\x00\x0d\x00\x00\x00\x00\x00\x01" + strings.Repeat("\x03", 13)
	reset := "\x00\x00\x04\x03\x00\x00\x00\x00\x01\x00\x00\x00\x08"
	bytes := []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + data + reset + data + reset)
	for portion := 1; portion <= len(bytes); portion++ {
		frames, found := resetFrames{skip: prefaceBytes}, 0
		for some := range slices.Chunk(bytes, portion) {
			found += frames.count(some)
		}
		if found != 2 {
			t.Errorf("in portions of %d bytes there are %d", portion, found)
		}
	}
}
