package actorbridge_test

import (
	"context"
	"encoding/binary"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

var (
	rawStage  = ab.NewRawType("test.Stage")
	rawStaged = ab.NewRawType("test.Staged")
)

// A stager tells another actor so many messages of a size for each number that it is told. It waits in the handler of the first one,
// 0, until its mailbox is full of others, and in the handler of one of them when it has told its own.
type stager struct {
	to          ab.Ref
	tells, size int
	holds       uint32
	begin, end  chan struct{}
	held        chan struct{}
}

func (s *stager) Receive(ctx ab.Context, m *ab.Message) error {
	bytes, err := m.Raw(rawStage)
	if err != nil {
		return err
	}
	n := binary.LittleEndian.Uint32(bytes)
	if n == 0 {
		<-s.begin
		return nil
	}
	if n > s.holds { // what it told until then is enough
		return nil
	}
	for range s.tells {
		if err := ctx.Node().TellRaw(ctx, s.to, rawStaged, make([]byte, s.size)); err != nil {
			return err
		}
	}
	if n == s.holds {
		close(s.held)
		<-s.end
	}
	return nil
}

// arrivals spawns an actor that counts what it is told. An ask for the count comes after all that was sent to it before.
func arrivals(t *testing.T, node *ab.Node, path string) (to ab.Ref, count func() int) {
	told := 0
	to = spawnFunc(t, node, path, func(_ ab.Context, m *ab.Message) error {
		if m.Kind() != actorbridgev1.Kind_KIND_ASK {
			told++
			return nil
		}
		return m.ReplyRaw(rawStaged, binary.LittleEndian.AppendUint32(nil, uint32(told)))
	})
	return to, func() int {
		t.Helper()
		reply, err := node.AskRaw(t.Context(), to, rawStaged, nil, ab.Timeout(patience))
		must(t, err)
		return int(binary.LittleEndian.Uint32(reply))
	}
}

func TestStagedMessagesLeaveBetweenTwoMessagesOnceThereAreManyOrManyBytes(t *testing.T) {
	a, b := pair(t)
	for _, c := range []struct {
		name        string
		tells, size int
		// last is the message after which they leave.
		last uint32
	}{
		{"64 messages", 2, 1, 32},
		{"16 KiB", 1, 4 << 10, 4},
		{"1,000 messages of one handler", 1000, 1, 1},
	} {
		for by, from := range map[string]*ab.Node{"of its own node": b, "by a link": a} {
			t.Run(c.name+"/"+by, func(t *testing.T) {
				if early := stagedWhile(t, from, b, c.tells, c.size, c.last); early != 0 {
					t.Errorf("%d came while the handler ran that sent the last of them", early)
				}
				if came, want := stagedWhile(t, from, b, c.tells, c.size, c.last+1), int(c.last)*c.tells; came != want {
					t.Errorf("%d came before the next handler ended, want %d", came, want)
				}
			})
		}
	}
}

// stagedWhile is how many of a stager's messages have come while it handles the message holds. All come when it goes on.
func stagedWhile(t *testing.T, from, at *ab.Node, tells, size int, holds uint32) (came int) {
	t.Helper()
	const messages = 100
	path := fmt.Sprintf("stages/%s/%d-%d", from.Name(), size, time.Now().UnixNano())
	to, count := arrivals(t, at, "targets/"+path)
	s := &stager{
		to: to, tells: tells, size: size, holds: holds,
		begin: make(chan struct{}), end: make(chan struct{}), held: make(chan struct{}),
	}
	_, err := at.Spawn(path, func() ab.Receiver { return s })
	must(t, err)
	ctx, cancel := deadline(t, patience)
	defer cancel()
	for n := range uint32(messages) {
		must(t, from.TellRaw(ctx, refOf(t, from, "ab://b/"+path), rawStage, binary.LittleEndian.AppendUint32(nil, n)))
	}
	eventually(t, "its mailbox has them", func() bool { return depth(t, at, path) >= messages-1 })
	close(s.begin)
	receive(t, "the message at which it is held", s.held)
	came = count()
	close(s.end)
	eventually(t, "all come", func() bool { return count() == tells*int(holds) })
	return came
}

func TestTheFirstMessageOnAnIdleLinkLeavesAtOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		a, b := pair(t)
		probe := abtest.NewProbe(t, b, "probe")
		to := refOf(t, a, "ab://b/probe")
		teller := spawnFunc(t, a, "teller", func(ctx ab.Context, _ *ab.Message) error { return ctx.Tell(to, &testpb.Add{By: 2}) })
		for by, tell := range map[string]func() error{
			"outside code": func() error { return a.Tell(t.Context(), to, &testpb.Add{By: 1}) },
			"a handler":    func() error { return a.Tell(t.Context(), teller, &testpb.Add{}) },
		} {
			for range 3 {
				time.Sleep(time.Minute)
				began := time.Now()
				must(t, tell())
				abtest.Expect[*testpb.Add](t, probe)
				if took := time.Since(began); took != 0 {
					t.Errorf("what %s told waited %v", by, took)
				}
			}
		}
	})
}

// gated is a door to a node in memory, whose link can be held, and counts the packets that have messages.
type gated struct {
	door.Door
	holds   atomic.Bool
	packets atomic.Int64
	sends   chan struct{}
	open    chan struct{}
}

func (g *gated) Dial(ctx context.Context) (door.Link, error) {
	link, err := g.Door.Dial(ctx)
	return gatedLink{link, g}, err
}

type gatedLink struct {
	door.Link
	by *gated
}

func (l gatedLink) Send(p *wire.Packet) error {
	if len(p.Runs) > 0 {
		l.by.packets.Add(1)
		if l.by.holds.CompareAndSwap(true, false) {
			close(l.by.sends)
			<-l.by.open
		}
	}
	return l.Link.Send(p)
}

func TestWhatManySendWhileALinkIsBusyLeavesTogether(t *testing.T) {
	const tellers, each = 16, 8 // within the first credit of each
	b := start(t, "b")
	gate := &gated{Door: abtest.Door(b), sends: make(chan struct{}), open: make(chan struct{})}
	a := start(t, "a", ab.WithLink(gate))
	spawn(t, b, "first")
	first := refOf(t, a, "ab://b/first")
	counts(t, first) // its stream is there
	gate.holds.Store(true)
	tellMany(t, a, first, 1, 1)
	receive(t, "a packet", gate.sends)
	before := gate.packets.Load()
	all := make([]ab.Ref, tellers)
	var tells sync.WaitGroup
	for i := range all {
		all[i] = spawn(t, b, fmt.Sprint("of/", i))
		to := refOf(t, a, fmt.Sprint("ab://b/of/", i))
		tells.Go(func() { tellMany(t, a, to, 1, each) })
	}
	tells.Wait()
	close(gate.open)
	for _, to := range all {
		eventually(t, "all come", func() bool { return counts(t, to).Handled == each })
		expect(t, to, each)
	}
	if packets := gate.packets.Load() - before; packets != 1 {
		t.Errorf("what %d sent while the link was busy left in %d packets", tellers, packets)
	}
}
