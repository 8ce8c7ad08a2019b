package actorbridge_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/internal/wire"
)

// comingBack is a door whose links come back, as redial says.
type comingBack struct {
	door.Door
	redial func(ctx context.Context) (door.Link, error)

	mu     sync.Mutex
	epochs []uint64 // of each Hello
	last   door.Link
}

func (d *comingBack) Dial(ctx context.Context) (door.Link, error) { return d.watch(d.Door.Dial(ctx)) }

func (d *comingBack) Redial(ctx context.Context) (door.Link, error) { return d.watch(d.redial(ctx)) }

func (d *comingBack) watch(l door.Link, err error) (door.Link, error) {
	if err != nil {
		return nil, err
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last = &watched{l, d}
	return d.last, nil
}

// cut ends the newest link, as a network does.
func (d *comingBack) cut() {
	d.mu.Lock()
	defer d.mu.Unlock()
	_ = d.last.Close()
}

func (d *comingBack) helloEpochs() []uint64 {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.epochs)
}

// watched notes the link epochs that are said.
type watched struct {
	door.Link
	door *comingBack
}

func (l *watched) Send(p *wire.Packet) error {
	if hello := p.Head.GetHello(); hello != nil {
		l.door.mu.Lock()
		l.door.epochs = append(l.door.epochs, hello.LinkEpoch)
		l.door.mu.Unlock()
	}
	return l.Link.Send(p)
}

func TestALinkOfADoorThatRedialsComesBackWithTheNextEpochAfterAttemptsThatFail(t *testing.T) {
	b := start(t, "b")
	spawn(t, b, "counter")
	d := &comingBack{Door: abtest.Door(b)}
	attempts := 0
	d.redial = func(ctx context.Context) (door.Link, error) {
		if attempts++; attempts < 3 {
			return nil, errors.New("not yet")
		}
		return d.Door.Dial(ctx)
	}
	a := start(t, "a", ab.WithLink(d))
	to := refOf(t, a, "ab:///counter")
	tellMany(t, a, to, 1, 10)
	expect(t, to, 10)
	d.cut()
	eventually(t, "the new link", func() bool { return len(d.helloEpochs()) == 2 && len(a.Peers()) == 1 })
	tellMany(t, a, to, 11, 20)
	expect(t, to, 20)
	if epochs := d.helloEpochs(); !slices.Equal(epochs, []uint64{1, 2}) {
		t.Errorf("the Hellos say link epochs %d, want one more for each link", epochs)
	}
}

func TestADoorThatLeadsToAnotherNodeIsItsLinkFromThenOn(t *testing.T) {
	b, c := start(t, "b"), start(t, "c")
	d := &comingBack{Door: abtest.Door(b)}
	d.redial = abtest.Door(c).Dial
	a := start(t, "a", ab.WithLink(d))
	linkedWithC := func() bool { return slices.Equal(a.Peers(), []string{"c"}) }
	d.cut()
	eventually(t, "the link to c", linkedWithC)
	if links := a.Links(); len(links) != 1 || links[0].Peer != "c" || links[0].State != ab.LinkUp {
		t.Errorf("its links are %+v, want one to c", links)
	}
	a.Disconnect("b") // there is none to it any more
	d.cut()
	eventually(t, "that link again", func() bool { return len(d.helloEpochs()) == 3 && linkedWithC() })
	a.Disconnect("c")
	eventually(t, "its end", func() bool { return len(a.Links()) == 0 })
}

func TestANodeThatShutsDownSaysHowLongToStayAway(t *testing.T) {
	for asked, want := range map[time.Duration]time.Duration{0: 0, 30 * time.Second: 30 * time.Second, time.Hour: 5 * time.Minute} {
		synctest.Test(t, func(t *testing.T) {
			b := start(t, "b")
			d := &comingBack{Door: abtest.Door(b)}
			var dialled time.Time
			d.redial = func(ctx context.Context) (door.Link, error) {
				if dialled.IsZero() {
					dialled = time.Now()
				}
				return nil, errors.New("not yet")
			}
			a := start(t, "a", ab.WithLink(d))
			b.SetReconnectAfter(asked)
			began := time.Now()
			shutdown(t, b)
			time.Sleep(10 * time.Minute) // of the test's own clock
			shutdown(t, a)
			if waited := dialled.Sub(began); waited < want || waited > want+time.Second {
				t.Errorf("asked to stay away for %v, it dials after %v", asked, waited)
			}
		})
	}
}

// hangsUp is a peer that ends each link when it has heard the Hello.
type hangsUp struct{}

func (hangsUp) Accept(l door.Link) error {
	_, err := l.Recv()
	_ = l.Close()
	return err
}

func TestAttemptsThatFailAtTheHandshakeAreOneBehindTheOther(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		b := start(t, "b")
		d := &comingBack{Door: abtest.Door(b)}
		attempts := 0
		d.redial = func(ctx context.Context) (door.Link, error) {
			if attempts++; attempts <= 3 {
				return abtest.Door(hangsUp{}).Dial(ctx)
			}
			return d.Door.Dial(ctx)
		}
		a := start(t, "a", ab.WithLink(d))
		d.cut()
		time.Sleep(time.Minute) // of the test's own clock
		if l := a.Links(); len(l) != 1 || l[0].State != ab.LinkUp || attempts != 4 {
			t.Errorf("after %d attempts the links are %+v", attempts, l)
		}
		shutdown(t, a)
		shutdown(t, b)
	})
}

func TestWhileALinkIsAwayItsActorsAreUnavailableAndAfterwardsTheReasonIsSaid(t *testing.T) {
	b := start(t, "b")
	spawn(t, b, "counter")
	d := &comingBack{Door: abtest.Door(b)}
	goOn := make(chan struct{})
	d.redial = func(context.Context) (door.Link, error) {
		<-goOn
		return nil, fmt.Errorf("it is broken, and %w", door.ErrGivenUp)
	}
	a := start(t, "a", ab.WithLink(d))
	local := spawn(t, a, "local")
	d.cut()
	says := func(what, want string) {
		t.Helper()
		for _, address := range []string{"ab:///counter", "ab://b/counter"} {
			eventually(t, what, func() bool {
				err := a.Tell(t.Context(), refOf(t, a, address), &testpb.Add{})
				var fault *ab.Error
				return errors.As(err, &fault) && fault.Code == ab.CodeUnavailable && fault.Effect == ab.EffectNone &&
					strings.Contains(err.Error(), want)
			})
		}
	}
	says("the word that it is tried", "is being made again")
	close(goOn)
	says("the word that it is not", "it is broken, and it is not tried again")
	expect(t, local, 0)
	if _, err := a.Dial(t.Context(), abtest.Door(b)); err != nil {
		t.Fatal(err)
	}
	expect(t, refOf(t, a, "ab:///counter"), 0)
	if err := a.Tell(t.Context(), refOf(t, a, "ab:///nobody"), &testpb.Add{}); !errors.Is(err, ab.ErrNoSuchActor) {
		t.Errorf("once it is there again, nobody is %v", err)
	}
}

func TestALinkThatItsNodeEndsIsNotMadeAgain(t *testing.T) {
	b := start(t, "b")
	d := &comingBack{Door: abtest.Door(b), redial: func(context.Context) (door.Link, error) {
		t.Error("it is dialled again")
		return nil, door.ErrGivenUp
	}}
	a := start(t, "a", ab.WithLink(d))
	a.Disconnect("b")
	eventually(t, "the end of the link", func() bool { return len(a.Peers())+len(b.Peers()) == 0 })
	if _, err := a.Dial(t.Context(), d); err != nil {
		t.Fatal(err)
	}
	shutdown(t, a)
}

func TestALinkThatIsEndedWhileItIsMadeAgainStaysEnded(t *testing.T) {
	b := start(t, "b")
	d := &comingBack{Door: abtest.Door(b)}
	a := start(t, "a")
	if ab.WelcomedLate(a, "b", d) {
		t.Error("its Welcome has it take messages")
	}
	if links := a.Links(); len(links) != 0 {
		t.Errorf("there is %+v", links)
	}
	a.Disconnect("b")
	for range 2 {
		if _, err := a.Dial(t.Context(), d); err != nil {
			t.Fatal(err)
		}
	}
}

// lateLink is a link that brings nothing until it may.
type lateLink struct {
	door.Link
	may <-chan struct{}
}

func (l lateLink) Recv() (*wire.Packet, error) {
	<-l.may
	return l.Link.Recv()
}

// lateDoor dials by another, and says when; what the peer answers comes late.
type lateDoor struct {
	door.Door
	may    <-chan struct{}
	dialed chan<- struct{}
}

func (d lateDoor) Dial(ctx context.Context) (door.Link, error) {
	l, err := d.Door.Dial(ctx)
	close(d.dialed)
	return lateLink{l, d.may}, err
}

func TestOfTwoDialsWhoseAnswersCrossTheSecondCounts(t *testing.T) {
	b := start(t, "b")
	spawn(t, b, "counter")
	a := start(t, "a")
	may, dialed, first := make(chan struct{}), make(chan struct{}), make(chan string, 1)
	go func() {
		peer, err := a.Dial(context.Background(), lateDoor{abtest.Door(b), may, dialed})
		if err != nil {
			peer = err.Error()
		}
		first <- peer
	}()
	receive(t, "the first dial", dialed)
	eventually(t, "its link at the other end", func() bool { return len(b.Peers()) == 1 })
	again := make(chan struct{}, 8)
	d := &comingBack{Door: abtest.Door(b)}
	d.redial = func(ctx context.Context) (door.Link, error) {
		again <- struct{}{}
		return d.Door.Dial(ctx)
	}
	_, err := a.Dial(t.Context(), d)
	must(t, err)
	close(may)
	if peer := receive(t, "the end of the first dial", first); peer != "b" {
		t.Errorf("the first dial, in whose place the second's link stands, says %q", peer)
	}
	expect(t, refOf(t, a, "ab:///counter"), 0)
	d.cut()
	receive(t, "the second link's next dial", again)
	eventually(t, "it", func() bool { return len(a.Peers()) == 1 && len(b.Peers()) == 1 })
}

func TestAShutdownEndsTheAttemptsToMakeALinkAgain(t *testing.T) {
	b := start(t, "b")
	begun := make(chan struct{})
	d := &comingBack{Door: abtest.Door(b), redial: func(ctx context.Context) (door.Link, error) {
		close(begun)
		<-ctx.Done()
		return nil, ctx.Err()
	}}
	a := start(t, "a", ab.WithLink(d))
	d.cut()
	receive(t, "the first attempt", begun)
	shutdown(t, a)
}
