// Secure greets the Rust actor of examples/hello over TLS: hello-secure ADDRESS FOLDER, with the files that certs makes.
package main

import (
	"context"
	"fmt"
	"log"
	"os"
	"path/filepath"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/remote"

	"github.com/actorbridge/actorbridge/examples/hello/hellov1"
)

func main() {
	if len(os.Args) != 3 {
		log.Fatal("usage: hello-secure grpcs://HOST:PORT FOLDER")
	}
	if err := greet(context.Background(), os.Args[1], os.Args[2]); err != nil {
		log.Fatal(err)
	}
}

func greet(ctx context.Context, address, folder string) error {
	door := remote.Door(address, remote.TLSFiles(remote.Files{
		Certificate: filepath.Join(folder, "hello-go.pem"),
		Key:         filepath.Join(folder, "hello-go.key"),
		CA:          filepath.Join(folder, "ca.pem"),
	}))
	node, err := ab.Start(ctx, "hello-go", ab.WithLink(door))
	if err != nil {
		return err
	}
	defer node.Shutdown(ctx)
	greeter, err := node.Ref("ab:///greeter")
	if err != nil {
		return err
	}
	greeting, err := ab.Ask[*hellov1.Greeting](ctx, greeter, &hellov1.Hello{Name: "Cleo"})
	if err != nil {
		return err
	}
	fmt.Println(greeting.Text)
	return nil
}
