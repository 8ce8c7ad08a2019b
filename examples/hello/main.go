// Hello is the smallest program with both languages: a Go actor that leads to a Rust actor. `make hello` runs it over each
// door.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"strings"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/native"
	"github.com/actorbridge/actorbridge/go-client/remote"
	"github.com/actorbridge/actorbridge/go-client/sidecar"

	"github.com/actorbridge/actorbridge/examples/hello/hellov1"
	_ "github.com/actorbridge/actorbridge/examples/hello/rustcore" // links the Rust actor
)

func main() {
	door := native.Door() // Rust in this process
	switch at := strings.Join(os.Args[1:], ""); {
	case strings.Contains(at, "://"):
		door = remote.Door(at) // Rust at "tcp://127.0.0.1:7443": nothing else changes
	case at != "":
		door = sidecar.Door(at) // Rust in a child process, "./hello-rust"
	}
	ctx := context.Background()
	node := must(ab.Start(ctx, "hello-go", ab.WithLink(door)))
	defer node.Shutdown(ctx)

	// A Go actor. It leads every guest to the greeter, and does not know where that lives, or that it is Rust.
	greeter := must(node.Ref("ab:///greeter"))
	porter := must(node.Spawn("porter", func() ab.Receiver {
		return ab.ReceiverFunc(func(ctx ab.Context, m *ab.Message) error { return m.Forward(ctx, greeter) })
	}))
	check(node.Tell(ctx, porter, &hellov1.Hello{Name: "Ann"}))
	greeting := must(ab.Ask[*hellov1.Greeting](ctx, porter, &hellov1.Hello{Name: "Bob"}))
	fmt.Println(greeting.Text)
}

func check(err error) {
	if err != nil {
		log.Fatal(err)
	}
}

func must[T any](value T, err error) T {
	check(err)
	return value
}
