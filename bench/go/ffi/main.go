// Command ffi measures the native door beside what a Go team uses today, all in one process. The program `bench` drives it.
package main

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"slices"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/benchcodec/doorcases"
	"github.com/actorbridge/actorbridge/go-client/native"

	"github.com/actorbridge/actorbridge/bench/go/meter"

	_ "github.com/actorbridge/actorbridge/bench/go/ffi/rustcore" // links the Rust actors
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func run() error {
	ctx := context.Background()
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	node, err := ab.Start(ctx, "bench-go", ab.WithLink(native.Door()), ab.WithLogger(logger))
	if err != nil {
		return err
	}
	defer func() {
		ctx, cancel := context.WithTimeout(ctx, 5*time.Second)
		defer cancel()
		_ = node.Shutdown(ctx)
	}()
	cases, err := ours(ctx, node)
	if err != nil {
		return err
	}
	flights, err := doorcases.Of(ctx, node, "native", "ab:///flights")
	if err != nil {
		return err
	}
	inMemory, err := doorcases.InMemory(ctx, node)
	if err != nil {
		return err
	}
	wasm, err := inWasm(ctx)
	if err != nil {
		return err
	}
	return meter.Serve(ctx, os.Stdin, os.Stdout, 0, slices.Concat(cases, flights, inMemory, idle(node), scale(node), channels(), byHand(), wasm))
}
