// Secure greets the Rust actor of examples/hello over TLS, from this machine or another one. It dials the Rust program, or listens
// and is dialled by it: docs/TWO_MACHINES.md.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"log"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/remote"

	"github.com/actorbridge/actorbridge/examples/hello/hellov1"
)

func main() {
	dial := flag.String("dial", "", "the `address` of the Rust program, grpcs://host:port")
	listen := flag.String("listen", "", "listen at this `address` instead, grpcs://host:port, until the Rust program has dialled")
	var files remote.Files
	flag.StringVar(&files.ServerName, "server-name", "", "the `name` that the certificate of who is dialled must have, if not the address's host")
	flag.StringVar(&files.Certificate, "certificate", "", "the `file` with this node's certificate")
	flag.StringVar(&files.Key, "key", "", "the `file` with its key")
	flag.StringVar(&files.CA, "ca", "", "the `file` with the CAs of its peers")
	flag.Parse()
	if (*dial == "") == (*listen == "") {
		log.Fatal("give --dial or --listen; --help lists the options")
	}
	if err := run(context.Background(), *dial, *listen, files); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, dial, listen string, files remote.Files) error {
	node, err := ab.Start(ctx, "hello-go")
	if err != nil {
		return err
	}
	defer node.Shutdown(ctx)
	if listen == "" {
		if _, err := node.Dial(ctx, remote.Door(dial, remote.TLSFiles(files))); err != nil {
			return err
		}
		return greet(ctx, node)
	}
	server, err := remote.Listen(node, listen, remote.TLSFiles(files))
	if err != nil {
		return err
	}
	fmt.Println("listening", server.Addr())
	for len(node.Peers()) == 0 {
		time.Sleep(100 * time.Millisecond)
	}
	err = greet(ctx, node)
	// The node first, so that the Rust program hears why the link ends.
	err = errors.Join(err, node.Shutdown(ctx))
	server.Close()
	return err
}

// greet asks the greeter, wherever that is.
func greet(ctx context.Context, node *ab.Node) error {
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
