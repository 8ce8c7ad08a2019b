// Command link measures the remote door beside a bare gRPC stream, bare gRPC calls and a bare TCP socket: between this process and
// one in Rust, which is given by name. The program `bench` drives it.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/benchcodec/doorcases"
	"github.com/actorbridge/actorbridge/go-client/door"
	"github.com/actorbridge/actorbridge/go-client/remote"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// where is what the Rust process says.
type where struct {
	Node []string `json:"node"`
	GRPC string   `json:"grpc"`
	TCP  string   `json:"tcp"`
	// Mailbox is that of its actors.
	Mailbox uint32 `json:"mailbox"`
}

// at is where its node listens, by scheme.
func (w *where) at(scheme string) string {
	return w.Node[slices.IndexFunc(w.Node, func(a string) bool { return strings.HasPrefix(a, scheme+"://") })]
}

func run() error {
	if len(os.Args) == 3 && os.Args[1] == far {
		return runFar(context.Background(), os.Args[2])
	}
	if len(os.Args) != 2 {
		return errors.New("usage: bench-link RECEIVER, the Rust program at the other end")
	}
	ctx := context.Background()
	folder, err := os.MkdirTemp("", "bench-link")
	if err != nil {
		return err
	}
	defer func() { _ = os.RemoveAll(folder) }()
	var there where
	peer, err := meter.StartPeer(&there, os.Args[1], folder)
	if err != nil {
		return err
	}
	defer peer.End()
	if there.Mailbox != mailbox {
		return fmt.Errorf("actors in Rust have a mailbox of %d, and those in Go of %d", there.Mailbox, mailbox)
	}
	fmt.Fprintf(os.Stderr, "bench-link: actors that are told something have a mailbox of %d\n", mailbox)
	n := new(nodes)
	defer n.shutdown()
	cases, err := n.cases(ctx, &there, folder)
	if err != nil {
		return err
	}
	relayed, others, err := n.relayed(ctx, os.Args[1])
	for _, other := range others {
		defer other.End()
	}
	if err != nil {
		return err
	}
	grpc, err := bareGRPC(there.GRPC)
	if err != nil {
		return err
	}
	return meter.Serve(ctx, os.Stdin, os.Stdout, peer.PID(), slices.Concat(cases, relayed, grpc, bareTCP(there.TCP)))
}

// nodes are nodes of this process, each with one link to the node in Rust.
type nodes struct{ all []*ab.Node }

// start starts one. It tells an actor of its own.
func (n *nodes) start(ctx context.Context, name string, by door.Door, options ...ab.Option) (*bridge, error) {
	logger := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn}))
	options = append(options, ab.WithLink(by), ab.WithLogger(logger))
	node, err := ab.Start(ctx, "bench-go"+name, options...)
	if err != nil {
		return nil, err
	}
	n.all = append(n.all, node)
	return newBridge(node, "ab:///raw"+name), nil
}

func (n *nodes) shutdown() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	for _, node := range n.all {
		_ = node.Shutdown(ctx)
	}
}

// cases are ours: over TCP, and what is compared with that.
func (n *nodes) cases(ctx context.Context, there *where, folder string) ([]meter.Case, error) {
	file := func(name string) string { return filepath.Join(folder, name) }
	tls := remote.TLSFiles(remote.Files{
		Certificate: file("bench-go-tls.pem"), Key: file("bench-go-tls.key"), CA: file("ca.pem"),
	})
	counted, err := newCounter(strings.TrimPrefix(there.at("tcp"), "tcp://"))
	if err != nil {
		return nil, err
	}
	doors := []struct {
		name string
		by   door.Door
	}{
		{"", remote.Door(there.at("tcp"))},
		{"-uds", remote.Door(there.at("unix"))},
		{"-tls", remote.Door(there.at("grpcs"), tls)},
		{"-neighbour", remote.Door(there.at("tcp"))},
		{"-counted", remote.Door("tcp://" + counted.address)},
	}
	var by []*bridge
	for _, d := range doors {
		b, err := n.start(ctx, d.name, d.by)
		if err != nil {
			return nil, err
		}
		by = append(by, b)
	}
	tcp, uds, secure, neighbour, through := by[0], by[1], by[2], by[3], by[4]
	cases, err := tcp.cases()
	if err != nil {
		return nil, err
	}
	for _, f := range []struct {
		door, actor string
		node        *ab.Node
	}{
		{"tcp", "ab:///flights", tcp.node}, {"unix", "ab:///flights-uds", uds.node}, {"tls", "ab:///flights-tls", secure.node},
	} {
		flights, err := doorcases.Of(ctx, f.node, f.door, f.actor)
		if err != nil {
			return nil, err
		}
		cases = append(cases, flights...)
	}
	neighbour.block(ctx)
	return append(cases,
		meter.Case{Name: "tell_1024_uds", Run: uds.batches(1024, 0)},
		meter.Case{Name: "mtls_1024", Run: secure.batches(1024, 0)},
		meter.Case{Name: "neighbour_64", Run: neighbour.batches(64, 0)},
		meter.Case{Name: "batches_64", Run: through.batches(64, pause), Bytes: counted.sent.Load},
	), nil
}
