//go:build cgo

package main

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/native"

	shopv1 "github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1"
	"github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1/shopv1ab"
)

// watched is the native door, and counts the asks that went beside its packets and were handled at once.
type watched struct {
	door.Door
	atOnce atomic.Int64
}

func (w *watched) Dial(ctx context.Context) (door.Link, error) {
	link, err := w.Door.Dial(ctx)
	if err != nil {
		return nil, err
	}
	return &watchedLink{link.(door.Lane), link.(door.Asker), w}, nil
}

type watchedLink struct {
	door.Lane
	asker door.Asker
	by    *watched
}

func (l *watchedLink) Ask(flow uint32, stream uint64, typeID, ttlMs uint32, body, room []byte) ([]byte, bool) {
	envelope, taken := l.asker.Ask(flow, stream, typeID, ttlMs, body, room)
	if envelope != nil {
		l.by.atOnce.Add(1)
	}
	return envelope, taken
}

func (l *watchedLink) Cancel(flow uint32, correlation uint64) { l.asker.Cancel(flow, correlation) }

func pricer(t *testing.T) (shopv1ab.PricerRef, *watched) {
	t.Helper()
	w := &watched{Door: native.Door()}
	node, err := ab.Start(t.Context(), "shop-test", ab.WithLink(w))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		defer cancel()
		if err := node.Shutdown(ctx); err != nil {
			t.Error(err)
		}
	})
	return shopv1ab.PricerAt(node, "ab:///pricer/eu"), w
}

func worth(t *testing.T, at shopv1ab.PricerRef, sku string) int64 {
	t.Helper()
	quote, err := at.Quote(t.Context(), &shopv1.QuoteRequest{Sku: sku, Qty: 1}, ab.Timeout(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return quote.TotalCents
}

func TestAnAskOfAnInlineMethodIsHandledAtOnce(t *testing.T) {
	at, door := pricer(t)
	for until := time.Now().Add(10 * time.Second); door.atOnce.Load() == 0; {
		if worth(t, at, "A1") != 250 {
			t.Fatal("A1 has another price")
		}
		if time.Now().After(until) {
			t.Fatal("no ask was handled at once in 10 s")
		}
	}
	_, err := at.Quote(t.Context(), &shopv1.QuoteRequest{Sku: "unicorn", Qty: 1})
	var fault *ab.Error
	unknown := new(shopv1.UnknownSku)
	if !errors.As(err, &fault) || fault.User == nil || !fault.User.Detail(unknown) || unknown.Sku != "unicorn" {
		t.Errorf("the error of an unknown article is %v", err)
	}
}

func TestAnInlineAskNeverOvertakesTheTellsBeforeIt(t *testing.T) {
	at, door := pricer(t)
	for cents := range int64(3_000) {
		for range cents % 3 { // of no tell, one or more
			if err := at.Reload(t.Context(), &shopv1.Reload{Prices: []*shopv1.Price{{Sku: "A1", Cents: cents}}}); err != nil {
				t.Fatal(err)
			}
		}
		if cents%3 == 0 {
			continue
		}
		for range 2 { // the second with nothing before it
			if got := worth(t, at, "A1"); got != cents {
				t.Fatalf("A1 costs %d after it was told that it costs %d", got, cents)
			}
		}
	}
	if door.atOnce.Load() == 0 {
		t.Error("no ask was handled at once: nothing could overtake")
	}
}

func TestManyMayAskInlineAtTheSameTime(t *testing.T) {
	at, door := pricer(t)
	var all sync.WaitGroup
	for i := range 64 {
		all.Go(func() {
			sku, cents := "A1", int64(250)
			if i%2 == 1 {
				sku, cents = "B2", 1_999
			}
			for range 200 {
				quote, err := at.Quote(t.Context(), &shopv1.QuoteRequest{Sku: sku, Qty: 1}, ab.Timeout(time.Minute))
				if err != nil || quote.TotalCents != cents {
					t.Errorf("%s costs %v: %v", sku, quote, err)
					return
				}
			}
		})
	}
	all.Wait()
	t.Logf("%d asks were handled at once", door.atOnce.Load())
}
