package actorbridge_test

import (
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// told is what a node tells a peer that it reads of the types of these tests, by type.
func told(t *testing.T, options ...ab.Option) []string {
	t.Helper()
	node := start(t, "b", options...)
	server, err := remote.Listen(node, "tcp://127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(server.Close)
	s := strange(t, server.Addr())
	s.says(hello(1, 1))
	var reads []string
	s.until("the Welcome", func(p *wire.Packet) bool {
		for _, r := range p.Head.GetWelcome().GetTypes() {
			if strings.HasPrefix(r.Type, "protocol.test.") {
				reads = append(reads, fmt.Sprint(r.Type, " ", r.MaxVersion, " ", r.MinReader))
			}
		}
		return p.Head.GetWelcome() != nil
	})
	return reads
}

func TestALinkTellsWhichVersionsOfItsProtocolsMessagesANodeReads(t *testing.T) {
	ab.RegisterProtocol(ab.Protocol{Name: "protocol.test.One", Reads: []ab.Reads{
		{Type: "protocol.test.B", Version: 3, MinReader: 2}, {Type: "protocol.test.A", Version: 1, MinReader: 1},
	}})
	ab.RegisterProtocol(ab.Protocol{Name: "protocol.test.Two", Reads: []ab.Reads{
		{Type: "protocol.test.B", Version: 2, MinReader: 1}, {Type: "protocol.test.C", Version: 7, MinReader: 4},
	}})
	want := []string{"protocol.test.A 1 1", "protocol.test.B 3 2", "protocol.test.C 7 4"}
	if reads := told(t); !slices.Equal(reads, want) {
		t.Errorf("it tells %v, want %v", reads, want)
	}
	byHand := ab.WithReads(
		ab.Reads{Type: "protocol.test.A", Version: 5, MinReader: 1}, ab.Reads{Type: "protocol.test.D", Version: 1, MinReader: 1})
	want = []string{"protocol.test.A 5 1", "protocol.test.B 3 2", "protocol.test.C 7 4", "protocol.test.D 1 1"}
	if reads := told(t, byHand); !slices.Equal(reads, want) {
		t.Errorf("with more by hand it tells %v, want %v", reads, want)
	}
}

// lines is a log that remembers.
type lines struct {
	mu   sync.Mutex
	text strings.Builder
}

func (l *lines) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *lines) has(text string) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains(l.text.String(), text)
}

func TestANodeThatReadsTooManyTypesSaysSoAndIsLinkedWithTheFirst(t *testing.T) {
	many := make([]ab.Reads, 5000)
	for i := range many {
		many[i] = ab.Reads{Type: fmt.Sprintf("a.%04d", i), Version: 1, MinReader: 1}
	}
	log := &lines{}
	a := start(t, "a", ab.WithReads(many...), ab.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	b := start(t, "b")
	spawn(t, b, "worker")
	if _, err := a.Dial(t.Context(), abtest.Door(b)); err != nil {
		t.Fatal(err)
	}
	if _, err := ab.Ask[*testpb.EchoReply](t.Context(), a.RefAt("ab:///worker"), &testpb.EchoRequest{}); err != nil {
		t.Error(err)
	}
	if !log.has("a peer is not told of all types") || !log.has("first=a.") {
		t.Errorf("its log is\n%s", log.text.String())
	}
}
