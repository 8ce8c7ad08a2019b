// Command trace follows an order from Go to Rust and back to Go: each ask and each handler is a span, in one trace, over whichever
// door is there. The spans go to the OTLP receiver that OTEL_EXPORTER_OTLP_ENDPOINT names.
package main

import (
	"context"
	"fmt"
	"os"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracegrpc"
	"go.opentelemetry.io/otel/sdk/resource"
	"go.opentelemetry.io/otel/sdk/trace"
	semconv "go.opentelemetry.io/otel/semconv/v1.43.0"

	_ "github.com/actorbridge/actorbridge/examples/trace/rustcore" // links the Rust actors
	"github.com/actorbridge/actorbridge/examples/trace/tracev1"
	ab "github.com/actorbridge/actorbridge/go-client"
	"github.com/actorbridge/actorbridge/go-client/abotel"
	"github.com/actorbridge/actorbridge/go-client/native"
	"github.com/actorbridge/actorbridge/go-client/remote"
)

func main() {
	ctx := context.Background()
	exporter := must(otlptracegrpc.New(ctx))
	provider := trace.NewTracerProvider(trace.WithBatcher(exporter),
		trace.WithResource(resource.NewSchemaless(semconv.ServiceName("trace-go"))))
	otel.SetTracerProvider(provider)

	door := native.Door()
	if len(os.Args) > 1 {
		door = remote.Door(os.Args[1])
	}
	node := must(ab.Start(ctx, "trace-go", ab.WithTracer(abotel.Tracer()), ab.WithLink(door)))
	told := make(chan *tracev1.Packed)
	spawn(node, "stock", func(_ ab.Context, m *ab.Message) error { return m.Reply(&tracev1.Taken{Shelf: "B7"}) })
	spawn(node, "courier", func(_ ab.Context, m *ab.Message) error {
		var packed tracev1.Packed
		err := m.Decode(&packed)
		told <- &packed
		return err
	})

	inOrder, order := otel.Tracer("trace-go").Start(ctx, "order")
	packed := must(ab.Ask[*tracev1.Packed](inOrder, node.RefAt("ab:///warehouse"), &tracev1.Order{Item: "lamp"}))
	order.End()
	fmt.Printf("the %s from shelf %s is packed, and so says the courier: %s\n", packed.Item, packed.Shelf, (<-told).Shelf)

	check(node.Shutdown(ctx))
	check(provider.Shutdown(ctx)) // sends what it has left
}

func spawn(node *ab.Node, path string, receive ab.ReceiverFunc) {
	must(node.Spawn(path, func() ab.Receiver { return receive }))
}

func must[T any](value T, err error) T {
	check(err)
	return value
}

func check(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
