// Package remote is the door to a node in another process: one gRPC stream of frames, over TCP, with TLS or without, or a Unix
// socket.
//
// Nothing is decoded by gRPC: its messages are the frames' bytes. The peer may be a Go or a Rust node.
package remote

import (
	"context"
	"errors"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	linkMethod = "/actorbridge.v1.Bridge/Link"
	// Windows larger than the largest frame, so that one frame never waits for half of itself.
	streamWindow     = 4 << 20
	connectionWindow = 8 << 20
	// What gRPC gathers before it writes: a whole frame of 64 KiB. By default it is 32 KiB.
	writeBuffer = 128 << 10
	// Most bytes of a call's headers, as HTTP/2 counts them: 32 beside each name and value. gRPC would take 16 MiB.
	maxHeaderList = 16 << 10
	// How long a closed link waits for its peer to have read the Goodbye.
	closeGrace = time.Second
)

var linkStream = grpc.StreamDesc{StreamName: "Link", ServerStreams: true, ClientStreams: true}

// Door dials the node that listens at addr: "tcp://host:port", "grpcs://host:port" (see [TLSFiles]) or "unix:///path". A bad
// address, or files for TLS that are not usable, are an error of Dial. It is a door.Redialer, unless [Once] is given: the node dials
// again when the link is lost.
func Door(addr string, opts ...Option) door.Door {
	d := &remoteDoor{addr: addr, options: optionsOf(opts)}
	if d.options.once {
		return struct{ door.Door }{d}
	}
	return d
}

type remoteDoor struct {
	addr    string
	options options
}

func (d *remoteDoor) String() string { return d.addr }

// Redial implements door.Redialer. It never gives up.
func (d *remoteDoor) Redial(ctx context.Context) (door.Link, error) { return d.Dial(ctx) }

func (d *remoteDoor) Dial(ctx context.Context) (door.Link, error) {
	at, err := parseAddress(d.addr, d.options)
	if err != nil {
		return nil, &door.SetupError{Err: err}
	}
	who, secure, err := d.credentials(ctx, at)
	if err != nil {
		return nil, &door.SetupError{Err: err}
	}
	target, options := "passthrough:///"+at.address, []grpc.DialOption{
		grpc.WithTransportCredentials(secure),
		grpc.WithInitialWindowSize(streamWindow),
		grpc.WithInitialConnWindowSize(connectionWindow),
		grpc.WithWriteBufferSize(writeBuffer),
		grpc.WithMaxHeaderListSize(maxHeaderList),
		grpc.WithDefaultCallOptions(grpc.ForceCodecV2(rawCodec{}), grpc.MaxCallRecvMsgSize(wire.MaxFrameBytes)),
	}
	if at.network == "unix" {
		target = "unix://" + at.address
		options = append(options, grpc.WithContextDialer(dialUnix(at.address)))
	}
	conn, err := grpc.NewClient(target, options...)
	if err != nil {
		return nil, err
	}
	// The stream outlives ctx, which is for dialling only.
	life, end := context.WithCancel(context.Background())
	stop := context.AfterFunc(ctx, end)
	stream, err := conn.NewStream(life, &linkStream, linkMethod)
	if err == nil && !stop() {
		err = ctx.Err()
	}
	if err != nil {
		end()
		_ = conn.Close()
		why := status.Convert(err).Message()
		err = errors.New(withAdvice(why))
		if reason, known := reasonOf(why); known && at.tls {
			err = &door.RefusedError{Reason: reason, Err: err}
		}
		return nil, err
	}
	var l *link
	l = newLink(stream, who.Load(), d.options.maxFrameBytes, nil, func() {
		_ = stream.CloseSend()
		l.awaitEnd(closeGrace)
		end()
		_ = conn.Close()
	})
	return l, nil
}

// credentials are those of one dial, and where they put who is at the other end.
func (d *remoteDoor) credentials(ctx context.Context, at address) (
	*atomic.Pointer[door.Identity], credentials.TransportCredentials, error,
) {
	who := new(atomic.Pointer[door.Identity])
	if !at.tls {
		return who, insecure.NewCredentials(), nil
	}
	log := door.Logger(ctx)
	conf, err := d.options.tls.forClient(func(why string) { log.Warn(why, "door", d.addr) })
	if err != nil {
		return nil, nil, err
	}
	return who, watched{TransportCredentials: credentials.NewTLS(conf), shown: who.Store}, nil
}

// awaitEnd waits until the peer has ended the stream, but not longer than grace.
func (l *link) awaitEnd(grace time.Duration) {
	timer := time.NewTimer(grace)
	defer timer.Stop()
	select {
	case <-l.ended:
	case <-timer.C:
	}
}
