package remote

import (
	"errors"
	"io"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/actorbridge/actorbridge/go-client/door"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// stream is what client and server streams have in common.
type stream interface {
	SendMsg(any) error
	RecvMsg(any) error
}

// link is a door.Link on a gRPC stream.
//
// A goroutine of its own reads the stream, because Close must end Recv and gRPC cannot be told to stop reading. It holds
// at most one packet.
type link struct {
	stream  stream
	who     *door.Identity
	began   func() // called with the first packet
	limit   int
	packets chan received
	closed  chan struct{}
	ended   chan struct{} // the reader is gone
	once    sync.Once
	// onClose ends the transport; it must make the reader's RecvMsg return.
	onClose func()
}

type received struct {
	packet *wire.Packet
	err    error
}

func newLink(s stream, who *door.Identity, limit int, began, onClose func()) *link {
	l := &link{
		stream: s, who: who, limit: limit, began: began, onClose: onClose,
		packets: make(chan received), closed: make(chan struct{}), ended: make(chan struct{}),
	}
	go l.read()
	return l
}

func (l *link) read() {
	defer close(l.ended)
	in := incoming{limit: l.limit}
	for {
		in.bytes, in.refusal = nil, nil
		err := l.stream.RecvMsg(&in)
		var next received
		if err == nil {
			next.packet, next.err = in.packet()
		} else {
			next.err = readError(err)
		}
		// Also where the packet is none: then it is the link that is refused.
		if _, refused := next.err.(*wire.Refusal); l.began != nil && (err == nil || refused) {
			l.began()
			l.began = nil
		}
		select {
		case l.packets <- next:
		case <-l.closed:
			// What still comes is dropped, until the stream ends: then the peer has seen what was sent before.
		}
		if err != nil {
			close(l.packets)
			return
		}
	}
}

// readError tells a frame over 4 MiB, which gRPC here or at the other end refused to read, from a connection that is gone.
func readError(err error) error {
	switch {
	case errors.Is(err, io.EOF):
		return io.EOF
	case status.Code(err) == codes.ResourceExhausted:
		detail := status.Convert(err).Message() + "; no node sends such a frame"
		return &wire.Refusal{Code: actorbridgev1.Code_CODE_TOO_LARGE, Detail: detail}
	}
	return err
}

// Identity implements door.Identified.
func (l *link) Identity() *door.Identity { return l.who }

// Send implements door.Link.
func (l *link) Send(p *wire.Packet) error {
	return l.stream.SendMsg(p)
}

// Recv implements door.Link.
func (l *link) Recv() (*wire.Packet, error) {
	select {
	case next, ok := <-l.packets:
		if !ok {
			return nil, io.EOF
		}
		return next.packet, next.err
	case <-l.closed:
		return nil, io.EOF
	}
}

// Close implements door.Link.
func (l *link) Close() error {
	l.once.Do(func() {
		close(l.closed)
		l.onClose()
	})
	return nil
}
