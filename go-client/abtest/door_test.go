package abtest_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"testing"
	"testing/synctest"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

func refOf(t *testing.T, node *ab.Node, address string) ab.Ref {
	t.Helper()
	ref, err := node.Ref(address)
	if err != nil {
		t.Fatal(err)
	}
	return ref
}

// alarm tells its owner ten minutes after it was told, answers, never answers, or panics.
func alarm(owner ab.Ref) func() ab.Receiver {
	return func() ab.Receiver {
		return ab.ReceiverFunc(func(ctx ab.Context, m *ab.Message) error {
			message, err := m.Open()
			if err != nil {
				return err
			}
			switch x := message.(type) {
			case *testpb.Add:
				return ctx.Timer("alarm", 10*time.Minute, &testpb.EchoReply{Text: "it is time"})
			case *testpb.EchoReply:
				return ctx.Tell(owner, x)
			case *testpb.EchoRequest:
				return m.Reply(&testpb.EchoReply{Text: x.Text})
			case *testpb.Hold:
				_, err := m.Responder() // the duty to answer, which it neglects
				return err
			case *testpb.PanicNow:
				panic(x.Text)
			}
			return m.Unsupported()
		})
	}
}

func TestTimersDeadlinesAndRestartWindowsRunInVirtualTimeOverALinkInMemory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		began := time.Now()
		b := abtest.Start(t, "b")
		a := abtest.Start(t, "a", ab.WithLink(abtest.Door(b)))
		probe := abtest.NewProbe(t, a, "probe")
		_, err := b.Spawn("alarm", alarm(refOf(t, b, "ab:///probe")), ab.Supervise(ab.OneForOne(1, time.Minute)))
		if err != nil {
			t.Fatal(err)
		}
		to := refOf(t, a, "ab:///alarm")
		if err := a.Tell(t.Context(), to, &testpb.Add{}); err != nil {
			t.Fatal(err)
		}
		probe.ExpectNoneFor(9 * time.Minute)
		time.Sleep(time.Minute)
		if got := abtest.Expect[*testpb.EchoReply](t, probe); got.Text != "it is time" {
			t.Errorf("the alarm says %q", got.Text)
		}

		_, err = ab.Ask[*testpb.Held](t.Context(), to, &testpb.Hold{}, ab.Timeout(10*time.Minute))
		if !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("an ask without an answer ends with %v", err)
		}

		for range 3 { // one in a minute is allowed
			if _, err := ab.Ask[*testpb.Held](t.Context(), to, &testpb.PanicNow{Text: "boom"}); !errors.Is(err, ab.ErrPanicked) {
				t.Errorf("a panic is %v", err)
			}
			time.Sleep(61 * time.Second)
			if _, err := ab.Ask[*testpb.EchoReply](t.Context(), to, &testpb.EchoRequest{}); err != nil {
				t.Errorf("after a restart it answers %v", err)
			}
		}
		if passed := time.Since(began); passed < 23*time.Minute {
			t.Errorf("%v have passed", passed)
		}
	})
}

// failing is a test that notes how it fails, and goes on.
type failing struct {
	testing.TB
	said string
}

func (*failing) Helper() {}

func (f *failing) Errorf(format string, args ...any) { f.said = fmt.Sprintf(format, args...) }

func (f *failing) Fatalf(format string, args ...any) {
	f.Errorf(format, args...)
	runtime.Goexit()
}

func TestAProbeSaysWhatItWasToldInsteadOfWhatTheTestExpects(t *testing.T) {
	expectHold := func(t testing.TB, p *abtest.Probe) { abtest.Expect[*testpb.Hold](t, p) }
	for want, c := range map[string]struct {
		tell   bool
		expect func(t testing.TB, p *abtest.Probe)
	}{
		"ab:///probe was told a actorbridge.test.v1.Add, the test expects a actorbridge.test.v1.Hold": {true, expectHold},
		"ab:///probe was told nothing in 10s, the test expects a actorbridge.test.v1.Hold":            {false, expectHold},
		"ab:///probe was told a actorbridge.test.v1.Add, the test expects nothing for 1m0s": {true,
			func(_ testing.TB, p *abtest.Probe) { p.ExpectNoneFor(time.Minute) }},
	} {
		synctest.Test(t, func(t *testing.T) {
			node, f := abtest.Start(t, "a"), &failing{TB: t}
			probe := abtest.NewProbe(f, node, "probe")
			if c.tell {
				if err := node.Tell(t.Context(), probe.Ref(), &testpb.Add{}); err != nil {
					t.Fatal(err)
				}
			}
			over := make(chan struct{})
			go func() {
				defer close(over)
				c.expect(f, probe)
			}()
			<-over
			if f.said != want {
				t.Errorf("it says %q, want %q", f.said, want)
			}
		})
	}
}
