package abtest_test

import (
	"fmt"

	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/actorbridge/actorbridge/go-client/abtest"
)

// A probe keeps what it is told, in order. Each Expect takes one message, and fails the test if it is of another type.
func ExampleProbe() {
	t := new(exampleT) // a test has one: func TestShop(t *testing.T)
	defer t.end()      // which go test does itself

	node := abtest.Start(t, "shop")
	probe := abtest.NewProbe(t, node, "probe")
	if err := node.Tell(t.Context(), probe.Ref(), wrapperspb.String("A1")); err != nil {
		t.Fatal(err)
	}
	if err := node.Tell(t.Context(), probe.Ref(), wrapperspb.Int64(7)); err != nil {
		t.Fatal(err)
	}
	article := abtest.Expect[*wrapperspb.StringValue](t, probe)
	price := abtest.Expect[*wrapperspb.Int64Value](t, probe)
	fmt.Println(article.Value, price.Value)
	// Output: A1 7
}

// A goroutine that is left behind fails the test, and is named with the place where it was started.
func ExampleNoLeaks() {
	t := new(exampleT) // a test has one: func TestShop(t *testing.T)

	abtest.NoLeaks(t)       // first, so that it looks last
	abtest.Start(t, "shop") // ends with the test

	forever := make(chan struct{})
	go func() { <-forever }() // does not
	t.end()                   // which go test does itself
	close(forever)
	// Output: found unexpected goroutines:
}
