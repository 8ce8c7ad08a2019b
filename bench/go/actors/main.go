// Command actors measures actors of a Go node, or goroutines with a channel each, inside one process. The program `bench` drives it.
package main

import (
	"context"
	"fmt"
	"os"

	"github.com/actorbridge/actorbridge/bench/go/meter"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run serves until the input ends. The process ends with all its actors: to stop a million would take as long as to make them.
func run(arguments []string) error {
	ctx := context.Background()
	var cases []meter.Case
	switch {
	case len(arguments) == 1 && arguments[0] == "node":
		var err error
		if cases, err = node(ctx); err != nil {
			return err
		}
	case len(arguments) == 1 && arguments[0] == "goroutines":
		cases = goroutines()
	default:
		return fmt.Errorf("say what to measure: node or goroutines, not %q", arguments)
	}
	return meter.Serve(ctx, os.Stdin, os.Stdout, 0, cases)
}
