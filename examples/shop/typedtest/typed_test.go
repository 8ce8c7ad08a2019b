// Package typedtest has the tests of what generated Go promises its users: typed actors in one node.
package typedtest

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/emptypb"

	ab "github.com/actorbridge/actorbridge/go-client"

	shopv1 "github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1"
	"github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1/shopv1ab"
)

// prices is a Pricer with a state: prices by article.
type prices struct{ cents map[string]int64 }

func (p *prices) Quote(_ ab.Context, req *shopv1.QuoteRequest) (*shopv1.QuoteReply, error) {
	cents, ok := p.cents[req.Sku]
	if !ok {
		return nil, ab.NewUserError("UNKNOWN_SKU", req.Sku, &shopv1.UnknownSku{Sku: req.Sku})
	}
	return &shopv1.QuoteReply{TotalCents: cents * int64(req.Qty)}, nil
}

func (p *prices) Reload(_ ab.Context, m *shopv1.Reload) error {
	p.cents = make(map[string]int64)
	for _, price := range m.Prices {
		p.cents[price.Sku] = price.Cents
	}
	return nil
}

func (p *prices) Snapshot(context.Context) (*shopv1.PricerState, error) {
	state := &shopv1.PricerState{}
	for sku, cents := range p.cents {
		state.Prices = append(state.Prices, &shopv1.Price{Sku: sku, Cents: cents})
	}
	return state, nil
}

func (p *prices) Restore(ctx context.Context, state *shopv1.PricerState) error {
	return p.Reload(nil, &shopv1.Reload{Prices: state.Prices})
}

// total is a Cart without a state, which says when it has started.
type total struct {
	cents   int64
	pricer  shopv1ab.PricerRef
	started chan<- string
}

func (c *total) PostStart(ctx ab.Context) error {
	c.started <- ctx.Self().Path()
	return nil
}

func (c *total) Add(ctx ab.Context, req *shopv1.AddRequest) (*shopv1.AddReply, error) {
	quote, err := c.pricer.Quote(ctx, &shopv1.QuoteRequest{Sku: req.Sku, Qty: req.Qty})
	if err != nil {
		return nil, err
	}
	c.cents += quote.TotalCents
	return &shopv1.AddReply{TotalCents: c.cents}, nil
}

// start is a node with a factory for pricers, and a context that ends a test that hangs.
func start(t *testing.T) (context.Context, *ab.Node) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	node, err := ab.Start(ctx, "shop", ab.Factory("restored/*", shopv1ab.PricerReceiver(newPricer)))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := node.Shutdown(ctx); err != nil {
			t.Error(err)
		}
		cancel()
	})
	return ctx, node
}

func newPricer() shopv1ab.Pricer { return &prices{map[string]int64{"A1": 100}} }

// spawn has a pricer and a cart.
func spawn(t *testing.T, node *ab.Node) (shopv1ab.PricerRef, shopv1ab.CartRef, <-chan string) {
	t.Helper()
	pricer, err := shopv1ab.SpawnPricer(node, "pricer/eu", newPricer)
	if err != nil {
		t.Fatal(err)
	}
	started := make(chan string, 8)
	cart, err := shopv1ab.SpawnCart(node, "cart/42", func() shopv1ab.Cart {
		return &total{pricer: shopv1ab.PricerAt(node, "ab:///pricer/eu"), started: started}
	})
	if err != nil {
		t.Fatal(err)
	}
	return pricer, cart, started
}

func TestATypedAskIsAnsweredByTheMethodThatTakesItsType(t *testing.T) {
	ctx, node := start(t)
	_, cart, started := spawn(t, node)
	for _, want := range []int64{300, 600} {
		reply, err := cart.Add(ctx, &shopv1.AddRequest{Sku: "A1", Qty: 3}, ab.Timeout(10*time.Second))
		if err != nil || reply.TotalCents != want {
			t.Fatalf("got %v, %v; want %d", reply, err, want)
		}
	}
	select {
	case path := <-started:
		if path != "cart/42" {
			t.Errorf("PostStart of %s", path)
		}
	case <-ctx.Done():
		t.Error("the user's PostStart did not run")
	}
}

func TestATypedTellIsHandledBeforeTheAskBehindIt(t *testing.T) {
	ctx, node := start(t)
	pricer, cart, _ := spawn(t, node)
	if err := pricer.Reload(ctx, &shopv1.Reload{Prices: []*shopv1.Price{{Sku: "B2", Cents: 7}}}); err != nil {
		t.Fatal(err)
	}
	quote, err := pricer.Quote(ctx, &shopv1.QuoteRequest{Sku: "B2", Qty: 2})
	if err != nil || quote.TotalCents != 14 {
		t.Fatalf("got %v, %v", quote, err)
	}
	_, err = cart.Add(ctx, &shopv1.AddRequest{Sku: "A1", Qty: 1})
	if unknown, ok := ab.DetailOf[*shopv1.UnknownSku](err); !ok || unknown.Sku != "A1" {
		t.Errorf("A1 is not sold any more, got %v", err)
	}
}

func TestAnAskToAMethodThatTellsIsAnsweredWithEmpty(t *testing.T) {
	ctx, node := start(t)
	pricer, _, _ := spawn(t, node)
	if _, err := ab.Ask[*emptypb.Empty](ctx, pricer.Ref(), &shopv1.Reload{}); err != nil {
		t.Error(err)
	}
}

func TestAMessageOfAnotherProtocolIsUnsupported(t *testing.T) {
	ctx, node := start(t)
	pricer, _, _ := spawn(t, node)
	_, err := shopv1ab.CartOf(pricer.Ref()).Add(ctx, &shopv1.AddRequest{})
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodeUnsupportedType {
		t.Errorf("got %v", err)
	}
}

func TestAnAddressThatIsNoneShowsAtTheFirstUse(t *testing.T) {
	ctx, node := start(t)
	_, err := shopv1ab.CartAt(node, "cart/42").Add(ctx, &shopv1.AddRequest{})
	var fault *ab.Error
	if !errors.As(err, &fault) || fault.Code != ab.CodeInvalidArgument {
		t.Errorf("got %v", err)
	}
}

func TestRefsOfTheSameActorAreEqual(t *testing.T) {
	_, node := start(t)
	if shopv1ab.CartAt(node, "ab:///cart/42") != shopv1ab.CartAt(node, "ab:///cart/42") {
		t.Error("two references to one actor differ")
	}
}

func TestAnActorWithAStateIsKeptAndOneWithoutIsNot(t *testing.T) {
	ctx, node := start(t)
	pricer, cart, _ := spawn(t, node)
	kept, err := node.Snapshot(ctx, pricer.Ref())
	if err != nil || kept.Type != "shop.v1.PricerState" {
		t.Fatalf("got %v, %v", kept, err)
	}
	kept.Actor = "ab:///restored/eu"
	restored, err := node.Restore(ctx, kept)
	if err != nil {
		t.Fatal(err)
	}
	quote, err := shopv1ab.PricerOf(restored).Quote(ctx, &shopv1.QuoteRequest{Sku: "A1", Qty: 1})
	if err != nil || quote.TotalCents != 100 {
		t.Errorf("got %v, %v", quote, err)
	}
	if _, err := node.Snapshot(ctx, cart.Ref()); err == nil {
		t.Error("a cart without Snapshot was kept")
	}
}
