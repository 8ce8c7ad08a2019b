package main

import (
	"context"

	ab "github.com/actorbridge/actorbridge/go-client"

	shopv1 "github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1"
	"github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1/shopv1ab"
)

// Cart is a Go actor: private state, one message at a time, never two at once.
type Cart struct {
	total  int64
	pricer shopv1ab.PricerRef
}

// Add handles shop.v1.Cart/Add. ab.Context is a context.Context: it ends with the message's deadline or the actor,
// whichever is first.
func (c *Cart) Add(ctx ab.Context, req *shopv1.AddRequest) (*shopv1.AddReply, error) {
	quote, err := c.pricer.Quote(ctx, &shopv1.QuoteRequest{Sku: req.Sku, Qty: req.Qty}) // typed ask to Rust
	if err != nil {
		return nil, err // code, cause and details travel back to the asker
	}
	c.total += quote.TotalCents
	return &shopv1.AddReply{TotalCents: c.total}, nil
}

// Snapshot is what the cart takes along when it moves.
func (c *Cart) Snapshot(context.Context) (*shopv1.CartState, error) {
	return &shopv1.CartState{TotalCents: c.total}, nil
}

// Restore goes on from a state.
func (c *Cart) Restore(_ context.Context, state *shopv1.CartState) error {
	c.total = state.TotalCents
	return nil
}
