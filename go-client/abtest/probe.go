package abtest

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	ab "github.com/actorbridge/actorbridge/go-client"
)

const (
	// expectTime is how long Expect waits: far longer than anything takes that works. In a bubble of testing/synctest it
	// costs no time.
	expectTime = 10 * time.Second
	// maxKept is the most messages that a probe keeps for the test.
	maxKept = 1024
)

// A Probe is an actor that keeps what it is sent for a test to look at.
type Probe struct {
	t    testing.TB
	ref  ab.Ref
	came chan *ab.Message
}

// NewProbe spawns a probe at path. It ends with its node.
func NewProbe(t testing.TB, node *ab.Node, path string) *Probe {
	t.Helper()
	p := &Probe{t: t, came: make(chan *ab.Message, maxKept)}
	ref, err := node.Spawn(path, func() ab.Receiver { return ab.ReceiverFunc(p.receive) })
	if err != nil {
		t.Fatalf("the probe cannot be spawned: %v", err)
	}
	p.ref = ref
	return p
}

// Ref is the probe's address.
func (p *Probe) Ref() ab.Ref { return p.ref }

// receive keeps a message. One that is beyond what is kept fails, as with a full mailbox.
func (p *Probe) receive(_ ab.Context, m *ab.Message) error {
	if m.IsAsk() {
		return fmt.Errorf("a probe keeps what it is told, and answers nothing")
	}
	select {
	case p.came <- m:
		return nil
	default:
		return fmt.Errorf("the probe keeps %d messages already, which the test has not taken", maxKept)
	}
}

// Expect takes the next message that the probe was told, which has to be a T. It waits, and ends the test with a sentence
// if there is none in 10 s, or another one.
func Expect[T proto.Message](t testing.TB, p *Probe) T {
	t.Helper()
	var want T
	name := want.ProtoReflect().Descriptor().FullName()
	timer := time.NewTimer(expectTime)
	defer timer.Stop()
	select {
	case m := <-p.came:
		if m.Type() != string(name) {
			t.Fatalf("%s was told a %s, the test expects a %s", p.ref, m.Type(), name)
		}
		message, ok := want.ProtoReflect().New().Interface().(T)
		if !ok {
			t.Fatalf("%s does not make messages of its own type", name)
		}
		if err := m.Decode(message); err != nil {
			t.Fatalf("%s was told a %s that cannot be read: %v", p.ref, name, err)
		}
		return message
	case <-timer.C:
		t.Fatalf("%s was told nothing in %v, the test expects a %s", p.ref, expectTime, name)
	}
	return want
}

// ExpectNoneFor fails the test if the probe is told something before d is over. In a bubble of testing/synctest, d is not
// waited for.
func (p *Probe) ExpectNoneFor(d time.Duration) {
	p.t.Helper()
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case m := <-p.came:
		p.t.Errorf("%s was told a %s, the test expects nothing for %v", p.ref, m.Type(), d)
	case <-timer.C:
	}
}
