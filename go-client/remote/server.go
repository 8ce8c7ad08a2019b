package remote

import (
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/reflection"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// maxLinks is the most links that a connection may carry at once; a node makes one.
const maxLinks = 16

// A Server listens for links and hands each to its acceptor.
type Server struct {
	grpc     *grpc.Server
	address  string
	acceptor door.Acceptor
	limit    int
	log      *slog.Logger
	done     sync.WaitGroup
	closed   chan struct{}
	once     sync.Once
}

// logging is an acceptor that has a log; *actorbridge.Node is one.
type logging interface{ Logger() *slog.Logger }

// Listen listens at addr, "tcp://host:port" (port 0 = any free one), "grpcs://host:port" (see [TLSFiles]) or "unix:///path",
// until Close. A Unix socket that nobody listens on any more is replaced. What it refuses goes to the acceptor's log, if that has
// one.
func Listen(acceptor door.Acceptor, addr string, opts ...Option) (*Server, error) {
	o := optionsOf(opts)
	at, err := parseAddress(addr, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	s := &Server{acceptor: acceptor, limit: o.maxFrameBytes, log: slog.Default(), closed: make(chan struct{})}
	if of, ok := acceptor.(logging); ok {
		s.log = of.Logger()
	}
	secure, err := s.credentials(at, o)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	listener, err := listen(at)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", addr, err)
	}
	s.address = addr[:strings.Index(addr, "://")] + "://" + listener.Addr().String()
	s.grpc = grpc.NewServer(
		grpc.Creds(secure),
		grpc.ForceServerCodecV2(rawCodec{}),
		grpc.MaxRecvMsgSize(wire.MaxFrameBytes),
		grpc.MaxConcurrentStreams(maxLinks),
		grpc.MaxHeaderListSize(maxHeaderList),
		grpc.WriteBufferSize(writeBuffer),
		grpc.SharedWriteBuffer(true), // so that a connection that came in and says nothing has none
		grpc.UnaryInterceptor(carryCall),
		grpc.StreamInterceptor(carryStream),
		grpc.InitialWindowSize(streamWindow),
		grpc.InitialConnWindowSize(connectionWindow))
	s.grpc.RegisterService(&grpc.ServiceDesc{
		ServiceName: service,
		HandlerType: (*any)(nil),
		Streams: append(s.subscriptions(), grpc.StreamDesc{
			StreamName: "Link", ServerStreams: true, ClientStreams: true,
			Handler: func(_ any, stream grpc.ServerStream) error { return s.serve(stream) },
		}),
		Methods:  s.calls(),
		Metadata: "actorbridge/v1/frame.proto",
	}, nil)
	s.tellHealth()
	reflection.Register(s.grpc)
	counted := &conns{
		Listener: listener, most: o.maxConnections, setUpTime: o.setUpTime,
		refusals: &refusals{log: s.log, address: s.Addr, count: func(pb.RefusalReason) {}},
	}
	if counter, ok := acceptor.(door.RefusalCounter); ok {
		counted.refusals.count = counter.CountRefusal
	}
	s.done.Go(func() { _ = s.grpc.Serve(counted) })
	return s, nil
}

func (s *Server) credentials(at address, o options) (credentials.TransportCredentials, error) {
	if !at.tls {
		return watched{TransportCredentials: insecure.NewCredentials()}, nil
	}
	conf, err := o.tls.forServer(func(why string) { s.log.Warn(why, "listener", s.address) })
	if err != nil {
		return nil, err
	}
	return watched{TransportCredentials: credentials.NewTLS(conf)}, nil
}

func listen(at address) (net.Listener, error) {
	if at.network == "unix" {
		return listenUnix(at.address)
	}
	return net.Listen(at.network, at.address)
}

// serve runs one link. When it returns, gRPC ends the stream, and so the link's reader.
func (s *Server) serve(stream grpc.ServerStream) error {
	carried, err := carriedBy(stream.Context())
	if err != nil {
		return err
	}
	p, _ := peer.FromContext(stream.Context())
	l := newLink(stream, shownBy(p.AuthInfo), s.limit, carried.begin, func() {})
	defer carried.end()
	defer l.Close()
	return s.acceptor.Accept(l)
}

// Addr is where the server listens, such as "tcp://127.0.0.1:7443", with the port that the system chose.
func (s *Server) Addr() string { return s.address }

// Close stops listening and ends every link. Shut the node down first, so that its peers hear a Goodbye.
func (s *Server) Close() {
	s.once.Do(func() { close(s.closed) })
	s.grpc.Stop()
	s.done.Wait()
}
