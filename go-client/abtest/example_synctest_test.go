package abtest_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
)

// clock is an actor that is told a duration, and tells its owner when that is over.
type clock struct{ owner ab.Ref }

func (c clock) Receive(ctx ab.Context, m *ab.Message) error {
	message, err := m.Open()
	if err != nil {
		return err
	}
	switch x := message.(type) {
	case *durationpb.Duration:
		return ctx.Timer("alarm", x.AsDuration(), wrapperspb.String("it is time"))
	case *wrapperspb.StringValue: // from its own timer
		return ctx.Tell(c.owner, x)
	}
	return m.Unsupported()
}

// In a bubble of testing/synctest an hour takes no time. Start the nodes in the bubble, with the t that it gives.
func Example_virtualTime() {
	t := new(testing.T) // a test has one: func TestClock(t *testing.T)
	synctest.Test(t, func(t *testing.T) {
		node := abtest.Start(t, "shop")
		owner := abtest.NewProbe(t, node, "owner")
		to, err := node.Spawn("clock", func() ab.Receiver { return clock{owner.Ref()} })
		if err != nil {
			t.Fatal(err)
		}
		began := time.Now()
		if err := node.Tell(t.Context(), to, durationpb.New(time.Hour)); err != nil {
			t.Fatal(err)
		}
		owner.ExpectNoneFor(59 * time.Minute)
		fmt.Println("59 minutes: nothing")
		time.Sleep(time.Minute)
		alarm := abtest.Expect[*wrapperspb.StringValue](t, owner)
		fmt.Printf("%v: %s\n", time.Since(began), alarm.Value)
	})
	// Output:
	// 59 minutes: nothing
	// 1h0m0s: it is time
}
