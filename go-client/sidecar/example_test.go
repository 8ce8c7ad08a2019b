//go:build unix

package sidecar_test

import (
	"context"
	"errors"
	"fmt"
	"log"
	"log/slog"
	"os"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abtest/testpb"
	"github.com/actorbridge/actorbridge/go-client/sidecar"
)

// quiet keeps what nodes and children say out of an example's output.
var quiet = ab.WithLogger(slog.New(slog.DiscardHandler))

// buildShop gives the path of a program whose main is actorbridge::serve. It is this test's binary in another role, so that
// the examples need no Rust; a real one comes from cargo build.
func buildShop() (path string, remove func()) {
	file, err := os.CreateTemp("", "shop-rust-")
	if err != nil {
		log.Fatal(err)
	}
	path = file.Name()
	script := fmt.Sprintf("#!/bin/sh\nexport %s=shop %s\nexec %q \"$@\"\n", asProgram, quickExit, binary())
	_, err = file.WriteString(script)
	if err := errors.Join(err, file.Chmod(0o700), file.Close()); err != nil {
		log.Fatal(err)
	}
	return path, func() { _ = os.Remove(path) }
}

// A Go program starts its Rust actors in a child process, and asks one of them. The child ends with the node.
func ExampleDoor() {
	shop, remove := buildShop() // such as "./shop-rust"
	defer remove()

	ctx := context.Background()
	node, err := ab.Start(ctx, "go", quiet, ab.WithLink(sidecar.Door(shop)))
	if err != nil {
		log.Fatal(err) // says why the child did not start, with the last that it wrote
	}
	defer node.Shutdown(ctx)

	worker, err := node.Ref("ab://shop/worker")
	if err != nil {
		log.Fatal(err)
	}
	reply, err := ab.Ask[*testpb.EchoReply](ctx, worker, &testpb.EchoRequest{Text: "hello"})
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(reply.Text)
	// Output: hello
}

// A child that dies takes its own actors along, and nothing of the Go program. It is not started again here, as the limit
// says; by default it is, and the same addresses lead on.
func ExampleRestarts() {
	shop, remove := buildShop()
	defer remove()

	ctx := context.Background()
	node, err := ab.Start(ctx, "go", quiet, ab.WithLink(sidecar.Door(shop, sidecar.Restarts(0, time.Minute))))
	if err != nil {
		log.Fatal(err)
	}
	defer node.Shutdown(ctx)

	worker, err := node.Ref("ab://shop/worker")
	if err != nil {
		log.Fatal(err)
	}
	_, err = ab.Ask[*testpb.Held](ctx, worker, &testpb.PanicNow{Text: "out of memory"}) // which ends the whole process
	fmt.Println("in flight, so its outcome is unknown:", errors.Is(err, ab.ErrOutcomeUnknown))

	_, err = ab.Ask[*testpb.EchoReply](ctx, worker, &testpb.EchoRequest{Text: "hello"})
	fmt.Println("sent later, so it had no effect:", errors.Is(err, ab.ErrUnavailable))
	// Output:
	// in flight, so its outcome is unknown: true
	// sent later, so it had no effect: true
}
