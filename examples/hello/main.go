// Hello is the smallest program with both languages: a Go actor that asks a Rust actor. `make hello` runs it over both
// doors.
package main

import (
	"context"
	"fmt"
	"log"
	"os"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/native"
	"github.com/actorbridge/actorbridge/go-client/remote"

	"github.com/actorbridge/actorbridge/examples/hello/hellov1"
	_ "github.com/actorbridge/actorbridge/examples/hello/rustcore" // links the Rust actor
)

// Porter is a Go actor. It leads every guest to the greeter, and does not know where the greeter lives, or that it is Rust.
type Porter struct{ greeter ab.Ref }

func (p *Porter) Receive(ctx ab.Context, m *ab.Message) error {
	var hello hellov1.Hello
	if err := m.Decode(&hello); err != nil {
		return err // an asker is told why
	}
	if !m.IsAsk() {
		return ctx.Tell(p.greeter, &hello)
	}
	greeting, err := ab.Ask[*hellov1.Greeting](ctx, p.greeter, &hello)
	if err != nil {
		return err
	}
	return m.Reply(greeting)
}

func main() {
	door := native.Door() // Rust in this process
	if len(os.Args) > 1 {
		door = remote.Door(os.Args[1]) // Rust at "tcp://127.0.0.1:7443": nothing else changes
	}
	ctx := context.Background()
	node := must(ab.Start(ctx, "hello-go", ab.WithLink(door)))
	defer node.Shutdown(ctx)

	greeter := must(node.Ref("ab:///greeter"))
	porter := must(node.Spawn("porter", func() ab.Receiver { return &Porter{greeter} }))
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
