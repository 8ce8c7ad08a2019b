package actorbridge_test

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/metadata"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

const (
	headersFrame = 1
	resetFrame   = 3
)

// http2Frame is a frame of HTTP/2.
func http2Frame(kind, flags byte, stream uint32, payload string) string {
	head := binary.BigEndian.AppendUint32(nil, uint32(len(payload))<<8|uint32(kind))
	return string(binary.BigEndian.AppendUint32(append(head, flags), stream)) + payload
}

// callWithHeaders is a call of a method that no node has, with so many bytes of headers: one of 3,000 that HPACK's table keeps, and
// what refers to it.
func callWithHeaders(stream uint32, bytes int) string {
	block := "\x83\x86\x04\x08/no/Such\x01\x09localhost\x0f\x10\x10application/grpc\x00\x02te\x08trailers"
	block += "\x40\x01x\x7f\xb9\x16" + strings.Repeat("x", 3_000) + strings.Repeat("\xbe", bytes/3_033-1)
	return http2Frame(headersFrame, 5, stream, block)
}

// answered is the kind of the frame that answers a call.
func answered(t *testing.T, conn net.Conn, stream uint32) byte {
	t.Helper()
	must(t, conn.SetReadDeadline(time.Now().Add(long)))
	for {
		head := make([]byte, 9)
		_, err := io.ReadFull(conn, head)
		must(t, err)
		_, err = io.CopyN(io.Discard, conn, int64(binary.BigEndian.Uint32(head)>>8))
		must(t, err)
		kind := head[3]
		if binary.BigEndian.Uint32(head[5:]) == stream && (kind == headersFrame || kind == resetFrame) {
			return kind
		}
	}
}

func TestACallWithHeadersOver16KiBIsRefusedAndItsConnectionStays(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0")
	conn := s.socket(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+http2Frame(4, 0, 0, ""))
	for i, c := range []struct {
		bytes int
		want  byte
	}{{15_500, headersFrame}, {18_200, resetFrame}, {15_500, headersFrame}} {
		stream := uint32(2*i + 1)
		_, err := io.WriteString(conn, callWithHeaders(stream, c.bytes))
		must(t, err)
		if got := answered(t, conn, stream); got != c.want {
			t.Errorf("call %d, with %d bytes of headers, is answered with a frame of kind %d", i, c.bytes, got)
		}
	}
}

func TestADiallerSaysThatItTakesNoHeadersOver16KiB(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	sent := make(chan error, 1)
	server := grpc.NewServer(grpc.UnknownServiceHandler(func(_ any, stream grpc.ServerStream) error {
		err := stream.SendHeader(metadata.Pairs("x", strings.Repeat("x", 17<<10)))
		sent <- err
		return err
	}))
	ended := make(chan error, 1)
	go func() { ended <- server.Serve(listener) }()
	t.Cleanup(func() {
		server.Stop()
		must(t, <-ended)
	})
	_, err = start(t, "a").Dial(t.Context(), remote.Door("tcp://"+listener.Addr().String()))
	if !errors.Is(err, ab.ErrUnavailable) {
		t.Errorf("the dial ends with %v", err)
	}
	if err := receive(t, "the dialler's call", sent); err == nil || !strings.Contains(err.Error(), "larger than the limit set by peer") {
		t.Errorf("to send such headers is %v", err)
	}
}
