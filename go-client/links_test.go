package actorbridge_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	actorbridgev1 "github.com/actorbridge/actorbridge/go-client/gen/actorbridge/v1"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

// pair is two nodes joined in memory.
func pair(t testing.TB) (a, b *ab.Node) {
	t.Helper()
	b = start(t, "b")
	return start(t, "a", ab.WithLink(abtest.Door(b))), b
}

// listening is a node that listens at address, and where.
func listening(t testing.TB, address string, options ...ab.Option) (*ab.Node, string) {
	t.Helper()
	var server *remote.Server
	t.Cleanup(func() { server.Close() }) // after the node's own shutdown
	b := start(t, "b", options...)
	server, err := remote.Listen(b, address)
	if err != nil {
		t.Fatal(err)
	}
	return b, server.Addr()
}

func TestNodesBehaveAlikeOverEveryDoor(t *testing.T) {
	doors := map[string]func(t *testing.T) (a, b *ab.Node){
		"memory": func(t *testing.T) (a, b *ab.Node) { return pair(t) },
		"tcp": func(t *testing.T) (a, b *ab.Node) {
			b, address := listening(t, "tcp://127.0.0.1:0")
			return start(t, "a", ab.WithLink(remote.Door(address))), b
		},
		"unix": func(t *testing.T) (a, b *ab.Node) {
			b, address := listening(t, "unix://"+filepath.Join(t.TempDir(), "b.sock"))
			return start(t, "a", ab.WithLink(remote.Door(address))), b
		},
	}
	for name, join := range doors {
		t.Run(name, func(t *testing.T) {
			a, b := join(t)
			behave(t, a, b)
		})
	}
}

func behave(t *testing.T, a, b *ab.Node) {
	if peers := b.Peers(); !slices.Equal(peers, []string{"a"}) {
		t.Fatalf("b is linked with %v", peers)
	}
	spawn(t, b, "counter", ab.Mailbox(32))
	counter := refOf(t, a, "ab:///counter")
	tellMany(t, a, counter, 1, 2000)
	expect(t, counter, 2000)
	_, err := ab.Ask[*testpb.EchoReply](t.Context(), counter, &testpb.PanicNow{Text: "boom"})
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodePanicked || fault.Effect != ab.EffectMaybe {
		t.Errorf("a panic at the other end is %v", err)
	}
	echo, err := ab.Ask[*testpb.EchoReply](t.Context(), refOf(t, a, "ab://b/counter"), &testpb.EchoRequest{Text: "hi"})
	if err != nil || echo.Text != "hi" {
		t.Errorf("a pinned address answers %v, %v", echo, err)
	}
	if err := a.Tell(t.Context(), refOf(t, a, "ab:///nobody"), &testpb.Hold{}); !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("nobody is told: %v", err)
	}
	system := refOf(t, a, "ab://b/system")
	order := &actorbridgev1.SpawnRequest{Path: "order/42"}
	spawned, err := ab.Ask[*actorbridgev1.SpawnReply](t.Context(), system, order)
	if err != nil || spawned.Actor != "ab:///order/42" {
		t.Errorf("spawned by message: %v, %v", spawned, err)
	}
	if _, err := ab.Ask[*actorbridgev1.SpawnReply](t.Context(), system, order); !errors.Is(err, ab.ErrAlreadyExists) {
		t.Errorf("spawned twice: %v", err)
	}
	found, err := ab.Ask[*actorbridgev1.FindReply](t.Context(), system, &actorbridgev1.FindRequest{Path: "counter"})
	if err != nil || found.Owner != "b" {
		t.Errorf("found at %v, %v", found, err)
	}
	through := &testpb.AskThrough{Target: spawn(t, a, "echo").String(), Text: "back"}
	if echo, err = ab.Ask[*testpb.EchoReply](t.Context(), counter, through); err != nil || echo.Text != "back" {
		t.Errorf("an actor there that asks one here answers %v, %v", echo, err)
	}
	through.Target = counter.String()
	if _, err = ab.Ask[*testpb.EchoReply](t.Context(), spawn(t, a, "asker"), through); err != nil {
		t.Errorf("an actor here that asks one there: %v", err)
	}
	theEnd(t, a, b, counter)
}

// theEnd ends b, and looks at what a is told.
func theEnd(t *testing.T, a, b *ab.Node, counter ab.Ref) {
	told, err := a.Watch(t.Context(), counter)
	if err != nil {
		t.Fatal(err)
	}
	held := make(chan error, 1)
	go func() {
		_, err := ab.Ask[*testpb.Held](t.Context(), counter, &testpb.Hold{}, ab.Timeout(long))
		held <- err
	}()
	eventually(t, "the hold", func() bool { return depth(t, b, "counter") == 1 })
	order := refOf(t, a, "ab:///order/42")
	if _, err := ab.Ask[*testpb.EchoReply](t.Context(), order, &testpb.EchoRequest{}); err != nil {
		t.Errorf("a slow actor stalls its neighbour: %v", err)
	}
	ctx, cancel := deadline(t, 2*time.Second)
	defer cancel()
	if err := b.Shutdown(ctx); err != nil {
		t.Error(err)
	}
	receive(t, "the end of the ask", held) // answered by its handler, or for it
	if end := receive(t, "the word to the watcher", told); end.Code != ab.CodeStopped && end.Code != ab.CodeUnavailable {
		t.Errorf("the watcher is told %+v", end)
	}
	eventually(t, "the end of the link", func() bool { return len(a.Peers()) == 0 })
	if err := a.Tell(t.Context(), refOf(t, a, "ab://b/counter"), &testpb.Hold{}); !errors.Is(err, ab.ErrUnavailable) {
		t.Errorf("without a link a tell is %v", err)
	}
}

// greeter is the transport of a peer that says Hello, and looks around when it is given the Welcome.
type greeter struct {
	hello   chan *wire.Packet
	welcome func()
	once    sync.Once
	over    chan struct{}
}

func (g *greeter) Send(p *wire.Packet) error {
	if p.Head.GetWelcome() != nil {
		g.welcome()
		return g.Close()
	}
	return nil
}

func (g *greeter) Recv() (*wire.Packet, error) {
	select {
	case p := <-g.hello:
		return p, nil
	case <-g.over:
		return nil, io.EOF
	}
}

func (g *greeter) Close() error {
	g.once.Do(func() { close(g.over) })
	return nil
}

func TestAPeerThatHasTheWelcomeIsKnownByName(t *testing.T) {
	b := start(t, "b")
	for range 1000 {
		g := &greeter{hello: make(chan *wire.Packet, 1), over: make(chan struct{})}
		g.welcome = func() {
			if peers := b.Peers(); !slices.Equal(peers, []string{"stranger"}) {
				t.Errorf("the node is linked with %q", peers)
			}
		}
		head := hello(1, 1)
		head.Number = 1
		g.hello <- &wire.Packet{Head: head}
		_ = b.Accept(g)
		if t.Failed() {
			return
		}
	}
}

func TestAnAskThatIsGivenUpEndsItsHandlerAtTheOtherEnd(t *testing.T) {
	a, b := pair(t)
	_, holding := spawnHolding(t, b, "worker")
	to := refOf(t, a, "ab:///worker")
	ctx, cancel := context.WithCancel(t.Context())
	held := make(chan error, 1)
	go func() {
		_, err := ab.Ask[*testpb.Held](ctx, to, &testpb.Hold{}, ab.Timeout(long))
		held <- err
	}()
	receive(t, "the hold", holding)
	cancel()
	if err := receive(t, "the end of the ask", held); !errors.Is(err, ab.ErrOutcomeUnknown) || !errors.Is(err, context.Canceled) {
		t.Errorf("the asker is told %v", err)
	}
	expect(t, to, 0)
	eventually(t, "the late reply", func() bool { return a.DeadLetterCounts()["LATE_REPLY"] == 1 })
}

func TestACycleOfAsksAcrossALinkIsRefused(t *testing.T) {
	a, b := pair(t)
	spawn(t, b, "far")
	near := spawn(t, a, "near")
	relay := spawnFunc(t, b, "relay", func(ctx ab.Context, m *ab.Message) error {
		reply, err := ab.Ask[*testpb.EchoReply](ctx, near, &testpb.EchoRequest{}, ab.Timeout(long))
		if err != nil {
			return err
		}
		return m.Reply(reply)
	})
	_, err := ab.Ask[*testpb.EchoReply](t.Context(), near, &testpb.AskThrough{Target: relay.String()}, ab.Timeout(long))
	if !errors.Is(err, &ab.UserError{Code: "DEADLOCK"}) {
		t.Errorf("the cycle ends with %v", err)
	}
}

func TestWhatAMailboxRefusesIsADeadLetterAtBothNodes(t *testing.T) {
	t.Parallel() // its end waits for a handler that does not return
	a, b := pair(t)
	spawn(t, b, "worker", ab.Mailbox(2))
	to := refOf(t, a, "ab:///worker")
	if err := a.Tell(t.Context(), to, &testpb.Hold{}); err != nil {
		t.Fatal(err)
	}
	// A new sender may send 16 messages before it has heard that there is no room. 2·2 + 4,096 messages are held.
	for sender := range 300 {
		_, err := a.SpawnLoop(fmt.Sprint("sender/", sender), func(ctx ab.Context, _ *ab.Inbox) error {
			for n := range uint64(16) {
				if err := ctx.Tell(to, &testpb.Add{By: int64(sender), N: n}); err != nil {
					t.Error(err)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, "the refusals", func() bool {
		there, here := b.DeadLetterCounts()["MAILBOX_FULL"], a.DeadLetterCounts()["MAILBOX_FULL"]
		return there == here && there == 1+300*16-4100
	})
}

func TestTwoNodesOfOneNameAreRefusedWithAdvice(t *testing.T) {
	b := start(t, "same")
	_, err := start(t, "same").Dial(t.Context(), abtest.Door(b))
	if !errors.Is(err, ab.ErrUnavailable) || !strings.Contains(err.Error(), "give each its own name") {
		t.Errorf("the link is refused with %v", err)
	}
}

func TestAfterANewLinkTheSameAddressesLeadOn(t *testing.T) {
	a, b := pair(t)
	spawn(t, b, "counter")
	to := refOf(t, a, "ab:///counter")
	tellMany(t, a, to, 1, 100)
	expect(t, to, 100)
	a.Disconnect("b")
	eventually(t, "the end of the link", func() bool { return len(a.Peers())+len(b.Peers()) == 0 })
	if _, err := a.Dial(t.Context(), abtest.Door(b)); err != nil {
		t.Fatal(err)
	}
	tellMany(t, a, to, 101, 200)
	expect(t, to, 200)
}

func TestAnAskIsAnsweredThoughItsLinkEndedBeforeItsAskerCouldNoteTheLink(t *testing.T) {
	a, _ := pair(t)
	if code, answered := ab.LateAsk(a, "b"); !answered || code != ab.CodeOutcomeUnknown && code != ab.CodeUnavailable {
		t.Errorf("it is answered %t, with %v", answered, code)
	}
}

func TestWhereNobodyListensIsToldWithWhatToDo(t *testing.T) {
	node := start(t, "a")
	for addr, says := range map[string]string{
		"unix:///nowhere/shop.sock": "there is no such socket: correct the path",
		"tcp://127.0.0.1:1":         "nobody listens there: start the node",
	} {
		_, err := node.Dial(t.Context(), remote.Door(addr))
		if !errors.Is(err, ab.ErrUnavailable) || !strings.Contains(err.Error(), says) {
			t.Errorf("%s: it is told %v", addr, err)
		}
	}
}

func TestAnAnswerToAnAskOfANodeThatIsGoneReachesNoAskOfItsSuccessor(t *testing.T) {
	b := start(t, "b")
	asked := make(chan *ab.Responder, 1)
	holder := spawnFunc(t, b, "holder", func(_ ab.Context, m *ab.Message) error {
		responder, err := m.Responder()
		asked <- responder
		return err
	})
	ask := func(a *ab.Node) <-chan string {
		got := make(chan string, 1)
		go func() {
			reply, err := ab.Ask[*testpb.EchoReply](t.Context(), refOf(t, a, holder.String()), &testpb.EchoRequest{}, ab.Timeout(long))
			got <- fmt.Sprint(reply.GetText(), err)
		}()
		return got
	}
	first := start(t, "a", ab.WithLink(abtest.Door(b)))
	ask(first)
	late := within(t, asked, "the ask of the first")
	shutdown(t, first)
	got := ask(start(t, "a", ab.WithLink(abtest.Door(b))))
	inTime := within(t, asked, "the ask of its successor")
	for _, answer := range []struct {
		by   *ab.Responder
		text string
	}{{late, "late"}, {inTime, "in time"}} {
		if err := answer.by.Reply(&testpb.EchoReply{Text: answer.text}); err != nil {
			t.Fatal(err)
		}
	}
	if text := within(t, got, "the answer"); text != "in time<nil>" {
		t.Errorf("the successor's ask is answered by %q", text)
	}
}

// 0.0.0.0 is every address of the machine.
func TestTCPWithoutTLSBeyondLoopbackNeedsTheOptionWhichTheRefusalNames(t *testing.T) {
	const everywhere, option = "tcp://0.0.0.0:0", "remote.PlainTCPBeyondLoopback"
	a, b := start(t, "a"), start(t, "b")
	if _, err := remote.Listen(b, everywhere); err == nil || !strings.Contains(err.Error(), option) {
		t.Errorf("to listen there is %v", err)
	}
	server, err := remote.Listen(b, everywhere, remote.PlainTCPBeyondLoopback())
	must(t, err)
	t.Cleanup(func() {
		shutdown(t, b)
		server.Close()
	})
	_, err = a.Dial(t.Context(), remote.Door(server.Addr()))
	if !errors.Is(err, ab.ErrInvalidArgument) || !strings.Contains(err.Error(), option) {
		t.Errorf("to dial it is %v", err)
	}
	peer, err := a.Dial(t.Context(), remote.Door(server.Addr(), remote.PlainTCPBeyondLoopback()))
	if err != nil || peer != "b" {
		t.Errorf("with the option, the peer is %q: %v", peer, err)
	}
}
