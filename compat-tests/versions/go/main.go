// Command versions is a Go node with the desk and the writer of one version of their schema: the second one with the build
// tag v2, else the first. The tags rust1 and rust2 choose the Rust actors that are linked with it. compat-tests/versions
// runs it.
package main

import (
	"context"
	"flag"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/native"
	"github.com/actorbridge/actorbridge/go-client/remote"

	_ "github.com/actorbridge/actorbridge/compat-tests/versions/go/rustcore" // links the Rust actors
)

func main() {
	node := flag.String("node", name, "the node's `name`")
	at := flag.String("listen", "", "listen at an `address`: tcp://127.0.0.1:0 or unix:///path")
	flag.Bool("until-stdin-closes", true, "end when standard input is closed, as one that listens always does here")
	with := flag.String("link", "", "link with native, or the `address` of another node; print what both writers say of each other's desk")
	codec := flag.Uint("codec", 0, "the content type of what the writers write: 0 protobuf, 1 JSON, 2 MessagePack")
	flag.Parse()
	if err := run(context.Background(), *node, *at, *with, uint32(*codec)); err != nil {
		log.Fatal(err)
	}
}

func run(ctx context.Context, name, at, with string, codec uint32) error {
	node, err := ab.Start(ctx, name, ab.WithLogger(slog.New(slog.DiscardHandler)),
		ab.Factory("keeper/*", keeperReceiver(newKeeper)), ab.Factory("vault/*", vaultReceiver(newVault)))
	if err != nil {
		return err
	}
	defer node.Shutdown(ctx)
	for path, make := range map[string]func() ab.Receiver{
		"desk":   newDesk,
		"writer": writerReceiver(func() writerHandler { return writer{} }),
		"relay":  func() ab.Receiver { return ab.ReceiverFunc(relay) },
	} {
		if _, err := node.Spawn(path, make); err != nil {
			return err
		}
	}
	if at != "" {
		return listen(node, at)
	}
	return link(ctx, node, with, codec)
}

// listen ends when standard input is closed.
func listen(node *ab.Node, at string) error {
	server, err := remote.Listen(node, at)
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Println("listening", server.Addr())
	_, err = io.Copy(io.Discard, os.Stdin)
	return err
}

func link(ctx context.Context, node *ab.Node, with string, codec uint32) error {
	ctx, cancel := context.WithTimeout(ctx, 20*time.Second)
	defer cancel()
	door := native.Door()
	if with != "native" {
		door = remote.Door(with)
	}
	peer, err := node.Dial(ctx, door)
	if err != nil {
		return err
	}
	for _, run := range []struct{ prefix, writer, reader string }{
		{"out: ", node.Name(), peer},
		{"back: ", peer, node.Name()},
	} {
		reply, err := writerAt(node, "ab://"+run.writer+"/writer").Run(ctx, &runRequest{Reader: run.reader, Codec: codec})
		if err != nil {
			return err
		}
		for _, line := range reply.Lines {
			fmt.Println(run.prefix + line)
		}
	}
	return nil
}
