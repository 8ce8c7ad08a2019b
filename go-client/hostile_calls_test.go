package actorbridge_test

import (
	"encoding/binary"
	"io"
	"sync/atomic"
	"testing"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
)

// Floods of calls of HTTP/2 on one connection. They come from clients that read nothing, and no library would make them.

const (
	dataFrame = 0
	// atOnce is the most calls of a connection that run at a time.
	atOnce   = 16
	flooding = "more than 200 of its calls were reset within a second"
)

// opened is a call of a method of the bridge; its body follows.
func opened(stream uint32, method string) string {
	path := "/actorbridge.v1.Bridge/" + method
	block := "\x83\x86\x04" + string(rune(len(path))) + path + "\x01\x09localhost\x0f\x10\x10application/grpc\x00\x02te\x08trailers"
	return http2Frame(headersFrame, 4, stream, block)
}

func reset(stream uint32) string { return http2Frame(resetFrame, 0, stream, "\x00\x00\x00\x08") }

// callOfAsk is a call of Ask with its body.
func callOfAsk(t *testing.T, stream uint32, target string, message proto.Message) string {
	t.Helper()
	envelope, err := proto.Marshal(envelopeFor(t, target, message))
	must(t, err)
	body, err := proto.Marshal(&actorbridgev1.Raw{Envelope: envelope})
	must(t, err)
	head := binary.BigEndian.AppendUint32([]byte{0}, uint32(len(body)))
	return opened(stream, "Ask") + http2Frame(dataFrame, 1, stream, string(head)+string(body))
}

// flood makes calls until b ends the connection.
func (s *besieged) flood(t *testing.T, call func(stream uint32) string) {
	t.Helper()
	conn := s.socket(t, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"+http2Frame(4, 0, 0, ""))
	const calls = 100_000
	for stream := uint32(1); stream < 2*calls; stream += 2 {
		if _, err := io.WriteString(conn, call(stream)); err != nil {
			return
		}
	}
	t.Errorf("%d calls were taken", calls)
}

func TestCallsThatAreOpenedAndResetAtOnceCostTheirConnection(t *testing.T) {
	for _, method := range []string{"Link", "Ask", "Subscribe", "NoSuchMethod"} {
		s := besiege(t, "tcp://127.0.0.1:0")
		s.flood(t, func(stream uint32) string { return opened(stream, method) + reset(stream) })
		t.Log(method)
		s.says(t, flooding, "TOO_MANY_RESETS", 1)
	}
}

func TestAsksThatAreResetWhileTheyRunCostTheirConnectionAndFewRunAtATime(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0")
	s.flood(t, func(stream uint32) string {
		return callOfAsk(t, stream, "ab:///echo", &testpb.EchoRequest{}) + reset(stream)
	})
	s.says(t, flooding, "TOO_MANY_RESETS", 1)
}

func TestAFloodOfAsksOfAClientThatNeverReadsCostsItsConnectionAndFewRun(t *testing.T) {
	s := besiege(t, "tcp://127.0.0.1:0")
	var ran atomic.Int64
	spawnFunc(t, s.there, "large", func(_ ab.Context, m *ab.Message) error {
		ran.Add(1)
		return m.Reply(&testpb.EchoReply{Data: make([]byte, 1<<20)})
	})
	s.flood(t, func(stream uint32) string { return callOfAsk(t, stream, "ab:///large", &testpb.EchoRequest{}) })
	s.says(t, flooding, "TOO_MANY_RESETS", 1)
	if n := ran.Load(); n > atOnce {
		t.Errorf("%d asks have run for one who reads no answer", n)
	}
}
