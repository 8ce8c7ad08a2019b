package actorbridge_test

import (
	"errors"
	"strings"
	"testing"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest"
)

func TestAnActorMovesToItsOwnPathWhereThatIsMadeOnDemandOnly(t *testing.T) {
	b := start(t, "b", ab.OnDemand("cart", newWorker))
	select {
	case <-b.Done(refOf(t, b, "ab:///cart")):
	default:
		t.Fatal("it is there from the start")
	}
	a := start(t, "a", ab.Factory("cart", newWorker), ab.WithLink(abtest.Door(b)))
	cart := refOf(t, a, "ab:///cart")
	tellMany(t, a, cart, 1, 3)
	move(t, a, cart, "b")
	expect(t, cart, 3)
	if name, _ := owner(t, a, "cart"); name != "b" {
		t.Errorf("%s owns it", name)
	}
	move(t, a, cart, "a")
	expect(t, cart, 3)
}

func TestAPatternThatNoPathMatchesIsRefusedAtTheStart(t *testing.T) {
	for pattern, code := range map[string]ab.Code{
		"pricer*": ab.CodeInvalidArgument, "a/*/b": ab.CodeInvalidArgument, "/order/*": ab.CodeInvalidArgument,
		"order/": ab.CodeInvalidArgument, "/*": ab.CodeInvalidArgument, "": ab.CodeInvalidArgument,
		"**": ab.CodeInvalidArgument, "a b/*": ab.CodeInvalidArgument,
		"system": ab.CodeForbidden, "system/*": ab.CodeForbidden,
	} {
		for name, option := range map[string]ab.Option{
			"Factory": ab.Factory(pattern, newWorker), "OnDemand": ab.OnDemand(pattern, newWorker),
		} {
			_, err := ab.Start(t.Context(), "a", option)
			var fault *ab.Error
			if !errors.As(err, &fault) || fault.Code != code {
				t.Errorf("%s(%q): %v, want %v", name, pattern, err, code)
			} else if code == ab.CodeInvalidArgument && !strings.Contains(err.Error(), "no path matches this pattern") {
				t.Errorf("%s(%q) says %q", name, pattern, err)
			}
		}
	}
}

func TestTheFirstPatternThatMatchesCounts(t *testing.T) {
	b := start(t, "b", ab.OnDemand("cart/vip/*", newWorker), ab.OnDemand("*", func() ab.Receiver {
		return &stubborn{worker: *newWorker().(*worker)}
	}))
	a := start(t, "a", ab.WithLink(abtest.Door(b)))
	move(t, a, spawn(t, a, "cart/vip/1"), "b")
	if _, err := a.Move(t.Context(), spawn(t, a, "cart/1"), ab.To("b")); !errors.Is(err, ab.ErrHandlerError) {
		t.Errorf("the pattern for all paths does not take it: %v", err)
	}
}
