// Shop is a Go program with a cart, an actor in Go, that asks a pricer, an actor in Rust. `make shop` runs it over every
// door: without arguments Rust is in this process; tcp://… or unix://… is where a Rust node listens; a path is a Rust
// program to start as a child.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/native"
	"github.com/actorbridge/actorbridge/go-client/remote"
	"github.com/actorbridge/actorbridge/go-client/sidecar"

	shopv1 "github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1"
	"github.com/actorbridge/actorbridge/examples/shop/gen/shop/v1/shopv1ab"
	_ "github.com/actorbridge/actorbridge/examples/shop/rustcore" // links the Rust actors; exactly one such package
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	defer stop()
	if err := run(ctx, rust(os.Args[1:])); err != nil {
		slog.Error("shop", "err", err)
		os.Exit(1)
	}
}

// rust is where the Rust actors are. Nothing else of the program knows.
func rust(arguments []string) door.Door {
	switch {
	case len(arguments) == 0:
		return native.Door()
	case strings.Contains(arguments[0], "://"):
		return remote.Door(arguments[0])
	}
	return sidecar.Door(arguments[0])
}

func run(ctx context.Context, rust door.Door) error {
	node, err := ab.Start(ctx, "shop-go", ab.WithLink(rust), ab.WithLogger(slog.Default()))
	if err != nil {
		return err
	}
	defer func() { // drain, then say what was abandoned
		c, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		if err := node.Shutdown(c); err != nil {
			slog.Error("shutdown", "err", err)
		}
	}()

	pricer := shopv1ab.PricerAt(node, "ab:///pricer/eu") // logical address: no node in it
	cart, err := shopv1ab.SpawnCart(node, "cart/42",
		func() shopv1ab.Cart { return &Cart{pricer: pricer} }, // factory: called again on restart
		ab.Mailbox(1024), ab.Supervise(ab.OneForOne(3, time.Minute)))
	if err != nil {
		return err
	}
	for _, sku := range []string{"A1", "unicorn"} {
		if err := add(ctx, cart, sku); err != nil {
			return err
		}
	}
	return nil
}

// add puts three pieces into the cart, and shows what an error can be asked.
func add(ctx context.Context, cart shopv1ab.CartRef, sku string) error {
	reply, err := cart.Add(ctx, &shopv1.AddRequest{Sku: sku, Qty: 3}, ab.Timeout(time.Second))
	var fault *ab.Error
	switch {
	case err == nil:
		fmt.Printf("3 of %s: the cart is worth %d cents\n", sku, reply.TotalCents)
		return nil
	case errors.Is(err, ab.ErrMailboxFull): // refused, certainly not handled: safe to retry
	case errors.Is(err, ab.ErrOutcomeUnknown): // left us, no answer: retry only what is idempotent
	case errors.Is(err, context.Canceled): // also works, and ErrOutcomeUnknown may hold too
	case errors.As(err, &fault) && fault.User != nil: // the handler's own error, with what it knows
		unknown := new(shopv1.UnknownSku)
		if fault.User.Detail(unknown) {
			fmt.Printf("%s: nobody sells %s\n", fault.User.Code, unknown.Sku)
			return nil
		}
	}
	return err
}
