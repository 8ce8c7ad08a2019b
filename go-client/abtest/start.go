package abtest

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"go.uber.org/goleak"

	ab "github.com/actorbridge/actorbridge/go-client"
)

// endTime is how long a node's actors may take to end with the test.
const endTime = time.Minute

// Start starts a node that ends with the test: the test fails if an actor of it does not end. It logs nothing, unless
// [ab.WithLogger] is among the options.
func Start(t testing.TB, name string, options ...ab.Option) *ab.Node {
	t.Helper()
	quiet := ab.WithLogger(slog.New(slog.DiscardHandler))
	node, err := ab.Start(context.Background(), name, append([]ab.Option{quiet}, options...)...)
	if err != nil {
		t.Fatalf("the node does not start: %v", err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), endTime)
		defer cancel()
		if err := node.Shutdown(ctx); err != nil {
			t.Errorf("the node does not end: %v", err)
		}
	})
	return node
}

// NoLeaks fails the test if goroutines are left at its end that were not there when it is called: call it first. What else
// runs at the same time counts too, so it is not for parallel tests.
func NoLeaks(t testing.TB) {
	t.Helper()
	before := goleak.IgnoreCurrent()
	t.Cleanup(func() { goleak.VerifyNone(t, before) })
}
