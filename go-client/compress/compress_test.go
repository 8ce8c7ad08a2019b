// Package compress has tests of both packages below it, between nodes and with peers that keep no rule.
package compress_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	_ "github.com/actorbridge/actorbridge/go-client/compress/lz4"
	_ "github.com/actorbridge/actorbridge/go-client/compress/zstd"
	"github.com/actorbridge/actorbridge/go-client/door"
	pb "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

const (
	least = 1024
	long  = 10 * time.Second
)

var blob = ab.NewRawType("compression.v1.Blob")

// came is a payload that came: how long it was, and what was in it.
type came struct {
	size int
	what string
}

// shows spawns an actor that answers with what it is sent, and shows it.
func shows(t *testing.T, node *ab.Node, path string) <-chan came {
	t.Helper()
	shown := make(chan came, 100)
	_, err := node.Spawn(path, func() ab.Receiver {
		return ab.ReceiverFunc(func(_ ab.Context, m *ab.Message) error {
			if m.Type() == blob.Name() {
				payload, err := m.Raw(blob)
				shown <- came{len(m.Payload()), string(payload)}
				if err == nil && m.IsAsk() {
					err = m.ReplyRaw(blob, payload)
				}
				return err
			}
			var request testpb.EchoRequest
			if err := m.Decode(&request); err != nil {
				return err
			}
			shown <- came{len(m.Payload()), request.Text}
			return ab.Answer(m, &testpb.EchoReply{Text: request.Text}, nil)
		})
	})
	if err != nil {
		t.Fatal(err)
	}
	return shown
}

func next[T any](t *testing.T, from <-chan T) (got T) {
	t.Helper()
	select {
	case got = <-from:
	case <-time.After(long):
		t.Fatal("nothing came")
	}
	return got
}

func pair(t *testing.T, c ab.Compression) (a, b *ab.Node) {
	b = abtest.Start(t, "b", ab.WithCompression(c, least))
	return abtest.Start(t, "a", ab.WithCompression(c, least), ab.WithLink(abtest.Door(b))), b
}

func refOf(t *testing.T, node *ab.Node, path string) ab.Ref {
	t.Helper()
	ref, err := node.Ref("ab:///" + path)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

func TestMessagesOfTheLeastSizeAndMoreGoCompressedByLinksAlone(t *testing.T) {
	for _, c := range []ab.Compression{ab.Zstd, ab.LZ4} {
		a, b := pair(t, c)
		froms := map[string]<-chan came{"there": shows(t, b, "there"), "here": shows(t, a, "here")}
		froms["through"] = froms["there"]
		there := refOf(t, b, "there")
		_, err := b.Spawn("through", func() ab.Receiver {
			return ab.ReceiverFunc(func(ctx ab.Context, m *ab.Message) error { return m.Forward(ctx, there) })
		})
		if err != nil {
			t.Fatal(err)
		}
		large := strings.Repeat("x", least-3)
		for _, sent := range []struct {
			path, text string
			compressed bool
		}{{"there", large, true}, {"there", large[1:], false}, {"through", large, true}, {"here", large, false}} {
			to, request := refOf(t, a, sent.path), &testpb.EchoRequest{Text: sent.text}
			if reply, err := ab.Ask[*testpb.EchoReply](t.Context(), to, request); err != nil || reply.Text != sent.text {
				t.Errorf("by %v to %s: %v", c, sent.path, err)
			}
			if err := a.Tell(t.Context(), to, request); err != nil {
				t.Error(err)
			}
			for _, kind := range []string{"ask", "tell"} {
				got, plain := next(t, froms[sent.path]), proto.Size(request)
				if got.what != sent.text || got.size < plain/4 != sent.compressed || !sent.compressed && got.size != plain {
					t.Errorf("by %v to %s: the %s has %d bytes of %d", c, sent.path, kind, got.size, plain)
				}
			}
		}
	}
}

func TestRawMessagesArriveAsTheyWereAndInOrderWhetherTheyWereCompressedOrNot(t *testing.T) {
	noise := make([]byte, 4000)
	for i, state := 0, uint32(1); i < len(noise); i++ {
		state = state*1_664_525 + 1_013_904_223
		noise[i] = byte(state >> 24)
	}
	for _, c := range []ab.Compression{ab.Zstd, ab.LZ4} {
		a, b := pair(t, c)
		there := shows(t, b, "there")
		large, small := bytes.Repeat([]byte{7}, 5000), bytes.Repeat([]byte{8}, 100)
		blobs := [][]byte{small, large, small, noise, large, small}
		to := refOf(t, a, "there")
		if err := a.Tell(t.Context(), to, &testpb.EchoRequest{}); err != nil {
			t.Fatal(err)
		}
		next(t, there)
		if sent, err := a.TellRawAll(t.Context(), to, blob, blobs); err != nil || sent != len(blobs) {
			t.Fatal(sent, err)
		}
		for _, want := range blobs {
			got := next(t, there)
			if got.what != string(want) || got.size < len(want) != (len(want) == len(large)) {
				t.Errorf("by %v: %d bytes of %d", c, got.size, len(want))
			}
		}
		for _, want := range blobs {
			if reply, err := a.AskRaw(t.Context(), to, blob, want); err != nil || !bytes.Equal(reply, want) {
				t.Errorf("by %v: %v", c, err)
			}
		}
	}
}

// stranger is a peer that is written by hand.
type stranger struct {
	t      *testing.T
	link   door.Link
	number uint64
	types  [][]byte
}

// meet links a stranger with a node, and opens a stream to its actor echo.
func meet(t *testing.T, node *ab.Node, capabilities ...pb.Capability) *stranger {
	t.Helper()
	link, err := abtest.Door(node).Dial(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { link.Close() })
	s := &stranger{t: t, link: link}
	hello := &pb.Hello{MinProtocol: 1, MaxProtocol: 1, Node: "stranger", Incarnation: 7}
	for _, c := range capabilities {
		hello.Capabilities = append(hello.Capabilities, uint32(c))
	}
	s.send(&wire.Packet{Head: &pb.Frame{Hello: hello}})
	open := &pb.StreamOpen{
		Flow: 1, Stream: 1, Epoch: 1, Mode: pb.Mode_MODE_FLOW, FirstSeq: 1,
		Prefix: wire.NewWho("", "ab:///echo", "ab://stranger/system").Bytes,
	}
	s.send(&wire.Packet{Head: &pb.Frame{Open: []*pb.StreamOpen{open}}})
	return s
}

func (s *stranger) send(p *wire.Packet) {
	s.t.Helper()
	s.number++
	p.Head.Number = s.number
	if err := s.link.Send(p); err != nil {
		s.t.Fatal(err)
	}
}

// ask sends an EchoRequest, and waits for its answer.
func (s *stranger) ask(seq uint64, compression int32, rawSize uint64, payload []byte) *pb.Envelope {
	s.t.Helper()
	body, err := proto.Marshal(&pb.Envelope{
		Kind: pb.Kind_KIND_ASK, Correlation: seq, Type: "actorbridge.test.v1.EchoRequest",
		Compression: pb.Compression(compression), RawSize: rawSize, Payload: payload,
	})
	if err != nil {
		s.t.Fatal(err)
	}
	s.send(&wire.Packet{Head: new(pb.Frame), Runs: []wire.Run{{Flow: 1, FirstSeq: seq, Items: []wire.Item{{Body: body}}}}})
	for {
		packet, err := s.link.Recv()
		if err != nil {
			s.t.Fatal(err)
		}
		for _, def := range packet.Head.Type {
			s.types = append(s.types, bytes.Clone(def.Prefix))
		}
		for _, run := range packet.Runs {
			for _, item := range run.All() {
				answer := new(pb.Envelope)
				if err := proto.Unmarshal(slices.Concat(s.types[item.TypeID-1], item.Body), answer); err != nil {
					s.t.Fatal(err)
				}
				return answer
			}
		}
	}
}

func TestAPeerGetsOnlyWhatItSaysThatItReads(t *testing.T) {
	text := strings.Repeat("bottles of beer ", 200)
	payload, err := proto.Marshal(&testpb.EchoRequest{Text: text})
	if err != nil {
		t.Fatal(err)
	}
	for capability, compression := range map[pb.Capability]pb.Compression{
		pb.Capability_CAPABILITY_LZ4_PAYLOADS: 0, pb.Capability_CAPABILITY_ZSTD_PAYLOADS: pb.Compression_COMPRESSION_ZSTD,
	} {
		b := abtest.Start(t, "b", ab.WithCompression(ab.Zstd, least))
		shows(t, b, "echo")
		answer := meet(t, b, capability).ask(1, 0, 0, payload)
		if answer.Kind != pb.Kind_KIND_REPLY || answer.Compression != compression ||
			(len(answer.Payload) < least) != (compression != 0) {
			t.Errorf("with %v comes %v of %d bytes by %v", capability, answer.Kind, len(answer.Payload), answer.Compression)
		}
	}
}

// golden is an entry of compat-tests/golden/compression.
type golden struct {
	Name                      string
	Compression               int64
	RawSize                   uint64 `json:"raw_size"`
	Hex, Text, Repeated, Code string
	Times                     int
}

func (g *golden) payload(t *testing.T) []byte {
	t.Helper()
	payload, err := hex.DecodeString(g.Hex)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}

func goldens(t *testing.T, file string) (all []golden) {
	t.Helper()
	text, err := os.ReadFile("../../compat-tests/golden/compression/" + file)
	if err == nil {
		err = json.Unmarshal(text, &all)
	}
	if err != nil || len(all) == 0 {
		t.Fatal(len(all), err)
	}
	return all
}

func TestWhatTheReferenceLibrariesWriteIsRead(t *testing.T) {
	b := abtest.Start(t, "b")
	came := shows(t, b, "echo")
	s := meet(t, b)
	for i, g := range goldens(t, "accepted.json") {
		answer := s.ask(uint64(i+1), int32(g.Compression), g.RawSize, g.payload(t))
		if answer.Kind != pb.Kind_KIND_REPLY {
			t.Errorf("%s: %v", g.Name, answer.Failure)
			continue
		}
		if got := next(t, came); got.what != g.Text+strings.Repeat(g.Repeated, g.Times) {
			t.Errorf("%s: it is %.200q", g.Name, got.what)
		}
	}
}

func TestWhatDoesNotDecompressToItsSizeIsRefusedWithItsCode(t *testing.T) {
	b := abtest.Start(t, "b")
	shows(t, b, "echo")
	s := meet(t, b)
	for i, g := range goldens(t, "refused.json") {
		answer := s.ask(uint64(i+1), int32(g.Compression), g.RawSize, g.payload(t))
		f := answer.GetFailure()
		if f.GetCode().String() != "CODE_"+g.Code || f.GetEffect() != pb.Effect_EFFECT_NONE {
			t.Errorf("%s: %v", g.Name, answer.Failure)
		}
	}
}

func TestDamageAnywhereIsRefusedOrReadAndHurtsNobody(t *testing.T) {
	b := abtest.Start(t, "b")
	shown := shows(t, b, "echo")
	s := meet(t, b)
	seq := uint64(0)
	for _, g := range goldens(t, "accepted.json") {
		good := g.payload(t)
		for at := 0; at < len(good); at += (len(good) + 23) / 24 {
			bad := bytes.Clone(good)
			bad[at] ^= 1 << (at % 8)
			seq++
			answer := s.ask(seq, int32(g.Compression), g.RawSize, bad)
			if f := answer.Failure; f != nil && f.Code != pb.Code_CODE_UNDECODABLE {
				t.Errorf("%s with byte %d changed: %v", g.Name, at, f)
			} else if f == nil {
				next(t, shown)
			}
		}
	}
	if seq < 200 {
		t.Error(seq)
	}
}

func TestACompressionThatThereIsNotIsRefusedAtTheStart(t *testing.T) {
	if _, err := ab.Start(t.Context(), "a", ab.WithCompression(3, least)); !errors.Is(err, ab.ErrInvalidArgument) {
		t.Error(err)
	}
}
