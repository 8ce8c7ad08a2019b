package remote

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"

	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// service is the gRPC service of a node.
const service = "actorbridge.v1.Bridge"

// calls are the methods for clients that are no nodes.
func (s *Server) calls() []grpc.MethodDesc {
	answerer, ok := s.acceptor.(door.Answerer)
	if !ok {
		return nil
	}
	return []grpc.MethodDesc{{MethodName: "Ask", Handler: func(
		_ any, ctx context.Context, decode func(any) error, intercept grpc.UnaryServerInterceptor,
	) (any, error) {
		request := new(pb.Raw)
		if err := decode(request); err != nil {
			return nil, err
		}
		handle := func(ctx context.Context, request any) (any, error) { return ask(ctx, answerer, request.(*pb.Raw)) }
		return intercept(ctx, request, &grpc.UnaryServerInfo{Server: s, FullMethod: "/" + service + "/Ask"}, handle)
	}}}
}

// inTrace is an envelope with the trace that the client says in its metadata.
func inTrace(ctx context.Context, envelope []byte) []byte {
	header := func(name string) string { return strings.Join(metadata.ValueFromIncomingContext(ctx, name), ",") }
	if trace, ok := wire.TraceOfHeaders(header("traceparent"), header("tracestate")); ok {
		return wire.InTrace(envelope, trace)
	}
	return envelope
}

// ask has an actor asked. The call's deadline is the ask's, or ttl_ms if that is less.
func ask(ctx context.Context, answerer door.Answerer, request *pb.Raw) (*pb.Raw, error) {
	ctx, cancel := limited(ctx, request)
	defer cancel()
	reply, refused := answerer.AskEnvelope(ctx, inTrace(ctx, request.Envelope))
	if refused != nil {
		return nil, statusOf(refused)
	}
	return &pb.Raw{Envelope: reply}, nil
}

// subscriptions are the methods for clients that are no nodes and want events.
func (s *Server) subscriptions() []grpc.StreamDesc {
	answerer, ok := s.acceptor.(door.Answerer)
	if !ok {
		return nil
	}
	return []grpc.StreamDesc{{StreamName: "Subscribe", ServerStreams: true, Handler: func(_ any, stream grpc.ServerStream) error {
		request := new(pb.Raw)
		if err := stream.RecvMsg(request); err != nil {
			return err
		}
		ctx, cancel := limited(stream.Context(), request)
		defer cancel()
		send := func(envelope []byte) error { return stream.SendMsg(&pb.Raw{Envelope: envelope}) }
		if refused := answerer.SubscribeEnvelope(ctx, inTrace(ctx, request.Envelope), send); refused != nil {
			return statusOf(refused)
		}
		return nil
	}}}
}

// limited is the context of a call that ends with the call's deadline, or after ttl_ms if that is less.
func limited(ctx context.Context, request *pb.Raw) (context.Context, context.CancelFunc) {
	if request.TtlMs > 0 {
		return context.WithTimeout(ctx, time.Duration(request.TtlMs)*time.Millisecond)
	}
	return context.WithCancel(ctx)
}

func statusOf(refused *door.AskError) error {
	failed := status.New(codes.Code(refused.GRPC), refused.Text)
	if detailed, err := failed.WithDetails(refused.Failure); err == nil {
		failed = detailed
	}
	return failed.Err()
}

// tellHealth answers grpc.health.v1: the node serves until it begins to shut down.
func (s *Server) tellHealth() {
	told := health.NewServer()
	told.SetServingStatus(service, healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(s.grpc, told)
	var closing <-chan struct{}
	if answerer, ok := s.acceptor.(door.Answerer); ok {
		closing = answerer.Closing()
	}
	s.done.Go(func() {
		select {
		case <-closing:
		case <-s.closed:
		}
		told.Shutdown()
	})
}

// carryCall has a connection live while it carries a call, as while it carries a link.
func carryCall(ctx context.Context, request any, _ *grpc.UnaryServerInfo, handle grpc.UnaryHandler) (any, error) {
	carried, err := carriedBy(ctx)
	if err != nil {
		return nil, err
	}
	carried.begin()
	defer carried.end()
	return handle(ctx, request)
}

// carryStream is the same for a stream; a link counts itself, from its first packet.
func carryStream(server any, stream grpc.ServerStream, info *grpc.StreamServerInfo, handle grpc.StreamHandler) error {
	if info.FullMethod == linkMethod {
		return handle(server, stream)
	}
	carried, err := carriedBy(stream.Context())
	if err != nil {
		return err
	}
	carried.begin()
	defer carried.end()
	return handle(server, stream)
}

func carriedBy(ctx context.Context) (*carried, error) {
	p, _ := peer.FromContext(ctx)
	by, ok := p.AuthInfo.(via)
	if !ok {
		return nil, errNotAccepted
	}
	return &carried{by: by.conn}, nil
}
