package actorbridge_test

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/door"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// seen is what a test looks at in a packet.
type seen struct {
	from     string
	steps    []string
	types    []string
	forwards bool // a message that an old owner passes on
	resets   bool
}

func (s *seen) has(step string) bool { return slices.Contains(s.steps, step) }

func (s *seen) hasType(name string) bool { return slices.Contains(s.types, "actorbridge.v1."+name) }

// cutter is a door to a node of this process whose link is cut at a packet of the test's choice.
type cutter struct {
	to   door.Acceptor
	name [2]string // who dials, and who is dialled

	mu    sync.Mutex
	link  door.Link
	rule  func(*seen) bool
	comes bool // the packet that the link is cut at still comes
	dead  bool // from then on nothing comes any more, not even an answer to the last packet
	over  bool // the link is closed
	types [2]map[uint32]string
	cut   chan struct{}
}

// wire joins two nodes by a link that can be cut.
func joinToCut(t testing.TB, near, far *ab.Node) *cutter {
	t.Helper()
	c := &cutter{
		to: far, name: [2]string{near.Name(), far.Name()}, cut: make(chan struct{}),
		types: [2]map[uint32]string{make(map[uint32]string), make(map[uint32]string)},
	}
	if _, err := near.Dial(t.Context(), c); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the link", func() bool {
		return slices.Contains(near.Peers(), far.Name()) && slices.Contains(far.Peers(), near.Name())
	})
	return c
}

// String implements door.Door.
func (c *cutter) String() string { return "a link to cut" }

// Dial implements door.Door.
func (c *cutter) Dial(ctx context.Context) (door.Link, error) {
	link, err := abtest.Door(c.to).Dial(ctx)
	c.link = link
	return &cutLink{link, c}, err
}

// cutAt has the link cut at the first packet of which rule says so.
func (c *cutter) cutAt(comes bool, rule func(*seen) bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.rule, c.comes = rule, comes
}

// cutNow cuts the link.
func (c *cutter) cutNow() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if !c.over {
		c.dead, c.over = true, true
		_ = c.link.Close()
		close(c.cut)
	}
}

// judge says whether a packet comes, and whether the link is cut at it.
func (c *cutter) judge(from int, p *wire.Packet) (comes, cut bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.dead {
		return false, false
	}
	s := c.look(from, p)
	if s.has("chunk") { // so that messages come behind the cut
		c.mu.Unlock()
		time.Sleep(time.Millisecond)
		c.mu.Lock()
	}
	if c.dead || c.rule == nil || !c.rule(s) {
		return !c.dead, false
	}
	c.rule, c.dead = nil, true
	return c.comes, true
}

// look sees what a packet has. The caller holds the lock.
func (c *cutter) look(from int, p *wire.Packet) *seen {
	s := &seen{from: c.name[from], resets: len(p.Head.GetReset_()) > 0}
	for _, def := range p.Head.GetType() {
		var what actorbridgev1.Envelope
		if err := proto.Unmarshal(def.Prefix, &what); err == nil {
			c.types[from][def.Id] = what.Type
		}
	}
	for _, step := range p.Head.GetMove() {
		switch step.Step.(type) {
		case *actorbridgev1.Move_Offer:
			s.steps = append(s.steps, "offer")
		case *actorbridgev1.Move_Chunk:
			s.steps = append(s.steps, "chunk")
		case *actorbridgev1.Move_Ready:
			s.steps = append(s.steps, "ready")
		case *actorbridgev1.Move_Committed:
			s.steps = append(s.steps, "committed")
		case *actorbridgev1.Move_Drained:
			s.steps = append(s.steps, "drained")
		}
	}
	for _, run := range p.Runs {
		s.forwards = s.forwards || run.Flow == 0 && run.Hops > 0
		for _, item := range run.All() {
			s.types = append(s.types, c.types[from][item.TypeID])
		}
	}
	return s
}

// cutLink is the end of the one who dialled: all packets pass it.
type cutLink struct {
	door.Link
	cutter *cutter
}

var errCut = errors.New("cut by the test")

// Send implements door.Link.
func (l *cutLink) Send(p *wire.Packet) error {
	comes, cut := l.cutter.judge(0, p)
	if comes {
		if err := l.Link.Send(p); err != nil {
			return err
		}
	}
	switch {
	case cut:
		l.cutter.cutNow()
	case comes:
		return nil
	}
	<-l.cutter.cut // the last packet comes, if it does, before the end
	return errCut
}

// Recv implements door.Link.
func (l *cutLink) Recv() (*wire.Packet, error) {
	p, err := l.Link.Recv()
	if err != nil {
		return nil, err
	}
	comes, cut := l.cutter.judge(1, p)
	if cut {
		l.cutter.cutNow()
	}
	if !comes {
		<-l.cutter.cut
		return nil, errCut
	}
	return p, nil
}
