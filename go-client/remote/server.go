package remote

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"time"

	"google.golang.org/grpc"

	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// A Server listens for links and hands each to its acceptor.
type Server struct {
	grpc     *grpc.Server
	address  string
	acceptor door.Acceptor
	limit    int
	done     sync.WaitGroup
}

// Listen listens at addr, "tcp://host:port" (port 0 = any free one) or "unix:///path", until Close. A Unix socket that
// nobody listens on any more is replaced.
func Listen(acceptor door.Acceptor, addr string, opts ...Option) (*Server, error) {
	o := optionsOf(opts)
	at, err := parseAddress(addr, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	listener, err := listen(at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	s := &Server{acceptor: acceptor, limit: o.maxFrameBytes, address: at.network + "://" + listener.Addr().String()}
	s.grpc = grpc.NewServer(
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(wire.MaxFrameBytes),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow))
	s.grpc.RegisterService(&grpc.ServiceDesc{
		ServiceName: "actorbridge.v1.Bridge",
		HandlerType: (*any)(nil),
		Streams: []grpc.StreamDesc{{
			StreamName: "Link", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { return s.serve(stream) },
		}},
	}, nil)
	s.done.Go(func() { _ = s.grpc.Serve(listener) })
	return s, nil
}

func listen(at address) (net.Listener, error) {
	listener, err := net.Listen(at.network, at.address)
	if err == nil || at.network != "unix" {
		return listener, err
	}
	var dialer net.Dialer
	ctx, cancel := context.WithTimeout(context.Background(), time.Second)
	defer cancel()
	if conn, dialErr := dialer.DialContext(ctx, at.network, at.address); dialErr == nil {
		_ = conn.Close()
		return nil, err
	}
	if removeErr := os.Remove(at.address); removeErr != nil {
		return nil, err
	}
	return net.Listen(at.network, at.address)
}

// serve runs one link. When it returns, gRPC ends the stream, and so the link's reader.
func (s *Server) serve(stream grpc.ServerStream) error {
	l := newLink(stream, s.limit, func() {})
	defer l.Close()
	return s.acceptor.Accept(l)
}

// Addr is where the server listens, such as "tcp://127.0.0.1:7443", with the port that the system chose.
func (s *Server) Addr() string { return s.address }

// Close stops listening and ends every link. Shut the node down first, so that its peers hear a Goodbye.
func (s *Server) Close() {
	s.grpc.Stop()
	s.done.Wait()
}
