package actorbridge_test

import (
	"bytes"
	"context"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/metadata"
	reflectionpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/descriptorpb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// client is a gRPC client that is no node, of a node with an actor "echo".
func client(t *testing.T, options ...remote.Option) (*grpc.ClientConn, *ab.Node) {
	t.Helper()
	var server *remote.Server
	t.Cleanup(func() { server.Close() })
	node := start(t, "b")
	spawn(t, node, "echo")
	server, err := remote.Listen(node, "tcp://127.0.0.1:0", options...)
	must(t, err)
	conn, err := grpc.NewClient("passthrough:///"+server.Addr()[len("tcp://"):], grpc.WithTransportCredentials(insecure.NewCredentials()))
	must(t, err)
	t.Cleanup(func() { conn.Close() })
	return conn, node
}

func envelopeFor(t *testing.T, target string, message proto.Message) *actorbridgev1.Envelope {
	t.Helper()
	payload, err := proto.Marshal(message)
	must(t, err)
	return &actorbridgev1.Envelope{
		Kind: actorbridgev1.Kind_KIND_ASK, Target: target, Type: string(message.ProtoReflect().Descriptor().FullName()), Payload: payload,
	}
}

// askBy asks by the unary method.
func askBy(ctx context.Context, t *testing.T, conn *grpc.ClientConn, envelope *actorbridgev1.Envelope) (*actorbridgev1.Envelope, error) {
	t.Helper()
	encoded, err := proto.Marshal(envelope)
	must(t, err)
	reply, err := askRaw(ctx, conn, &actorbridgev1.Raw{Envelope: encoded})
	if err != nil {
		return nil, err
	}
	answer := new(actorbridgev1.Envelope)
	must(t, proto.Unmarshal(reply.Envelope, answer))
	return answer, nil
}

func askRaw(ctx context.Context, conn *grpc.ClientConn, request *actorbridgev1.Raw) (*actorbridgev1.Raw, error) {
	reply := new(actorbridgev1.Raw)
	err := conn.Invoke(ctx, "/actorbridge.v1.Bridge/Ask", request, reply)
	return reply, err
}

func TestAClientThatIsNoNodeAsksByOneCall(t *testing.T) {
	conn, node := client(t)
	answer, err := askBy(t.Context(), t, conn, envelopeFor(t, "ab:///echo", &testpb.EchoRequest{Text: "by hand"}))
	must(t, err)
	var echo testpb.EchoReply
	must(t, proto.Unmarshal(answer.Payload, &echo))
	if echo.Text != "by hand" || answer.Kind != actorbridgev1.Kind_KIND_REPLY || answer.Type != "actorbridge.test.v1.EchoReply" {
		t.Errorf("it is answered %v with %v", answer, &echo)
	}
	if refusals := node.Status(nil).Refusals; len(refusals) > 0 {
		t.Errorf("the connection counts as %v", refusals)
	}
}

func TestAnAskByOneCallIsOfTheTraceOfItsMetadataUnlessItsEnvelopeSaysAnother(t *testing.T) {
	conn, _ := client(t)
	ctx := metadata.AppendToOutgoingContext(t.Context(),
		"traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", "tracestate", "shop=1")
	envelope := envelopeFor(t, "ab:///echo", &testpb.EchoRequest{})
	answer, err := askBy(ctx, t, conn, envelope)
	must(t, err)
	if len(answer.Trace) != 25 || answer.Trace[0] != 0x0a || answer.Tracestate != "shop=1" {
		t.Errorf("the answer is of %x %q", answer.Trace, answer.Tracestate)
	}
	envelope.Trace = bytes.Repeat([]byte{7}, 25)
	answer, err = askBy(ctx, t, conn, envelope)
	must(t, err)
	if !bytes.Equal(answer.Trace, envelope.Trace) || answer.Tracestate != "" {
		t.Errorf("the answer is of %x %q", answer.Trace, answer.Tracestate)
	}
}

func TestAnAskByOneCallFailsWithTheStatusOfTheErrorTable(t *testing.T) {
	conn, node := client(t)
	_, err := node.Spawn("silent", func() ab.Receiver { return silent{} })
	must(t, err)
	with := func(change func(*actorbridgev1.Envelope)) *actorbridgev1.Envelope {
		e := envelopeFor(t, "ab:///echo", &testpb.EchoRequest{})
		change(e)
		return e
	}
	for name, c := range map[string]struct {
		envelope *actorbridgev1.Envelope
		code     codes.Code
		own      actorbridgev1.Code
	}{
		"nobody":        {envelopeFor(t, "ab:///nobody", &testpb.EchoRequest{}), codes.NotFound, actorbridgev1.Code_CODE_NO_SUCH_ACTOR},
		"no address":    {envelopeFor(t, "echo", &testpb.EchoRequest{}), codes.InvalidArgument, actorbridgev1.Code_CODE_INVALID_ARGUMENT},
		"another type":  {envelopeFor(t, "ab:///echo", &actorbridgev1.Ping{}), codes.Unimplemented, actorbridgev1.Code_CODE_UNSUPPORTED_TYPE},
		"its own fault": {envelopeFor(t, "ab:///echo", &testpb.FailNow{Code: "X"}), codes.Unknown, actorbridgev1.Code_CODE_HANDLER_ERROR},
		"a tell": {with(func(e *actorbridgev1.Envelope) { e.Kind = actorbridgev1.Kind_KIND_TELL }), codes.Unimplemented,
			actorbridgev1.Code_CODE_UNSUPPORTED_KIND},
		"a source": {with(func(e *actorbridgev1.Envelope) { e.Source = "ab:///boss" }), codes.InvalidArgument,
			actorbridgev1.Code_CODE_INVALID_ARGUMENT},
		"too large": {with(func(e *actorbridgev1.Envelope) { e.Payload = make([]byte, 4<<20-32<<10) }), codes.ResourceExhausted,
			actorbridgev1.Code_CODE_TOO_LARGE},
	} {
		_, err := askBy(t.Context(), t, conn, c.envelope)
		failed := status.Convert(err)
		if len(failed.Details()) != 1 {
			t.Errorf("%s: %v", name, err)
			continue
		}
		failure, _ := failed.Details()[0].(*actorbridgev1.Failure)
		if failed.Code() != c.code || failure.GetCode() != c.own {
			t.Errorf("%s: %v with %v", name, err, failure)
		}
	}
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	if _, err := askBy(ctx, t, conn, envelopeFor(t, "ab:///silent", &testpb.Hold{})); !ranOut(err) {
		t.Errorf("without an answer it is %v", err)
	}
	eventually(t, "the ask to be over", func() bool { return node.Status(nil).AsksWaiting == 0 })
}

// ranOut says whether a call ended with its time: by its own clock, or by the node's, where that was faster.
func ranOut(err error) bool {
	failed := status.Convert(err)
	if failed.Code() == codes.DeadlineExceeded {
		return true
	}
	if len(failed.Details()) != 1 {
		return false
	}
	failure, _ := failed.Details()[0].(*actorbridgev1.Failure)
	return failure.GetCode() == actorbridgev1.Code_CODE_OUTCOME_UNKNOWN
}

// silent takes over the duty to answer, and never does.
type silent struct{}

func (silent) Receive(_ ab.Context, m *ab.Message) error {
	_, err := m.Responder()
	return err
}

func TestANodeIsHealthyUntilItShutsDown(t *testing.T) {
	conn, node := client(t)
	health := healthpb.NewHealthClient(conn)
	for _, service := range []string{"", "actorbridge.v1.Bridge"} {
		answer, err := health.Check(t.Context(), &healthpb.HealthCheckRequest{Service: service})
		if err != nil || answer.Status != healthpb.HealthCheckResponse_SERVING {
			t.Errorf("service %q is %v, %v", service, answer, err)
		}
	}
	watch, err := health.Watch(t.Context(), &healthpb.HealthCheckRequest{})
	must(t, err)
	hears := func(want healthpb.HealthCheckResponse_ServingStatus) {
		t.Helper()
		if answer, err := watch.Recv(); err != nil || answer.Status != want {
			t.Fatalf("it hears %v, %v, not %v", answer, err, want)
		}
	}
	hears(healthpb.HealthCheckResponse_SERVING)
	shutdown(t, node)
	hears(healthpb.HealthCheckResponse_NOT_SERVING)
}

func TestReflectionKnowsTheNodesService(t *testing.T) {
	conn, _ := client(t)
	stream, err := reflectionpb.NewServerReflectionClient(conn).ServerReflectionInfo(t.Context())
	must(t, err)
	must(t, stream.Send(&reflectionpb.ServerReflectionRequest{
		MessageRequest: &reflectionpb.ServerReflectionRequest_FileContainingSymbol{FileContainingSymbol: "actorbridge.v1.Bridge"},
	}))
	answer, err := stream.Recv()
	must(t, err)
	found := false
	for _, encoded := range answer.GetFileDescriptorResponse().GetFileDescriptorProto() {
		var file descriptorpb.FileDescriptorProto
		must(t, proto.Unmarshal(encoded, &file))
		found = found || file.GetName() == "actorbridge/v1/frame.proto"
	}
	if !found {
		t.Errorf("it answers %v", answer)
	}
}

func TestAConnectionThatCarriesCallsIsKeptAndOneThatCarriesNoneIsNot(t *testing.T) {
	conn, node := client(t, remote.SetUpTime(soon))
	_, err := node.Spawn("silent", func() ab.Receiver { return silent{} })
	must(t, err)
	ctx, cancel := context.WithTimeout(t.Context(), 4*soon)
	defer cancel()
	if _, err := askBy(ctx, t, conn, envelopeFor(t, "ab:///silent", &testpb.Hold{})); !ranOut(err) {
		t.Errorf("a call that takes long ends with %v", err)
	}
	if refusals := node.Status(nil).Refusals; len(refusals) > 0 {
		t.Errorf("it counts as %v", refusals)
	}
}
