package abtest_test

import (
	"fmt"
	"strings"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
)

// complaints is a test that is not over yet: its errors are kept, and its end is called by hand.
type complaints struct {
	testing.TB
	said []string
	ends []func()
}

func (c *complaints) Helper() {}

func (c *complaints) Cleanup(end func()) { c.ends = append(c.ends, end) }

func (c *complaints) Error(args ...any) { c.said = append(c.said, fmt.Sprint(args...)) }

func (c *complaints) Errorf(format string, args ...any) {
	c.said = append(c.said, fmt.Sprintf(format, args...))
}

func (c *complaints) end() {
	for i := len(c.ends) - 1; i >= 0; i-- {
		c.ends[i]()
	}
}

func TestANodeEndsWithItsTestAndLeavesNoGoroutine(t *testing.T) {
	over := &complaints{TB: t}
	abtest.NoLeaks(over)
	a := abtest.Start(over, "a")
	b := abtest.Start(over, "b", ab.WithLink(abtest.Door(a)))
	probe := abtest.NewProbe(t, a, "probe")
	if err := b.Tell(t.Context(), refOf(t, b, "ab:///probe"), &testpb.GetCount{}); err != nil {
		t.Fatal(err)
	}
	abtest.Expect[*testpb.GetCount](t, probe)
	over.end()
	if len(over.said) != 0 {
		t.Errorf("what is well is said to be %q", over.said)
	}
}

func TestAGoroutineThatIsLeftFailsTheTest(t *testing.T) {
	over := &complaints{TB: t}
	abtest.NoLeaks(over)
	release := make(chan struct{})
	defer close(release)
	go func() { <-release }()
	over.end()
	if len(over.said) != 1 || !strings.Contains(over.said[0], "found unexpected goroutines") {
		t.Errorf("a goroutine is left, and the test says %q", over.said)
	}
}
