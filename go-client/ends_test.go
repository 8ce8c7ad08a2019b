package actorbridge_test

import (
	"context"
	"errors"
	"log/slog"
	"strings"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

func TestEveryCallOfANodeThatHasBeenShutDownSaysThatItHas(t *testing.T) {
	node, other := pair(t)
	to := spawn(t, node, "worker")
	counts(t, to)
	shutdown(t, node)
	_, asked := ab.Ask[*testpb.Count](t.Context(), to, &testpb.GetCount{})
	_, elsewhere := ab.Ask[*testpb.Count](t.Context(), node.RefAt("ab://b/worker"), &testpb.GetCount{})
	_, spawned := node.Spawn("late", newWorker)
	_, dialled := node.Dial(t.Context(), abtest.Door(other))
	for call, err := range map[string]error{
		"ask": asked, "ask of another node": elsewhere, "spawn": spawned, "dial": dialled,
		"tell":    node.Tell(t.Context(), to, &testpb.Add{}),
		"tryTell": node.TryTell(to, &testpb.Add{}),
		"stop":    node.Stop(t.Context(), to, long),
	} {
		const want = "the node is stopping or has stopped (STOPPED): node a has been shut down; start a new node"
		if !errors.Is(err, ab.ErrStopped) || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", call, err)
		}
	}
}

func TestWhoeverEndsAnAskFirstTheAskerFindsTheEndOfItsTimeInTheError(t *testing.T) {
	handlers := map[string]func(ctx ab.Context, release <-chan struct{}) error{
		"returns its context's error": func(ctx ab.Context, _ <-chan struct{}) error { <-ctx.Done(); return ctx.Err() },
		"returns an error of its own": func(ctx ab.Context, _ <-chan struct{}) error { <-ctx.Done(); return errors.New("too slow") },
		"ignores its context":         func(_ ab.Context, release <-chan struct{}) error { <-release; return nil },
	}
	node := start(t, "a", ab.WithLogger(quiet))
	for name, handler := range handlers {
		t.Run(name, func(t *testing.T) {
			for range 20 {
				release := make(chan struct{})
				handle := func(ctx ab.Context, _ *ab.Message) error { return handler(ctx, release) }
				to := spawnFunc(t, node, "slow", handle)
				ctx, cancel := deadline(t, 5*time.Millisecond)
				_, byContext := ab.Ask[*testpb.Held](ctx, to, &testpb.Hold{})
				cancel()
				_, byTimeout := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}, ab.Timeout(5*time.Millisecond))
				close(release)
				for _, err := range []error{byContext, byTimeout} {
					if !errors.Is(err, context.DeadlineExceeded) {
						t.Fatalf("it is %v", err)
					}
				}
				if err := node.Stop(t.Context(), to, long); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestADoorWithABadAddressIsAnInvalidArgumentThatNamesTheAddressOnce(t *testing.T) {
	node := start(t, "a")
	for _, address := range []string{"http://127.0.0.1:1", "tcp://127.0.0.1:port", "tcp://10.0.0.1:1", "unix://here"} {
		_, err := node.Dial(t.Context(), remote.Door(address))
		if !errors.Is(err, ab.ErrInvalidArgument) || strings.Count(err.Error(), address) != 1 {
			t.Errorf("%s: %v", address, err)
		}
	}
	_, err := node.Dial(t.Context(), remote.Door("tcp://127.0.0.1:1")) // nobody listens there
	if !errors.Is(err, ab.ErrUnavailable) || strings.Count(err.Error(), "tcp://127.0.0.1:1") != 1 {
		t.Errorf("a door to nobody: %v", err)
	}
}

func TestANodeWithoutNameIsRefusedAndToldWhatANameIs(t *testing.T) {
	for _, name := range []string{"", "a/b", "a b"} {
		_, err := ab.Start(t.Context(), name)
		if !errors.Is(err, ab.ErrInvalidArgument) || !strings.Contains(err.Error(), "a node's name has letters, digits and") {
			t.Errorf("%q: %v", name, err)
		}
	}
	if _, err := ab.Start(t.Context(), ""); !strings.Contains(err.Error(), "its name is empty") {
		t.Error(err)
	}
}

func TestASecondNodeOfANameThatIsLinkedAlreadyIsRefused(t *testing.T) {
	node, b := pair(t)
	_, err := node.Dial(t.Context(), abtest.Door(start(t, "b")))
	if !errors.Is(err, ab.ErrAlreadyExists) || !strings.Contains(err.Error(), "node b is linked with a already") {
		t.Errorf("the second is %v", err)
	}
	spawn(t, b, "worker")
	counts(t, node.RefAt("ab://b/worker"))
	if _, err := node.Dial(t.Context(), abtest.Door(b)); err != nil {
		t.Errorf("a new link to the same node: %v", err)
	}
}

// deafened is a link whose Send fails once the peer has ended it, though what the peer said is still to be read, as of a native
// one.
type deafened struct{ door.Link }

func (l deafened) Send(p *wire.Packet) error { _ = l.Link.Send(p); return errors.New("AB_PROTOCOL") }

type deafenedDoor struct{ door.Door }

func (d deafenedDoor) Dial(ctx context.Context) (door.Link, error) {
	l, err := d.Door.Dial(ctx)
	return deafened{l}, err
}

func TestALinkWhosePeerSaidGoodbyeIsRefusedWithItsWordsAlsoIfSendingFailed(t *testing.T) {
	b := start(t, "same")
	_, err := start(t, "same").Dial(t.Context(), deafenedDoor{abtest.Door(b)})
	if err == nil || !strings.Contains(err.Error(), "two nodes named 'same' cannot be linked; give each its own name") {
		t.Errorf("the link is refused with %v", err)
	}
}

func TestAFactoryThatMakesNoActorIsRefusedAtSpawn(t *testing.T) {
	node := start(t, "a")
	for name, make := range map[string]func() ab.Receiver{"nil": nil, "of nil": func() ab.Receiver { return nil }} {
		_, err := node.Spawn("nobody", make)
		if !errors.Is(err, ab.ErrInvalidArgument) || !strings.Contains(err.Error(), "the factory ") {
			t.Errorf("%s: %v", name, err)
		}
	}
	counts(t, spawn(t, node, "nobody"))
}

func TestAReplyOfAnotherTypeThanTheAskerExpectsIsNotSaidToBeUnhandled(t *testing.T) {
	to := spawn(t, start(t, "a"), "worker")
	_, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.GetCount{})
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodeUnsupportedType || fault.Effect != ab.EffectDone ||
		!strings.Contains(err.Error(), "the actor handled it, and its reply is of another type") {
		t.Errorf("it is %v", err)
	}
}

func TestATypedHandlerThatReturnsNothingIsToldSoInItsOwnWords(t *testing.T) {
	to := spawnFunc(t, start(t, "a"), "silent", func(_ ab.Context, m *ab.Message) error {
		return ab.Answer(m, (*testpb.Held)(nil), nil)
	})
	_, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{})
	if !errors.Is(err, ab.ErrHandlerError) || !strings.Contains(err.Error(), "returned neither a reply nor an error") {
		t.Errorf("it is %v", err)
	}
}

func TestWhatIsSentToASpawnedActorComesToItAlsoIfAnotherNodeHadThePathBefore(t *testing.T) {
	log := &lines{}
	b := start(t, "b")
	a := start(t, "a", ab.WithLink(abtest.Door(b)), ab.WithLogger(slog.New(slog.NewTextHandler(log, nil))))
	there := spawn(t, b, "worker")
	tellMany(t, a, a.RefAt("ab:///worker"), 1, 10)
	expect(t, a.RefAt("ab:///worker"), 10)
	here := spawn(t, a, "worker")
	tellMany(t, a, here, 1, 3)
	expect(t, here, 3)
	expect(t, there, 10)
	if !log.has("another node was known to host") || !log.has("other=b") {
		t.Errorf("the log is\n%s", log.text.String())
	}
}
