package abtest_test

import (
	"fmt"
	"strings"

	"google.golang.org/protobuf/types/known/wrapperspb"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
)

// loud is the actor to test: it tells its listener in capitals what it is told.
type loud struct{ listener ab.Ref }

func (l loud) Receive(ctx ab.Context, m *ab.Message) error {
	var word wrapperspb.StringValue
	if err := m.Decode(&word); err != nil {
		return err
	}
	return ctx.Tell(l.listener, wrapperspb.String(strings.ToUpper(word.Value)))
}

// Two nodes in one process, an actor on one, a test that speaks to it from the other.
func Example() {
	t := new(exampleT) // a test has one: func TestLoud(t *testing.T)
	defer t.end()      // which go test does itself

	abtest.NoLeaks(t)
	shop := abtest.Start(t, "shop")
	test := abtest.Start(t, "test", ab.WithLink(abtest.Door(shop)))

	probe := abtest.NewProbe(t, test, "probe")
	listener, err := shop.Ref("ab://test/probe")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := shop.Spawn("loud", func() ab.Receiver { return loud{listener} }); err != nil {
		t.Fatal(err)
	}
	to, err := test.Ref("ab://shop/loud")
	if err != nil {
		t.Fatal(err)
	}
	if err := test.Tell(t.Context(), to, wrapperspb.String("hello")); err != nil {
		t.Fatal(err)
	}
	heard := abtest.Expect[*wrapperspb.StringValue](t, probe)
	fmt.Println(heard.Value)
	// Output: HELLO
}
